"""Content bound for a back end in the wrong region stays here, whatever the verdict of its call."""

from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    InMemoryLogRecordExporter,
    SimpleLogRecordProcessor,
)
from opentelemetry.sdk.trace import TracerProvider
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
