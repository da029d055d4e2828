"""What is recorded: the same verdict when it is judged again, and no id, key or content."""

from datetime import UTC, datetime, time

import pytest

from otel_residency.audit.record import (
    Plainer,
    Record,
    read_facts,
    read_policy,
    read_record,
    write_facts,
    write_policy,
    write_record,
)
from otel_residency.catalogue import load_catalogue
from otel_residency.core.decide import decide
from otel_residency.settings import Settings
from otel_residency.telemetry import names
from tests.cases import CASES, Case, Expected

CATALOGUE = load_catalogue()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_recorded_call_is_judged_as_it_was(case: Case) -> None:
    """Facts and policy that went through a line of the ledger give the verdict that is true of the call."""
    began = int(datetime.combine(case.day, time(23, 59), UTC).timestamp()) * 10**9
    text = write_facts(Plainer(CATALOGUE, case.policy)(case.facts))
    document = write_policy(case.policy)
    attributes = {names.FACTS: text, names.POLICY_DOCUMENT: document}
    record = read_record(write_record(Record(names.EVENT_CALL, began, began + 1, attributes)))
    facts, policy = record.facts, read_policy(record.attributes[names.POLICY_DOCUMENT])
    assert facts is not None
    assert Expected.of(decide(facts, CATALOGUE, policy)) == case.expected
    assert decide(facts, CATALOGUE, policy).required == decide(case.facts, CATALOGUE, case.policy).required
    assert policy == case.policy
    assert Settings(policy=policy).policy_hash == Settings(policy=case.policy).policy_hash


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_facts_are_read_as_they_were_written(case: Case) -> None:
    """Nothing of the facts is lost in their text."""
    assert read_facts(write_facts(case.facts), case.day) == case.facts
