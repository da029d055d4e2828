"""Content bound for a back end in the wrong region stays here, whatever the verdict of its call."""

from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    InMemoryLogRecordExporter,
    SimpleLogRecordProcessor,
)
from opentelemetry.sdk.trace import (
    ConcurrentMultiSpanProcessor,
    ReadableSpan,
    SpanProcessor,
    TracerProvider,
)
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_residency.export_gate.destinations import Destinations, address_of, exporter_of
from otel_residency.guard import Guard
from otel_residency.settings.load import read_settings
from tests.export_gate.conftest import Items
from tests.export_gate.genai import PROMPT, chat, log, model_call
from tests.internet import EU
from tests.recorded import Instrument, Recorded

NEW_RELIC_EU = "https://otlp.eu01.nr-data.net/v1/traces"
NEW_RELIC_US = "https://otlp.nr-data.net/v1/traces"
TELEMETRY = {"content_regions": ["eu"], "hosts": {"collector.example:4318": "eu", "us.example": "us"}}


class Elsewhere(InMemorySpanExporter):
    """Keeps what it would send to an endpoint."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self.endpoint = endpoint


class LogsElsewhere(InMemoryLogRecordExporter):
    """The same for log records."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.endpoint = endpoint


def destinations(**policy: Any) -> Destinations:
    """Those of a policy."""
    guard = Guard(read_settings({}, {"telemetry": TELEMETRY, "require": ["eu"], **policy}))
    return Destinations(lambda: guard)


@pytest.mark.parametrize(
    ("endpoint", "region", "admitted"),
    [
        pytest.param(NEW_RELIC_EU, "eu", True, id="documented"),
        pytest.param(NEW_RELIC_US, "us", False, id="documented-elsewhere"),
        pytest.param("http://collector.example:4318/v1/traces", "eu", True, id="configured"),
        pytest.param("http://us.example/v1/traces", "us", False, id="configured-elsewhere"),
        pytest.param("http://localhost:4318/v1/traces", "local", True, id="local"),
        pytest.param("http://collector.internal/v1/traces", "unknown", True, id="unknown"),
    ],
)
def test_the_region_of_a_real_exporter(endpoint: str, region: str, *, admitted: bool) -> None:
    """By the endpoint that the exporter of spans, and that of log records, is going to use."""
    spans = BatchSpanProcessor(OTLPSpanExporter(endpoint))
    logs = BatchLogRecordProcessor(OTLPLogExporter(endpoint))
    plain, strict = destinations(), destinations(strict=True)
    for processor in (spans, logs):
        assert plain.region(processor) == region
        assert plain.admits_content(processor) is admitted
        assert strict.admits_content(processor) is (region == "eu")
        processor.shutdown()  # type: ignore[no-untyped-call]


def test_an_exporter_that_reports_nothing_is_unknown() -> None:
    """One without an endpoint, or none at all."""
    found = destinations()
    console = SimpleSpanProcessor(ConsoleSpanExporter())
    assert found.region(console) == "unknown"
    assert found.region(_Processor()) == "unknown"
    assert exporter_of(_Processor()) is None


class _Processor:
    """Something that exports nothing."""


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("https://user:secret@h.example:4317/path?key", ("h.example", 4317)),
        ("h.example:4317", ("h.example", 4317)),
        ("dns:///h.example", ("h.example", None)),
        ("http://[broken", ("", None)),
        (7, ("", None)),
    ],
)
def test_the_address_of_an_exporter(endpoint: object, address: tuple[str, int | None]) -> None:
    """As OTLP over HTTP and over gRPC write it."""
    exporter = ConsoleSpanExporter()
    exporter._endpoint = endpoint  # type: ignore[attr-defined]
    assert address_of(exporter) == address


@pytest.fixture
def everywhere(instrument: Instrument) -> Recorded:
    """The package, with a policy that lets content out to the EU only, and changes nothing otherwise."""
    return instrument(on_export="flag", telemetry=TELEMETRY)


@pytest.mark.parametrize("explicit", [False, True], ids=["installed", "explicit"])
def test_one_provider_may_export_to_several_places(
    everywhere: Recorded, items: Items, *, explicit: bool
) -> None:
    """Of an eligible call the exporter in the EU gets the content, the one in the US the rest."""
    from otel_residency import ResidencySpanProcessor

    exporters = [Elsewhere(NEW_RELIC_EU), Elsewhere(NEW_RELIC_US)]
    provider = TracerProvider()
    for exporter in exporters:
        processor: Any = SimpleSpanProcessor(exporter)
        provider.add_span_processor(ResidencySpanProcessor(processor) if explicit else processor)
    everywhere.tracer_provider = provider
    with model_call(everywhere):
        chat(EU)
    exported = [exporter.get_finished_spans()[0].to_json() for exporter in exporters]
    assert [PROMPT in text for text in exported] == [True, False]
    assert all("gen_ai.usage.input_tokens" in text for text in exported)
    assert items(everywhere) == {("traces", "redacted"): 1}
    provider.shutdown()


def test_log_records_too(everywhere: Recorded, items: Items) -> None:
    """The same for log records."""
    exporters = [LogsElsewhere(NEW_RELIC_EU), LogsElsewhere(NEW_RELIC_US)]
    provider = LoggerProvider()
    for exporter in exporters:
        provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    everywhere.logger_provider = provider
    log(everywhere)
    bodies = [exporter.get_finished_logs()[0].log_record.body for exporter in exporters]
    assert bodies == [{"content": PROMPT}, None]
    assert items(everywhere) == {("logs", "redacted"): 1}
    provider.shutdown()


def test_a_failure_withholds(everywhere: Recorded, monkeypatch: pytest.MonkeyPatch, items: Items) -> None:
    """An exporter whose place can't be looked up gets no content."""

    def broken(*_: object) -> None:
        raise RuntimeError(PROMPT)

    monkeypatch.setattr(Destinations, "admits_content", broken)
    with model_call(everywhere):
        log(everywhere)
    assert PROMPT not in everywhere.everything
    assert items(everywhere) == {("traces", "withheld"): 1, ("logs", "withheld"): 1}


class _ExportsItself(SpanProcessor):
    """Exports in its own `on_end`, by an exporter under a name of its own."""

    def __init__(self, exporter: Elsewhere) -> None:
        self.sinks = [exporter]

    def on_end(self, span: ReadableSpan) -> None:
        for sink in self.sinks:
            sink.export((span,))


class _LogsItself(LogRecordProcessor):
    """The same for log records, with the endpoint on the processor."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.exported: list[str] = []

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        self.exported.append(str(log_record.log_record.body))

    def shutdown(self) -> None:
        """Do nothing."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002 - as the SDK calls it
        return True


@pytest.mark.parametrize("concurrent", [False, True])
def test_a_processor_that_exports_by_itself(everywhere: Recorded, *, concurrent: bool) -> None:
    """Spans and log records: each processor gets what it may have, by the endpoint that it has then."""
    exporters = [Elsewhere(NEW_RELIC_EU), Elsewhere(NEW_RELIC_US)]
    logs = [_LogsItself(NEW_RELIC_EU), _LogsItself(NEW_RELIC_US)]
    provider = TracerProvider(active_span_processor=ConcurrentMultiSpanProcessor(2) if concurrent else None)
    everywhere.tracer_provider, everywhere.logger_provider = provider, LoggerProvider()
    for exporter, of_logs in zip(exporters, logs, strict=True):
        provider.add_span_processor(_ExportsItself(exporter))
        everywhere.logger_provider.add_log_record_processor(of_logs)
    for _ in range(2):
        with model_call(everywhere):
            chat(EU)
        log(everywhere)
        for each in (*exporters, *logs):
            each.endpoint = NEW_RELIC_US if each.endpoint == NEW_RELIC_EU else NEW_RELIC_EU
    spans = [[PROMPT in span.to_json() for span in each.get_finished_spans()] for each in exporters]
    bodies = [[PROMPT in body for body in each.exported] for each in logs]
    assert spans == bodies == [[True, False], [False, True]]
    provider.shutdown()


def test_an_exporter_of_several_places() -> None:
    """Content goes to none of them unless it may go to all; processors of the SDK are asked by themselves."""
    composite = _ExportsItself(Elsewhere(NEW_RELIC_EU))
    assert destinations().admits_content(composite)
    composite.sinks.append(Elsewhere(NEW_RELIC_US))
    assert not destinations().admits_content(composite)
    composite.sinks = [SimpleSpanProcessor(Elsewhere(NEW_RELIC_US))]  # type: ignore[list-item]
    assert destinations(strict=True).admits_content(composite)
    assert not destinations(strict=True).admits_content(_ExportsItself(InMemorySpanExporter()))  # type: ignore[arg-type]


US_TARGETS = (
    "us.example:4317",
    "dns:us.example",
    "dns:///us.example:4317",
    "dns://8.8.8.8/us.example:4317",
    "DNS:///us%2Eexample:4317",
    "passthrough:///us.example:4317",
    "passthrough:us.example",
    "https://us.example:4317",
    "//us.example",
    "US.example.",
    "collector.example:4318,us.example",
)


@pytest.mark.parametrize("target", US_TARGETS)
def test_a_target_of_grpc_in_every_spelling(target: str) -> None:
    """A host outside of the allowed regions is found in each; one inside of them likewise."""
    assert not destinations().admits_content(SimpleSpanProcessor(Elsewhere(target)))
    inside = target.replace("us.example:4317", "collector.example:4318")
    if inside != target:
        assert destinations(strict=True).admits_content(SimpleSpanProcessor(Elsewhere(inside)))
