"""The gate as a processor that an application puts in front of its own."""

from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    InMemoryLogRecordExporter,
    SimpleLogRecordProcessor,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_residency import ResidencyLogRecordProcessor, ResidencySpanProcessor
from otel_residency.runtime.runtime import runtime
from otel_residency.telemetry import names
from tests.export_gate.conftest import Items
from tests.export_gate.genai import PROMPT, chat, log, model_call
from tests.internet import US
from tests.recorded import Instrument, Recorded


def gated(recorded: Recorded, *, batch: bool) -> tuple[InMemorySpanExporter, Any]:
    """The providers of an application that knows of the gate."""
    spans, logs = InMemorySpanExporter(), InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    recorded.tracer_provider = TracerProvider()
    recorded.logger_provider = LoggerProvider()
    of_spans = BatchSpanProcessor(spans) if batch else SimpleSpanProcessor(spans)
    of_logs = BatchLogRecordProcessor(logs) if batch else SimpleLogRecordProcessor(logs)
    recorded.tracer_provider.add_span_processor(ResidencySpanProcessor(of_spans))
    recorded.logger_provider.add_log_record_processor(ResidencyLogRecordProcessor(of_logs))
    return spans, logs


@pytest.mark.parametrize("batch", [False, True])
def test_it_decides_once(instrument: Instrument, items: Items, *, batch: bool) -> None:
    """In front of a processor, with the gate installed all the same: treated once, counted once."""
    recorded = instrument(on_export="redact")
    spans, logs = gated(recorded, batch=batch)
    with model_call(recorded):
        log(recorded)
        chat(US)
    recorded.tracer_provider.force_flush()
    recorded.logger_provider.force_flush()
    (span,) = spans.get_finished_spans()
    (record,) = logs.get_finished_logs()
    assert PROMPT not in span.to_json()
    assert (span.attributes or {})[names.EXPORT_ACTION] == "redacted"
    assert record.log_record.body is None
    assert items(recorded) == {("traces", "redacted"): 1, ("logs", "redacted"): 1}
    recorded.tracer_provider.shutdown()


def test_alone_it_follows_the_environment(instrument: Instrument, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no gate is installed it goes by the variables; what it can't relate to a call it leaves alone."""
    recorded = instrument(on_export="withhold")
    with model_call(recorded):
        chat(US)
        runtime.gate = runtime.build_gate = None
        monkeypatch.setenv("OTEL_RESIDENCY_ON_EXPORT", "withhold")
        spans, logs = gated(recorded, batch=False)
        log(recorded)
        with model_call(recorded):
            pass
    assert [record.log_record.body for record in logs.get_finished_logs()] == [None]
    (span,) = spans.get_finished_spans()
    # Beside the call, and not above or below it.
    assert (span.name, PROMPT in span.to_json()) == ("chat gpt-5.2", False)


def test_other_attributes_are_those_of_the_wrapped_one(residency: Recorded) -> None:
    """Others look for the exporter of a processor; flushing and shutting down reach it."""
    spans, logs = gated(residency, batch=True)
    processor = ResidencySpanProcessor(BatchSpanProcessor(spans))
    assert processor.span_exporter is spans
    assert not hasattr(processor, "no_such_thing")
    with model_call(residency):
        log(residency, "some.event")
    assert residency.tracer_provider.force_flush()
    assert residency.logger_provider.force_flush()
    assert (len(spans.get_finished_spans()), len(logs.get_finished_logs())) == (1, 1)
    residency.tracer_provider.shutdown()
    residency.logger_provider.shutdown()
    processor.shutdown()
    assert spans._stopped
