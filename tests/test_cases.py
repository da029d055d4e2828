"""The table of cases itself: what it says must be sayable, and be said once."""

from collections import Counter
from datetime import date
from types import SimpleNamespace

import pytest

from otel_residency.calls.body import BodyReader
from otel_residency.catalogue import load_catalogue
from otel_residency.core.verdict import Verdict
from tests.cases import CASES, Case

CATALOGUE = load_catalogue()
NOVEMBER = date(2026, 11, 20)
NAMES = ("model", "service_tier", "features", "tools", "second_models", "second_tiers", "unknown_types")
"""Facts of a request's body."""
READER = BodyReader(CATALOGUE.entries)


def test_every_case_has_a_unique_name() -> None:
    """A name is said once."""
    assert [name for name, count in Counter(case.id for case in CASES).items() if count > 1] == []


@pytest.mark.parametrize("case", [case for case in CASES if case.body is not None], ids=lambda case: case.id)
def test_the_body_of_a_case_has_the_features_that_it_claims(case: Case) -> None:
    """The table says what a request asks for; the reader of the client's requests reads the same."""
    read = READER.read(SimpleNamespace(json_data=case.body), None)
    facts = case.facts
    for name in NAMES:
        assert getattr(read, name) == getattr(facts, name), name


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_case_has_the_stored_things_that_its_request_names(case: Case) -> None:
    """What the body brings along is all there, but for batch files; what path or model name may be."""
    read = READER.read(SimpleNamespace(json_data=case.body), None).stored
    named = READER.named(case.requests[0].path, case.model)
    kinds_and_names = {(stored.kind, name) for name, stored in case.references.items()}
    assert kinds_and_names <= {*read, *named}
    assert {*read} <= kinds_and_names or case.expected.endpoint == "/v1/batches"


def test_every_verdict_region_and_table_has_cases() -> None:
    """None of those of November 2026 was forgotten; what came later may have cases or not."""
    assert {verdict.value for verdict in Verdict} == {case.expected.verdict for case in CASES}
    tables = [revision for revision in CATALOGUE.revisions if revision.effective_from <= NOVEMBER]
    regions = {code for revision in tables for code in revision.regions}
    assert {*regions, "global", "unknown"} <= {case.expected.region for case in CASES}
    assert {*(revision.id for revision in tables), "none"} <= {case.expected.catalogue for case in CASES}


def test_every_listed_endpoint_and_tool_has_a_case() -> None:
    """Each service of November 2026 is called, but for those that share their row with one that is."""
    called = {case.expected.endpoint for case in CASES}
    table = CATALOGUE.revision_on(NOVEMBER)
    rows = [row for row in table.rows if row.kind == "endpoint"] if table else []
    assert rows
    assert [row.id for row in rows if not any(path.startswith(row.services) for path in called)] == []
    used = {tool for case in CASES for tool in case.tools}
    rows_of_tools = {CATALOGUE.tools[tool].row for tool in used if tool in CATALOGUE.tools}
    assert {tool.row for tool in CATALOGUE.entries.tools} == rows_of_tools


def test_the_vendor_s_refusals_that_cases_name_are_listed() -> None:
    """An answer refuses with an entry of the catalogue."""
    kinds_and_names = {refusal.id for refusal in CATALOGUE.entries.refusals}
    assert {case.answer.refusal for case in CASES if case.answer} - {None} <= kinds_and_names
