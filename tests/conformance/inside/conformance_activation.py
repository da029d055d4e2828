"""Switches the package on in a process of the client's test suite, and counts what it sees there."""

import logging
from typing import Any

from otel_residency import ResidencyInstrumentor
from otel_residency.telemetry.emit import Telemetry

REQUIRE = "eu"
calls = 0
failures: list[str] = []


class _Failures(logging.Handler):
    """Keeps what the package logs about failures of its own."""

    def emit(self, record: logging.LogRecord) -> None:
        failures.append(record.getMessage())


def activate(variant: str) -> None:
    """Flag what leaves the EU: `flagging` with nothing but the API, `recording` with an SDK that keeps it all."""
    providers = _providers() if variant == "recording" else {}
    handler = _Failures(logging.WARNING)
    logging.getLogger("otel_residency").addHandler(handler)
    _count_calls()
    ResidencyInstrumentor().instrument(require=REQUIRE, **providers)


def _count_calls() -> None:
    counted = Telemetry.count

    def count(self: Telemetry, *args: Any) -> None:
        global calls  # noqa: PLW0603
        calls += 1
        counted(self, *args)

    Telemetry.count = count  # type: ignore[method-assign]


exporter: Any = None


def _providers() -> dict[str, Any]:
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    global exporter  # noqa: PLW0603
    exporter = InMemorySpanExporter()
    tracer_provider, logger_provider = TracerProvider(), LoggerProvider()
    tracer_provider.add_span_processor(SimpleSpanProcessor(exporter))
    logger_provider.add_log_record_processor(SimpleLogRecordProcessor(InMemoryLogRecordExporter()))
    return {
        "tracer_provider": tracer_provider,
        "meter_provider": MeterProvider(metric_readers=[InMemoryMetricReader()]),
        "logger_provider": logger_provider,
    }


def spans() -> int:
    """How many residency spans were recorded."""
    return len(exporter.get_finished_spans()) if exporter is not None else 0
