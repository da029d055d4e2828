"""What the ledger has of a call: one record, whatever becomes of the call and of its trace."""

import json
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from otel_residency import ResidencyInstrumentor, ResidencyViolationError
from otel_residency.audit.verify import verify
from otel_residency.calls.state import runtime
from otel_residency.core.decide import decide
from otel_residency.records.record import Record, read_policy
from otel_residency.telemetry import names
from tests.audit.lines import read_record
from tests.calls.kinds import Kind
from tests.frozen import CATALOGUE
from tests.internet import EU, US, Internet
from tests.recorded import Instrument, settle
from tests.vendor import ALIAS, SNAPSHOT

CHAT: dict[str, Any] = {"model": ALIAS, "messages": [{"role": "user", "content": "Hello"}]}
EVENTS = (names.EVENT_POLICY, names.EVENT_CALL, names.EVENT_CHECKPOINT)


def records(path: Path, event: str = names.EVENT_CALL) -> list[Record]:
    """The records of the calls, once everything is written."""
    ResidencyInstrumentor().uninstrument()
    read = [read_record(line) for line in path.read_bytes().splitlines()]
    return [record for record in read if record.event == event]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is."""
    return tmp_path / "ledger.jsonl"


def test_the_record_of_a_call(instrument: Instrument, kind: Kind, path: Path) -> None:
    """It has what the span has, how long the call took, and facts that give the verdict again."""
    residency = instrument(ledger=str(path))
    kind.run(kind.open().chat.completions.create(**CHAT))
    (record,) = records(path)
    (span,) = residency.spans
    attributes = json.loads(json.dumps(dict(span.attributes or {})))
    assert {key: record.attributes[key] for key in attributes} == attributes
    assert record.attributes.keys() - attributes.keys() == {
        names.DURATION,
        names.FACTS,
        names.POLICY_DIGEST,
        names.CATALOGUE_DIGEST,
        names.LEDGER_WRITER,
        names.LEDGER_SEQUENCE,
        names.LEDGER_PREVIOUS,
    }
    assert span.context is not None
    assert (int(record.trace_id, 16), int(record.span_id, 16)) == (
        span.context.trace_id,
        span.context.span_id,
    )
    assert (record.time, record.resource) == (span.start_time, span.resource.attributes)
    (policy,) = records(path, names.EVENT_POLICY)
    assert record.facts is not None
    decision = decide(record.facts, CATALOGUE, read_policy(policy.attributes[names.POLICY_DOCUMENT]))
    assert (decision.verdict, sorted(decision.reasons)) == (
        attributes[names.VERDICT],
        sorted(attributes[names.REASONS]),
    )
    assert policy.attributes[names.POLICY] == attributes[names.POLICY]


def test_every_call_is_recorded_once_whatever_the_sampler(
    instrument: Instrument, sync: Kind, path: Path
) -> None:
    """Neither a sampler that keeps nothing nor suppressed tracing thins the ledger."""
    instrument(sampler=ALWAYS_OFF, ledger=path)
    client = sync.open()
    client.chat.completions.create(**CHAT)
    with suppress_instrumentation():
        client.chat.completions.create(**CHAT)
    assert [record.attributes[names.VERDICT] for record in records(path)] == ["eligible"] * 2


def test_a_refused_call_is_recorded(
    instrument: Instrument, kind: Kind, path: Path, internet: Internet
) -> None:
    """A record says that it was refused, and its facts say why."""
    instrument(ledger=path, on_call="block")
    with pytest.raises(ResidencyViolationError):
        kind.run(kind.open(base_url=f"https://{US}/v1").chat.completions.create(**CHAT))
    (record,) = records(path)
    assert (record.attributes[names.ACTION], internet.hosts) == ("blocked", [])
    assert record.facts is not None
    assert [hop.host for hop in record.facts.hops] == [US]


def test_a_stream_is_recorded_at_its_end(instrument: Instrument, sync: Kind, path: Path) -> None:
    """The record has the snapshot that the stream's events name."""
    instrument(ledger=path)
    for _ in sync.open().chat.completions.create(**CHAT, stream=True):
        pass
    settle()
    (record,) = records(path)
    assert record.attributes[names.MODEL_SNAPSHOT] == SNAPSHOT


def test_no_id_key_or_content_is_recorded(instrument: Instrument, sync: Kind, path: Path) -> None:
    """Of a path only the words that the catalogue knows are kept, of a query and of what is sent nothing."""
    instrument(ledger=path)
    client = sync.open(api_key="sk-secret-key", base_url=f"https://user:secret-word@{EU}/v1?q=secret-query")
    client.get("/files/secret-id/content?secret-query", cast_to=object)
    client.chat.completions.create(
        model=ALIAS,
        messages=[{"role": "user", "content": "secret-prompt"}],
        extra_query={"a": "secret-query"},
    )
    assert len(records(path)) == 2
    assert b"secret" not in path.read_bytes()


def test_no_record_no_call(instrument: Instrument, kind: Kind, tmp_path: Path, internet: Internet) -> None:
    """Where a record of each call is demanded, none is made that can't be recorded; later ones are."""
    place = tmp_path / "later"
    path = place / "ledger.jsonl"
    instrument(ledger={"path": str(path), "required": True}, on_call="block")
    client = kind.open()
    with pytest.raises(ResidencyViolationError, match=r"ledger\.unavailable"):
        kind.run(client.chat.completions.create(**{**CHAT, "model": SNAPSHOT}))
    assert internet.hosts == []
    place.mkdir()
    state = runtime.state
    assert state is not None
    assert state.ledger is not None
    assert state.ledger.flush()
    kind.run(client.chat.completions.create(**{**CHAT, "model": SNAPSHOT}))
    verdicts = [(each.attributes[names.VERDICT], each.attributes.get(names.ACTION)) for each in records(path)]
    assert verdicts == [("indeterminate", "blocked"), ("eligible", None)]


def test_no_call_while_the_file_is_locked(
    instrument: Instrument, kind: Kind, path: Path, internet: Internet
) -> None:
    """A lock of another program refuses the calls of clients of either kind; when it is gone, they go on."""
    instrument(ledger={"path": str(path), "required": True}, on_call="block")
    client = kind.open()
    kind.run(client.chat.completions.create(**{**CHAT, "model": SNAPSHOT}))
    with path.open("r+b") as other:
        flock(other, LOCK_EX)
        for _ in range(3):
            with pytest.raises(ResidencyViolationError, match=r"ledger\.unavailable"):
                kind.run(client.chat.completions.create(**{**CHAT, "model": SNAPSHOT}))
    assert len(internet.hosts) == 1
    assert runtime.state is not None
    assert runtime.state.ledger is not None
    assert runtime.state.ledger.flush()
    kind.run(client.chat.completions.create(**{**CHAT, "model": SNAPSHOT}))
    assert len(internet.hosts) == 2
    actions = [each.attributes.get(names.ACTION) for each in records(path)]
    assert actions == [None, "blocked", "blocked", "blocked", None]


def test_in_flag_mode_calls_go_on(instrument: Instrument, sync: Kind, tmp_path: Path) -> None:
    """A ledger that can't be written, demanded or not, does not reach the application."""
    residency = instrument(ledger={"path": str(tmp_path / "none" / "ledger.jsonl"), "required": True})
    sync.open().chat.completions.create(**{**CHAT, "model": SNAPSHOT})
    assert residency.span[names.VERDICT] == "eligible"


def test_a_call_past_the_client_is_recorded(instrument: Instrument, path: Path) -> None:
    """Requests of HTTP clients to the vendor are calls, too."""
    instrument(ledger=path)
    httpx.post(f"https://{US}/v1/chat/completions", json=CHAT)
    settle()
    (record,) = records(path)
    assert (record.attributes[names.VERDICT], record.attributes[names.HTTP_STATUS]) == ("ineligible", 200)


def test_records_are_counted(instrument: Instrument, sync: Kind, path: Path) -> None:
    """The metric tells how many calls have a record."""
    residency = instrument(ledger=path)
    sync.open().chat.completions.create(**CHAT)
    assert len(records(path)) == 1
    assert residency.points(names.METRIC_LEDGER_RECORDS) == [(1, {names.LEDGER_OUTCOME: names.WRITTEN})]


def test_another_activation_is_another_writer(instrument: Instrument, sync: Kind, path: Path) -> None:
    """Who switches the package on anew, with another policy, ends one chain and begins another."""
    instrument(ledger=path)
    client = sync.open()
    client.chat.completions.create(**CHAT)
    ResidencyInstrumentor().uninstrument()
    instrument(ledger=path, require=["us"])
    client.chat.completions.create(**CHAT)
    assert [record.attributes[names.REQUIRED] for record in records(path)] == [["eu"], ["us"]]
    assert len(records(path, names.EVENT_POLICY)) == 2
    verified = verify([path], {})
    assert (verified.writers, verified.problems, verified.notes) == (2, (), ())


def test_records_are_emitted_too(instrument: Instrument, sync: Kind, path: Path) -> None:
    """Where it is asked for, every record also leaves as a log record, on the trace of its call."""
    residency = instrument(ledger={"path": str(path), "events": True}, require=["us"])
    sync.open().chat.completions.create(**CHAT)
    written = [record for event in EVENTS for record in records(path, event)]
    emitted = [record for event in EVENTS for record in residency.residency_logs(event)]
    assert [json.loads(json.dumps(dict(each.attributes))) for each in emitted] == [
        dict(each.attributes) for each in written
    ]
    assert [each.timestamp for each in emitted] == [each.time for each in written]
    (call,) = residency.residency_logs(names.EVENT_CALL)
    (span,) = residency.spans
    assert span.context is not None
    assert (call.span_id, call.severity_text) == (span.context.span_id, "ERROR")
