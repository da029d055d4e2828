"""The table of cases, decided by the core alone."""

from datetime import date

import pytest

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.decide import decide
from otel_residency.core.policy import Policy
from otel_residency.core.policy_rules import OnCall
from otel_residency.core.verdict import Verdict
from tests.cases import CASES, Case, Expected
from tests.frozen import CATALOGUE


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_each_case_gets_its_verdict(case: Case) -> None:
    """The verdict, its reasons and what it is about are those of the table."""
    decision = decide(case.facts, case.catalogue, case.policy)
    assert case.expected == Expected.of(decision)


def _case(name: str) -> Case:
    return next(case for case in CASES if case.id == name)


def test_a_call_without_a_request_is_unknown() -> None:
    """Nothing seen is nothing known, even while a note about the catalogue is the only other finding."""
    case = _case("eu: listed snapshot, everything attested")
    facts = case.facts._replace(on=date(2030, 1, 1), hops=())
    decision = decide(facts, CATALOGUE, case.policy)
    assert (
        decision.verdict,
        decision.region,
        decision.endpoint,
        decision.hop_regions,
    ) == (Verdict.INDETERMINATE, "unknown", "unknown", ())
    assert decision.reasons == ("host.unknown", "catalogue.stale")


@pytest.mark.parametrize("on_call", ["flag", "block"])
def test_a_call_that_can_not_be_recorded(on_call: OnCall) -> None:
    """It is a doubt, and in block mode a violation whatever is required, if anything is sent at all."""
    case = _case("eu: listed snapshot, everything attested")
    policy = case.policy._replace(on_call=on_call)
    facts = case.facts._replace(unrecorded=True)
    decision = decide(facts, CATALOGUE, policy)
    assert (decision.verdict, decision.reasons) == (Verdict.INDETERMINATE, ("ledger.unavailable",))
    listing = facts.hops[0]._replace(path="/v1/models", payload=False)
    free = facts._replace(hops=(listing,), method="GET", model=None)
    assert decision.violation == decide(facts, CATALOGUE, Policy(on_call=on_call)).violation
    assert decision.violation == (on_call == "block")
    assert not decide(free, CATALOGUE, policy).violation


def test_every_hop_is_reported() -> None:
    """The regions of all hops are kept, in order; the region of the call is that of the last."""
    case = _case("307 away and back")
    decision = decide(case.facts, CATALOGUE, case.policy)
    assert (decision.hop_regions, decision.region) == (("eu", "us", "eu"), "eu")


def test_details_name_what_was_found() -> None:
    """Who reads a finding learns the host, the model, the endpoint or the attestation that it is about."""
    case = _case("eu host under a us policy")
    decision = decide(case.facts, CATALOGUE, case.policy)
    assert tuple(finding.detail for finding in decision.findings) == ("eu.api.openai.com is eu, not us",)


def test_the_pinned_revision_judges_every_day() -> None:
    """A pinned table holds before and after its time."""
    case = _case("the last day of the table of 2025-02")
    decision = decide(case.facts, Catalogue(CATALOGUE.entries, pinned="openai-2026-02"), case.policy)
    assert (decision.verdict, decision.catalogue) == (Verdict.ELIGIBLE, "openai-2026-02")
