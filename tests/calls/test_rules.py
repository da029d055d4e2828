"""Rules and exceptions of a policy in calls of the real client: refused, flagged, counted and recorded."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from examples.demo.loopback import Asked, Reply
from otel_residency import ResidencyInstrumentor, ResidencyViolationError
from otel_residency.audit.engines import over_files
from otel_residency.audit.render.data import as_csv
from otel_residency.audit.render.html import as_html
from otel_residency.audit.render.markdown import as_markdown
from otel_residency.audit.report import AuditReport, make_report
from otel_residency.calls.state import runtime
from otel_residency.catalogue import load_catalogue
from otel_residency.cli.report import as_text
from otel_residency.instrumentor import pre_instrument
from otel_residency.settings.load import read_policy_file, read_settings
from otel_residency.telemetry import names
from tests.calls.kinds import Kind
from tests.calls.resources import METHODS
from tests.frozen import FROZEN
from tests.internet import US, Internet
from tests.recorded import EU_POLICY, Instrument, Recorded
from tests.vendor import SNAPSHOT, answer, ordinary

CHAT: dict[str, Any] = {"model": SNAPSHOT, "messages": [{"role": "user", "content": "Hello"}]}
EXAMPLE = Path(__file__).parents[2] / "examples" / "policies" / "batch-and-fine-tuning-eu.toml"
LINE = {"custom_id": "r", "method": "POST", "url": "/v1/chat/completions", "body": CHAT}
TUNED = "gpt-4.1-2025-04-14"
EXCEPTION = {
    "when": {"endpoint": "/v1/chat"},
    "require": ["us"],
    "owner": "jane@corp.example",
    "reason": "moves old files, ticket 4711",
    "until": "2099-01-31",
}


def test_on_call_may_differ_by_endpoint(kind: Kind, instrument: Instrument, internet: Internet) -> None:
    """One endpoint is refused, another only flagged; neither needs the other's mode."""
    residency = instrument(rule=[{"when": {"endpoint": "/v1/chat"}, "on_call": "block"}])
    client = kind.open(base_url=f"https://{US}/v1")
    with pytest.raises(ResidencyViolationError):
        kind.run(client.chat.completions.create(**CHAT))
    kind.run(client.embeddings.create(model="text-embedding-3-small", input="Hello"))
    assert [asked.path for asked in internet.requests] == ["/v1/embeddings"]
    assert residency.values(names.ACTION) == ["blocked", "flagged"]


@pytest.mark.skipif("responses.create" not in METHODS, reason="there are no responses")
def test_strict_may_differ_by_endpoint(kind: Kind, instrument: Instrument) -> None:
    """A doubt is a violation where a rule is strict, and none elsewhere."""
    residency = instrument(rule=[{"when": {"endpoint": "/v1/chat"}, "strict": True}])
    client = kind.open(base_url="https://llm.example/v1")
    kind.run(client.chat.completions.create(**CHAT))
    kind.run(client.responses.create(model=SNAPSHOT, input="Hello"))
    assert residency.values(names.VERDICT) == ["indeterminate"] * 2
    assert residency.values(names.VIOLATION) == [True, False]


def test_what_can_t_be_judged_is_refused_if_a_rule_blocks(
    kind: Kind, instrument: Instrument, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be the call that the rule is about."""
    instrument(rule=[{"when": {"endpoint": "/v1/embeddings"}, "on_call": "block"}])
    assert runtime.state is not None

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(runtime.state.guard, "judge", fail)
    with pytest.raises(ResidencyViolationError, match=r"guard\.failed"):
        kind.run(kind.open().chat.completions.create(**CHAT))
    assert internet.requests == []


@pytest.mark.skipif("responses.create" not in METHODS, reason="there are no responses")
def test_a_call_under_an_exception_is_counted_and_reported_as_such(
    kind: Kind, instrument: Instrument, tmp_path: Path
) -> None:
    """On span, metric, event and record, and in the report, with owner and reason; other calls are not."""
    pytest.importorskip("duckdb")
    ledger = tmp_path / "ledger.jsonl"
    residency = instrument(exception=[EXCEPTION], ledger=str(ledger))
    kind.run(kind.open(base_url=f"https://{US}/v1").chat.completions.create(**CHAT))
    kind.run(kind.open().chat.completions.create(**CHAT))
    kind.run(kind.open().responses.create(model=SNAPSHOT, input="Hello"))
    assert residency.values(names.EXCEPTION_OWNER) == ["jane@corp.example"] * 2 + [None]
    assert residency.values(names.EXCEPTION_REASON)[0] == EXCEPTION["reason"]
    assert residency.values(names.VIOLATION) == [False, True, False]
    (event,) = residency.violations
    assert event.attributes[names.EXCEPTION_OWNER] == "jane@corp.example"
    counted = [point.get(names.EXCEPTION_OWNER) for _, point in residency.points(names.METRIC_CALLS)]
    assert sorted(counted, key=str) == [None, "jane@corp.example", "jane@corp.example"]
    ResidencyInstrumentor().uninstrument()
    report = reported(ledger)
    (found,) = report.exceptions
    assert (found.owner, found.reason, found.calls) == ("jane@corp.example", EXCEPTION["reason"], 2)
    assert found.outcomes == {"kept": 1, "broken": 1}
    assert report.replay.differences == ()
    for text in (as_text(report), as_markdown(report), as_html(report), as_csv(report)):
        assert "jane@corp.example" in text
        assert "ticket 4711" in text
    assert "2 calls were made under an exception" in as_markdown(report).replace("\N{NO-BREAK SPACE}", " ")


def reported(ledger: Path) -> AuditReport:
    """The report on a ledger."""
    catalogue = load_catalogue()
    with over_files([ledger], frozenset(catalogue.hosts), lambda *_: None) as source:
        return make_report(source, catalogue, datetime.now(UTC))


# The policy that is shipped for Batch and fine-tuning


def stored(asked: Asked) -> Reply:
    """The vendor's answer to an upload and to a job: it has an id."""
    if asked.path.endswith("/files"):
        return answer(
            {
                "id": "file-1",
                "object": "file",
                "bytes": 1,
                "created_at": 1,
                "filename": "f",
                "purpose": "batch",
            }
        )
    if asked.path.endswith("/jobs"):
        return answer({"id": "ftjob-1", "object": "fine_tuning.job", "created_at": 1, "model": TUNED})
    return ordinary(asked)


@pytest.fixture
def example(tmp_path: Path, instrument: Instrument, internet: Internet) -> Recorded:
    """The shipped policy in force, with its state file in a folder that exists here."""
    internet.respond = stored
    text = EXAMPLE.read_text(encoding="utf-8").replace("/var/lib/otel-residency", str(tmp_path))
    path = tmp_path / "residency.toml"
    path.write_text(text, encoding="utf-8")
    settings = read_settings({"OTEL_RESIDENCY_POLICY": str(path), "OTEL_RESIDENCY_CATALOGUE": FROZEN})
    return instrument(settings)


def test_batch_and_fine_tuning_run_under_the_shipped_policy(
    kind: Kind, example: Recorded, internet: Internet
) -> None:
    """In block mode, on the EU host, and eligible: uploads, a batch, a job, and what fetches them."""
    client, content = kind.open(), json.dumps(LINE).encode() + b"\n"
    kind.run(client.files.create(file=content, purpose="batch"))
    kind.run(
        client.batches.create(
            input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h"
        )
    )
    kind.run(client.files.create(file=b'{"messages": []}\n', purpose="fine-tune"))
    kind.run(client.fine_tuning.jobs.create(model=TUNED, training_file="file-1"))
    kind.run(client.batches.retrieve("batch_1"))
    kind.run(client.files.content("file-1"))
    kind.run(client.chat.completions.create(**CHAT))
    assert [asked.path for asked in internet.requests] == [
        "/v1/files",
        "/v1/batches",
        "/v1/files",
        "/v1/fine_tuning/jobs",
        "/v1/batches/batch_1",
        "/v1/files/file-1/content",
        "/v1/chat/completions",
    ]
    assert set(example.values(names.VERDICT)) == {"eligible"}


@pytest.mark.usefixtures("example")
def test_the_shipped_policy_loosens_nothing_else(kind: Kind, internet: Internet) -> None:
    """A file with an ineligible line, a base model that no row lists, and another host are refused."""
    client, elsewhere = kind.open(), kind.open(base_url=f"https://{US}/v1")
    wrong = {**LINE, "body": {"model": "text-embedding-3-small", "input": "x"}, "url": "/v1/embeddings"}
    with pytest.raises(ResidencyViolationError, match=r"batch\.line_ineligible"):
        kind.run(client.files.create(file=json.dumps(wrong).encode(), purpose="batch"))
    with pytest.raises(ResidencyViolationError, match=r"model\.not_listed"):
        kind.run(client.fine_tuning.jobs.create(model="gpt-4-0613", training_file="file-1"))
    with pytest.raises(ResidencyViolationError, match=r"host\.region_mismatch"):
        kind.run(elsewhere.files.create(file=b"x", purpose="fine-tune"))
    assert internet.requests == []


def test_the_shipped_policy_has_no_problem() -> None:
    """Of its keys none is unknown."""
    assert read_policy_file(str(EXAMPLE)).problems == ()


# A later `instrument()`


def test_a_later_instrument_tightens_and_does_not_loosen(
    kind: Kind, instrument: Instrument, internet: Internet, caplog: pytest.LogCaptureFixture
) -> None:
    """What an argument set; everything else that it says is ignored, with a warning, as before."""
    residency = instrument(on_call="flag")
    client = kind.open(base_url=f"https://{US}/v1")
    ResidencyInstrumentor().instrument(on_call="block")
    with pytest.raises(ResidencyViolationError):
        kind.run(client.chat.completions.create(**CHAT))
    ResidencyInstrumentor().instrument(on_call="flag", require=["us"])
    assert "Attempting to instrument while already instrumented" in caplog.text
    with pytest.raises(ResidencyViolationError):
        kind.run(client.chat.completions.create(**CHAT))
    assert internet.requests == []
    # The providers of the first call are those of the later ones.
    assert residency.values(names.ACTION) == ["blocked"] * 2


@pytest.mark.parametrize("first", ["argument", "auto-instrumentation"])
def test_a_weaker_start_after_a_stricter_one_loosens_nothing(
    kind: Kind,
    instrument: Instrument,
    internet: Internet,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
) -> None:
    """`instrument()` and the auto-instrumentation, in either order: the stricter one holds."""
    monkeypatch.setenv("OTEL_RESIDENCY_REQUIRE", "eu")
    monkeypatch.setenv("OTEL_RESIDENCY_CATALOGUE", FROZEN)
    if first == "argument":
        instrument(on_call="block")
        monkeypatch.setenv("OTEL_RESIDENCY_ON_CALL", "flag")
        pre_instrument()
    else:
        monkeypatch.setenv("OTEL_RESIDENCY_ON_CALL", "block")
        pre_instrument()
        instrument(on_call="flag")
    with pytest.raises(ResidencyViolationError):
        kind.run(kind.open(base_url=f"https://{US}/v1").chat.completions.create(**CHAT))
    assert internet.requests == []


def test_replace_loosens_and_is_logged(
    kind: Kind, instrument: Instrument, internet: Internet, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes the place of all settings, and the log names what a rule could have set."""
    residency = instrument(on_call="block")
    with caplog.at_level(logging.WARNING):
        ResidencyInstrumentor().instrument(
            replace=True, on_call="flag", catalogue=FROZEN, **EU_POLICY, **residency.providers
        )
    assert "replaces the active settings: on_call block -> flag" in caplog.text
    kind.run(kind.open(base_url=f"https://{US}/v1").chat.completions.create(**CHAT))
    assert [asked.host for asked in internet.requests] == [US]
    assert residency.values(names.ACTION) == ["flagged"]


def test_what_only_the_file_set_may_be_set_either_way(
    kind: Kind, instrument: Instrument, internet: Internet, tmp_path: Path
) -> None:
    """As any argument may; but a rule of the file is stricter than that."""
    path = tmp_path / "residency.toml"
    rule = '[[rule]]\nwhen = { endpoint = "/v1/chat" }\non_call = "block"\n'
    path.write_text(f'on_call = "block"\n{rule}', encoding="utf-8")
    instrument(policy=str(path))
    ResidencyInstrumentor().instrument(on_call="flag")
    client = kind.open(base_url=f"https://{US}/v1")
    kind.run(client.embeddings.create(model="text-embedding-3-small", input="Hello"))
    with pytest.raises(ResidencyViolationError):
        kind.run(client.chat.completions.create(**CHAT))
    assert [asked.path for asked in internet.requests] == ["/v1/embeddings"]
