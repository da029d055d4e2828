"""What is recorded: the same verdict when it is judged again, and no id, key or content."""

from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_residency.catalogue import load_catalogue
from otel_residency.core.decide import decide
from otel_residency.core.facts import CallFacts, Hop
from otel_residency.core.policy import ConfiguredHost, Policy
from otel_residency.records.chain import Chain
from otel_residency.records.record import (
    FactsRedactor,
    Record,
    read_facts,
    read_policy,
    write_facts,
    write_policy,
    write_record,
)
from otel_residency.settings.load import Settings
from otel_residency.telemetry import names
from tests.audit.lines import read_link, read_record
from tests.cases import CASES, Case, Expected

CATALOGUE = load_catalogue()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_recorded_call_is_judged_as_it_was(case: Case) -> None:
    """Facts and policy that went through a line of the ledger give the verdict that is true of the call."""
    began = int(datetime.combine(case.day, time(23, 59), UTC).timestamp()) * 10**9
    catalogue = case.catalogue
    text = write_facts(FactsRedactor(catalogue, case.policy)(case.facts))
    document = write_policy(case.policy)
    attributes = {names.FACTS: text, names.POLICY_DOCUMENT: document}
    record = read_record(write_record(Record(names.EVENT_CALL, began, began + 1, attributes)))
    facts, policy = record.facts, read_policy(record.attributes[names.POLICY_DOCUMENT])
    assert facts is not None
    assert Expected.of(decide(facts, catalogue, policy)) == case.expected
    assert decide(facts, catalogue, policy).required == decide(case.facts, catalogue, case.policy).required
    assert policy == case.policy
    assert Settings(policy=policy).policy_hash == Settings(policy=case.policy).policy_hash


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_facts_are_read_as_they_were_written(case: Case) -> None:
    """Nothing of the facts is lost in their text."""
    assert read_facts(write_facts(case.facts), case.day) == case.facts


SCALARS = st.text() | st.integers(-(2**63), 2**63 - 1) | st.booleans()
ATTRIBUTES = st.dictionaries(st.text(), SCALARS | st.lists(SCALARS))


@settings(deadline=None)
@given(ATTRIBUTES, ATTRIBUTES)
def test_any_attributes_are_read_as_they_were_written(attributes: Any, resource: Any) -> None:
    """A line is one line of JSON whatever stands in it, and the reader of links reads the same."""
    record = Record("residency.call", 1, 2, attributes, "0" * 31 + "1", "0" * 15 + "1", resource)
    chain = Chain()
    for _ in range(2):
        linked, line = chain.add(record)
        assert read_record(line) == linked
        assert b"\n" not in line
        link = read_link(line)
        assert link is not None
        assert [link.writer, link.sequence, link.previous] == [linked.attributes[key] for key in LINKS]
        assert all(read_link(line[:end]) is None for end in range(len(line)))


LINKS = (names.LEDGER_WRITER, names.LEDGER_SEQUENCE, names.LEDGER_PREVIOUS)


def test_what_is_no_text_becomes_one() -> None:
    """Attributes of others may be anything: half a character, or a number of more than 64 bits."""
    record = Record("residency.call", 1, 2, {"a": "\udc80", "n": 1 << 63}, resource={"b": 1.5, "c": None})
    read = read_record(write_record(record))
    assert (read.attributes, read.resource) == ({"a": "\ufffd", "n": str(1 << 63)}, {"b": "1.5", "c": "None"})


def test_facts_of_a_later_release_are_not_guessed_at() -> None:
    """A key that is not known may change the verdict: it is none to leave out."""
    record = Record("residency.call", 1, 2, {names.FACTS: '{"method":"GET","hops":[],"moon":"full"}'})
    with pytest.raises(ValueError, match="moon: unknown key"):
        _ = record.facts
    assert Record("residency.call", 1, 2, {}).facts is None


def test_a_path_keeps_only_words_of_the_catalogue() -> None:
    """Ids, and whatever else stands in a path or requirement, are left out; deployments are known."""
    policy = Policy(hosts={"c.openai.azure.com": ConfiguredHost("eu", "azure", {"my-chat": "Standard"})})
    redact = FactsRedactor(CATALOGUE, policy)

    def kept(path: str, base: str = "/v1") -> str:
        hops = (Hop("https", "eu.api.openai.com", None, path),)
        return redact(CallFacts(date(2026, 11, 20), "GET", hops, base)).hops[0].path

    assert kept("/v1/files/file-abc/content") == "/v1/files/{}/content"
    assert kept("/v1/fi%6ces/secret%20word") == "/v1/files/{}"
    assert kept("/v1/./files/%2e%2E/secret/%2F//") == "/v1/./files/../{}/%25//"
    assert kept("/v1/a\\b/c;d/caf\u00e9") == "/v1/%25/%25/%25"
    assert kept("/own/base/v1/chat/secret", "/own/base/v1/") == "/own/base/v1/chat/{}"
    assert kept("/own/base/v1/chat/secret") == "/{}/{}/v1/chat/{}"
    assert kept("/openai/deployments/my-chat/x") == "/openai/deployments/my-chat/{}"
    facts = CallFacts(date(2026, 11, 20), "GET", (), required=(("eu", "gb"), ("mrs-smith",), ()))
    assert redact(facts).required == (("eu", "gb"), ("unreadable",), ())
