"""The reason codes and what people are told about them."""

import re

from otel_residency.catalogue import load_catalogue
from otel_residency.core.decide import decide
from otel_residency.core.reasons import REASONS
from tests.cases import CASES

ELSEWHERE = {"guard.failed", "ledger.unavailable"}
"""Codes that nothing about a request leads to."""


def test_every_code_has_a_case_and_every_case_a_code() -> None:
    """What can be found is documented, and what is documented can be found."""
    found = {reason for case in CASES for reason in case.expected.reasons}
    assert set(REASONS) - ELSEWHERE == found


def test_the_data_names_no_other_codes() -> None:
    """Rules of the tables have reasons that people are told about."""
    named = {rule.reason for revision in load_catalogue().revisions for rule in revision.feature_rules}
    assert named <= set(REASONS)


def test_codes_are_sorted_and_of_one_form() -> None:
    """A code is a subject and what is the matter with it."""
    assert sorted(REASONS) == list(REASONS)
    assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", code) for code in REASONS)


def test_every_code_says_what_it_means_and_what_to_do() -> None:
    """Meaning and fix are sentences."""
    assert [
        code
        for code, reason in REASONS.items()
        if not (reason.meaning.endswith(".") and reason.fix.endswith(".") and reason.source)
    ] == []


def test_a_finding_has_no_other_verdict_than_its_code_is_said_to_have() -> None:
    """What people are told that a code may mean for a call holds for every case, and every code says it."""
    assert all(reason.verdicts for reason in REASONS.values())
    others = {
        (finding.reason, finding.verdict)
        for case in CASES
        for finding in decide(case.facts, load_catalogue(), case.policy).findings
        if finding.verdict not in REASONS[finding.reason].verdicts
    }
    assert others == set()
