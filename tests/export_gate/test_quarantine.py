"""The originals of what the gate takes away are kept where the policy says, or the item does not leave."""

import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_residency.export_gate.redact import WITHHELD_NAME
from tests.export_gate.conftest import Items
from tests.export_gate.genai import KEPT, PROMPT, chat, log, model_call
from tests.internet import EU, US
from tests.recorded import Instrument


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that is not there yet."""
    return tmp_path / "quarantine.jsonl"


@pytest.mark.parametrize("mode", ["redact", "withhold"])
def test_a_file_keeps_the_originals(instrument: Instrument, path: Path, mode: str) -> None:
    """OTLP JSON, one line an item, for the owner's eyes only; what leaves unchanged is not in it."""
    recorded = instrument(on_export=mode, quarantine=str(path))
    for host in (EU, US):
        with model_call(recorded):
            chat(host)
            log(recorded)
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [*map(len, lines)] == [1, 1]
    (record,) = lines[0]["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    (span,) = lines[1]["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert PROMPT in json.dumps(record)
    assert PROMPT in json.dumps(span)
    assert span["name"] == "chat gpt-5.2"
    assert {each["key"] for each in span["attributes"]} >= KEPT.keys()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


class Failing(SpanExporter):
    """Keeps nothing."""

    def __init__(self, *, loudly: bool) -> None:
        self._loudly = loudly

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Fail, in one way or the other."""
        del spans
        if self._loudly:
            raise OSError(PROMPT)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Nothing to do."""


@pytest.mark.parametrize("loudly", [True, False])
def test_what_cant_be_kept_is_withheld(
    instrument: Instrument, items: Items, caplog: pytest.LogCaptureFixture, *, loudly: bool
) -> None:
    """When the quarantine fails the item is withheld, counted and reported."""
    recorded = instrument(on_export="redact", quarantine_spans=Failing(loudly=loudly))
    with model_call(recorded):
        chat(US)
    assert {span.name for span in recorded.every_span} >= {WITHHELD_NAME}
    assert PROMPT not in recorded.everything
    assert items(recorded) == {("traces", "withheld"): 1}
    assert "the quarantine" in caplog.text
    assert PROMPT not in caplog.text


@pytest.mark.parametrize("broken", ["no-such-folder/file", "open-to-all", "a-fifo", "full"])
def test_a_file_that_cant_be_used_withholds(
    instrument: Instrument, tmp_path: Path, items: Items, broken: str
) -> None:
    """A folder that is missing, a file that others can read, something that is no file, a full disk."""
    path = tmp_path / broken
    if broken == "open-to-all":
        path.touch(mode=0o644)
        path.chmod(0o644)
    elif broken == "a-fifo":
        os.mkfifo(path, 0o600)
        os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    elif broken == "full":
        path = Path("/dev/full")
    recorded = instrument(on_export="redact", quarantine=str(path))
    with model_call(recorded):
        log(recorded)
        chat(US)
    assert PROMPT not in recorded.everything
    assert items(recorded) == {("traces", "withheld"): 1, ("logs", "withheld"): 1}


def test_a_custom_exporter_may_keep_them(instrument: Instrument) -> None:
    """Exporters given in code, for instance to a back end in the right region, get the originals."""
    spans = InMemorySpanExporter()
    logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    recorded = instrument(on_export="withhold", quarantine_spans=spans, quarantine_logs=logs)
    with model_call(recorded):
        chat(US)
        log(recorded)
    (span,) = spans.get_finished_spans()
    (record,) = logs.get_finished_logs()
    assert PROMPT in span.to_json()
    assert record.log_record.body == {"content": PROMPT}
    assert PROMPT not in recorded.everything


def test_without_the_exporter_for_files_everything_is_withheld(
    instrument: Instrument, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A quarantine that is asked for and not installed is told of, and nothing leaves for it."""
    import sys

    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.json.file", None)
    recorded = instrument(on_export="redact", quarantine=str(path))
    with model_call(recorded):
        chat(US)
    assert {span.name for span in recorded.every_span} >= {WITHHELD_NAME}
    assert "install otel-residency[quarantine]" in caplog.text
