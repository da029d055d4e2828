"""The table of cases, decided by the core alone."""

from datetime import date

import pytest

from otel_residency.catalogue import load_catalogue
from otel_residency.core.decide import decide
from otel_residency.core.verdict import Verdict
from tests.cases import CASES, Case, Expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_each_case_gets_its_verdict(case: Case) -> None:
    """The verdict, its reasons and what it is about are those of the table."""
    decision = decide(case.facts, load_catalogue(), case.policy)
    assert case.expected == Expected.of(decision)


def test_a_call_of_which_no_request_was_seen_is_unknown() -> None:
    """Nothing seen is nothing known, even while a note about the catalogue is the only other finding."""
    facts = CASES[0].facts._replace(on=date(2030, 1, 1), hops=())
    decision = decide(facts, load_catalogue(), CASES[0].policy)
    assert (Verdict.INDETERMINATE, "unknown", "unknown", ()) == (
        decision.verdict,
        decision.region,
        decision.endpoint,
        decision.hop_regions,
    )
    assert ("host.unknown", "catalogue.stale") == decision.reasons


def test_every_hop_is_told() -> None:
    """The regions of all hops are kept, in order; the region of the call is that of the last."""
    case = next(case for case in CASES if case.id == "307 away and back")
    decision = decide(case.facts, load_catalogue(), case.policy)
    assert (("eu", "us", "eu"), "eu") == (decision.hop_regions, decision.region)


def test_details_name_what_was_found() -> None:
    """Who reads a finding learns the host, the model, the endpoint or the attestation that it is about."""
    case = next(case for case in CASES if case.id == "eu host under a us policy")
    decision = decide(case.facts, load_catalogue(), case.policy)
    assert ("eu.api.openai.com is eu, not us",) == tuple(finding.detail for finding in decision.findings)


def test_the_pinned_revision_judges_every_day() -> None:
    """A pinned table holds before and after its time."""
    case = next(case for case in CASES if case.id == "the last day of the table of 2025-02")
    decision = decide(case.facts, load_catalogue("openai-2026-02"), case.policy)
    assert (Verdict.ELIGIBLE, "openai-2026-02") == (decision.verdict, decision.catalogue)
