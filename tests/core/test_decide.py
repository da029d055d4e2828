"""The table of cases, decided by the core alone."""

from datetime import date

import pytest

from otel_residency.catalogue import load_catalogue
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.decide import decide
from otel_residency.core.facts import CallFacts, Hop
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


def test_a_pinned_table_gets_old_and_says_what_followed_it() -> None:
    """A pinned table is as old as it is, also for the policy, and is in the gap that it leaves."""
    case = _case("eu: listed snapshot, everything attested")
    pinned = Catalogue(CATALOGUE.entries, pinned="openai-2026-02")
    facts = case.facts._replace(on=date(2026, 5, 4))
    within = decide(facts, pinned, case.policy)
    assert within.reasons == ("catalogue.gap",)
    assert within.findings[0].detail == (
        "openai-2026-02 was last seen on 2026-03-05, openai-2026-10 begins on 2026-10-01"
    )
    later = facts._replace(on=date(2026, 5, 5))
    assert decide(later, pinned, case.policy).reasons == ("catalogue.stale", "catalogue.gap")
    strict = decide(facts, pinned, case.policy._replace(catalogue_max_age=59))
    assert (strict.verdict, strict.reasons) == (
        Verdict.INDETERMINATE,
        ("catalogue.stale", "catalogue.gap"),
    )


def test_a_table_that_inherits_says_of_which() -> None:
    """The note names the table that shows the rest; it changes no verdict."""
    case = _case("eu: listed snapshot, everything attested")
    newest = CATALOGUE.entries.revisions[-1]
    inherits = newest._replace(inherits="openai-2026-10", rows=())
    revisions = (*CATALOGUE.entries.revisions[:-1], inherits)
    catalogue = Catalogue(CATALOGUE.entries._replace(revisions=revisions))
    decision = decide(case.facts, catalogue, case.policy)
    assert (decision.verdict, decision.reasons) == (Verdict.ELIGIBLE, ("catalogue.inherited",))
    assert "openai-2026-10" in decision.findings[0].detail


def test_a_finding_about_terms_names_what_does_not_cover_the_endpoint() -> None:
    """Who states a term learns that it does not count there, and which would."""
    case = _case("terms: private retention does not cover embeddings")
    details = [each.detail for each in decide(case.facts, CATALOGUE, case.policy).findings]
    needed = "needs attestation: zero_data_retention or modified_abuse_monitoring; Europe (EEA + Switzerland)"
    assert details == [f"{needed} requires it; private_retention does not cover /v1/embeddings"]


def test_a_model_of_an_unread_table_is_told_with_the_tables_that_were_read() -> None:
    """The sentence names the newest complete table with its last day, and the partial one."""
    case = _case("tables: a model that nobody knows, by a table known in part")
    details = [each.detail for each in decide(case.facts, CATALOGUE, case.policy).findings]
    tables = "openai-2026-10, complete until 2026-11-05, and openai-2026-11, which is partial"
    assert details == [f"gpt-9 is not listed in {tables}"]


def test_without_a_complete_table_only_the_partial_one_is_named() -> None:
    """A model that a partial table does not list is left open, whatever tables there are besides."""
    newest = load_catalogue().revisions[-1]
    assert not newest.is_complete
    entries = load_catalogue().entries._replace(revisions=(newest._replace(inherits=None),))
    hop = Hop(scheme="https", host="eu.api.openai.com", port=None, path="/v1/chat/completions", payload=True)
    facts = CallFacts(on=newest.effective_from, method="POST", hops=(hop,), model="gpt-of-nobody")
    decision = decide(facts, Catalogue(entries), Policy(require=("eu",)))
    (found,) = (each for each in decision.findings if each.reason == "catalogue.models_unknown")
    assert found.detail == f"gpt-of-nobody is not listed in {newest.id}, which is partial"
