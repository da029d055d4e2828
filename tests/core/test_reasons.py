"""The reason codes: what is documented of each, and that what follows from one stands in its row."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import otel_residency
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.decide import decide
from otel_residency.core.facts import Reference
from otel_residency.core.reasons import REASONS, reason_of
from otel_residency.core.revision import FeatureRule
from tests.cases import CASES
from tests.frozen import CATALOGUE

ELSEWHERE = {"guard.failed", "ledger.unavailable"}
"""Codes that nothing about a request leads to."""


def test_every_code_has_a_case_and_every_case_a_code() -> None:
    """What can be found is documented, and what is documented can be found."""
    found = {reason for case in CASES for reason in case.expected.reasons}
    assert set(REASONS) - ELSEWHERE == found


def test_a_code_of_a_user_s_catalogue_has_a_row() -> None:
    """A rule of a user's table may give a code that is not listed, and the call is judged all the same."""
    rule = FeatureRule(
        service="/v1", feature="store", reason="ours.store", verdict="ineligible", text="Ours."
    )
    revisions = [revision._replace(feature_rules=(rule,)) for revision in CATALOGUE.revisions]
    catalogue = Catalogue(CATALOGUE.entries._replace(revisions=tuple(revisions)))
    case = next(case for case in CASES if case.id == "eu: listed snapshot, everything attested")
    facts = case.facts._replace(
        features=frozenset({"store"}), references=frozenset({Reference("file", "unknown")})
    )
    assert set(decide(facts, catalogue, case.policy).reasons) == {"ours.store", "state.unseen"}
    assert reason_of("ours.store").verdicts


def _codes_in(tree: ast.AST) -> Iterator[str]:
    """Reason codes, or the beginning of some, that a file names otherwise than to make a finding with it."""
    made = {
        id(argument)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding"
        for argument in node.args[:1]
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in made:
            text = node.value
            if text in REASONS or (text.endswith(".") and any(code.startswith(text) for code in REASONS)):
                yield text


def test_what_follows_from_a_code_stands_in_its_row() -> None:
    """A new code needs its row and its rule: no other file lists codes to treat them in some way."""
    package = Path(otel_residency.__file__).parent
    files = [*package.rglob("*.py")]
    core = package / "core"
    rules = {*core.glob("*reasons.py"), *(core / "rules").iterdir()}
    named = {code for file in set(files) - rules for code in _codes_in(ast.parse(file.read_text("utf-8")))}
    # Each by its text: an error's, and two of `scan`.
    assert named == {"guard.failed", "model.not_listed", "policy.unknown_variable"}
    assert [*_codes_in(ast.parse("A = {'model.alias', 'host.'}; Finding('host.global')"))] == [
        "model.alias",
        "host.",
    ]


def test_codes_are_sorted_and_of_one_form() -> None:
    """A code is a subject and what is the matter with it."""
    assert sorted(REASONS) == list(REASONS)
    assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", code) for code in REASONS)


def test_every_code_has_a_meaning_and_a_fix() -> None:
    """Meaning and fix are sentences."""
    assert [
        code
        for code, reason in REASONS.items()
        if not (reason.meaning.endswith(".") and reason.fix.endswith(".") and reason.source)
    ] == []


def test_a_finding_has_a_verdict_that_its_code_lists() -> None:
    """What people are told that a code may mean for a call holds for every case, and every code says it."""
    assert all(reason.verdicts for reason in REASONS.values())
    undocumented = {
        (finding.reason, finding.verdict)
        for case in CASES
        for finding in decide(case.facts, case.catalogue, case.policy).findings
        if finding.verdict not in REASONS[finding.reason].verdicts
    }
    assert undocumented == set()
