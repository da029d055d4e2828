"""The order of verdicts, and what a decision says."""

from otel_residency.core.verdict import SEVERITY, Decision, Finding, Verdict


def test_every_verdict_but_one_has_its_place_in_the_order() -> None:
    """What does not apply is neither better nor worse than anything."""
    assert set(Verdict) - {Verdict.NOT_APPLICABLE} == set(SEVERITY)
    assert sorted(SEVERITY.values()) == list(SEVERITY.values())


def test_reasons_are_reported_once_and_in_order() -> None:
    """Two findings of one kind are one reason."""
    findings = (
        Finding("host.global", Verdict.INELIGIBLE, "a"),
        Finding("model.alias", Verdict.INDETERMINATE, "b"),
        Finding("host.global", Verdict.INDETERMINATE, "c"),
    )
    decision = Decision(
        verdict=Verdict.INELIGIBLE,
        findings=findings,
        violation=True,
        region="global",
        hop_regions=(),
        endpoint="unknown",
        snapshot=None,
        catalogue="none",
        required=(),
        on_call="flag",
        on_export="flag",
    )
    assert decision.reasons == ("host.global", "model.alias")
