"""logfire: content on spans, and once more on a pending span that is exported as the span begins."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import logfire
from exported import RESOURCE, Exported, Logs, Providers, Spans
from logfire.testing import TestExporter
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import TracerProvider, get_tracer_provider

VERSIONS: Final = (1, "latest")
"""Of its names for content."""


class ReadableExporter(TestExporter):
    """Keeps spans. Being of this kind it is given pending ones, as the exporter to logfire's back end is."""

    def __init__(self, exported: Exported) -> None:
        super().__init__()
        self._spans = Spans(exported)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keep them all."""
        return self._spans.export(spans)


@contextmanager
def pending(providers: Providers, _url: str) -> Iterator[TracerProvider]:
    """Its own spans."""
    configure(providers.exported)
    logfire.instrument_openai(version=VERSIONS)
    yield get_tracer_provider()


@contextmanager
def bodies(providers: Providers, _url: str) -> Iterator[TracerProvider]:
    """Those of the HTTP client too, with all that was sent and received."""
    configure(providers.exported)
    logfire.instrument_openai(version=VERSIONS, suppress_other_instrumentation=False)
    logfire.instrument_httpx(capture_all=True)
    yield get_tracer_provider()


def configure(exported: Exported) -> None:
    """Let it make its providers; it takes none."""
    logfire.configure(
        send_to_logfire=False,
        console=False,
        service_name=str(RESOURCE.attributes["service.name"]),
        additional_span_processors=[SimpleSpanProcessor(ReadableExporter(exported))],
        metrics=logfire.MetricsOptions(additional_readers=[exported.reader()]),
        advanced=logfire.AdvancedOptions(log_record_processors=[SimpleLogRecordProcessor(Logs(exported))]),
    )


MODES = {"pending": pending, "bodies": bodies}
