"""Switches the package on in a process of the client's test suite, and counts what it sees there."""

import gc
import logging
import os
from threading import Event
from typing import Any

from opentelemetry.trace import NoOpTracer, NoOpTracerProvider, Span, Tracer

from otel_residency import ResidencyInstrumentor

REQUIRE = "eu"
PATIENCE = 20
calls = 0
"""Spans that were started: one per call."""
spans = 0
"""Spans that were recorded and ended."""
problems: list[str] = []
"""What the package logged of failures of its own, and during which test."""


class _Problems(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            problems.append(f"{record.getMessage()} ({os.environ.get('PYTEST_CURRENT_TEST', '')})")


class _CountingTracer(NoOpTracer):
    def start_span(self, *args: Any, **kwargs: Any) -> Span:
        _started()
        return super().start_span(*args, **kwargs)


class _CountingProvider(NoOpTracerProvider):
    """Records nothing, as where no SDK is set up."""

    def get_tracer(self, *_: Any, **__: Any) -> Tracer:
        return _CountingTracer()


def activate(variant: str) -> None:
    """Flag what leaves the EU: `flagging` with the API alone, `recording` with an SDK that keeps it all."""
    logging.getLogger("otel_residency").addHandler(_Problems())
    providers = _recording() if variant == "recording" else {"tracer_provider": _CountingProvider()}
    ResidencyInstrumentor().instrument(require=REQUIRE, **providers)


def _recording() -> dict[str, Any]:
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    class Counting(SpanProcessor):
        def on_start(self, span: Span, parent_context: Any = None) -> None:
            del span, parent_context
            _started()

        def on_end(self, span: ReadableSpan) -> None:
            global spans  # noqa: PLW0603
            spans += bool(span.attributes and "residency.verdict" in span.attributes)

    tracer_provider, logger_provider = TracerProvider(), LoggerProvider()
    tracer_provider.add_span_processor(Counting())
    tracer_provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
    log_exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    logger_provider.add_log_record_processor(SimpleLogRecordProcessor(log_exporter))
    return {
        "tracer_provider": tracer_provider,
        "meter_provider": MeterProvider(metric_readers=[InMemoryMetricReader()]),
        "logger_provider": logger_provider,
    }


def settle() -> None:
    """Let the calls be reported whose streams were dropped, as far as the collector has to find them."""
    from otel_residency.runtime.background import stream_ender
    from otel_residency.runtime.runtime import runtime

    gc.collect()
    done = Event()
    runtime.part(stream_ender).prepare()
    runtime.part(stream_ender).submit(done.set)
    done.wait(PATIENCE)


def _started() -> None:
    global calls  # noqa: PLW0603
    calls += 1
