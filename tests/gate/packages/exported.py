"""Exporters that keep everything they are given, as plain JSON, and when they were given it.

`sent` says of an item whether its call's request was already on its way when the item was exported.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Any, TypeAlias

from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import (
    LogRecordExporter,
    LogRecordExportResult,
    SimpleLogRecordProcessor,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import format_span_id, format_trace_id, get_current_span

if TYPE_CHECKING:
    from loopback import Upload

Json: TypeAlias = dict[str, Any]

RESOURCE = Resource({"service.name": "claims"})


class Exported:
    """Everything that left, in order.

    Attributes:
        call: the call that is under way.
        sent: whether its request is on its way.
        traces: the call of each trace.
        uploads: what went around the exporters.
    """

    def __init__(self) -> None:
        self.call = ""
        self.sent = False
        self.traces: dict[int, str] = {}
        self.spans: list[Json] = []
        self.logs: list[Json] = []
        self.requests: list[Json] = []
        self.uploads: list[Upload] = []
        self._readers: list[InMemoryMetricReader] = []

    def begin(self, call: str, trace: int) -> None:
        """Note that a call begins, in a trace of its own."""
        self.call, self.sent = call, False
        self.traces[trace] = call

    def on_request(self, request: Any) -> None:
        """Note a request of the client's, and the span that is current as it leaves."""
        self.sent = True
        current = get_current_span().get_span_context()
        self.requests.append(
            {"call": self.call, "path": request.url.path, "parent": format_span_id(current.span_id)}
        )

    async def on_request_async(self, request: Any) -> None:
        """Note a request of the client for coroutines."""
        self.on_request(request)

    def reader(self) -> InMemoryMetricReader:
        """Something for a meter provider to put its metrics into."""
        self._readers.append(InMemoryMetricReader())
        return self._readers[-1]

    def about(self, item: Any, trace: int | None) -> Json:
        """What spans and log records have in common."""
        scope = item.instrumentation_scope
        return {
            "call": self.traces.get(trace or 0, self.call),
            "sent": self.sent,
            "scope": {"name": scope.name, "attributes": plain(scope.attributes)},
            "resource": plain(item.resource.attributes),
        }

    def document(self) -> Json:
        """Everything, with the versions that were installed."""
        return {
            "versions": {found.metadata["name"]: found.version for found in distributions()},
            "requests": self.requests,
            "spans": self.spans,
            "logs": self.logs,
            "metrics": [point for reader in self._readers for point in points(reader.get_metrics_data())],
            "uploads": [upload._asdict() for upload in self.uploads],
        }


class Spans(SpanExporter):
    """Keeps spans."""

    def __init__(self, exported: Exported) -> None:
        self._exported = exported

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keep them all."""
        self._exported.spans += [self._plain(span) for span in spans]
        return SpanExportResult.SUCCESS

    def _plain(self, span: ReadableSpan) -> Json:
        return {
            **self._exported.about(span, span.context.trace_id),
            "name": span.name,
            "kind": span.kind.name,
            "trace": format_trace_id(span.context.trace_id),
            "span": format_span_id(span.context.span_id),
            "parent": format_span_id(span.parent.span_id) if span.parent else None,
            "trace_state": span.context.trace_state.to_header(),
            "attributes": plain(span.attributes),
            "events": [{"name": event.name, "attributes": plain(event.attributes)} for event in span.events],
            "links": [{"attributes": plain(link.attributes)} for link in span.links],
            "status": {"code": span.status.status_code.name, "description": span.status.description},
        }


class Logs(LogRecordExporter):
    """Keeps log records."""

    def __init__(self, exported: Exported) -> None:
        self._exported = exported

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Keep them all."""
        self._exported.logs += [self._plain(record) for record in batch]
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing is held back that could be lost."""

    def force_flush(self, timeout_millis: int = 0) -> bool:
        """Nothing is held back."""
        del timeout_millis
        return True

    def _plain(self, record: ReadableLogRecord) -> Json:
        log = record.log_record
        return {
            **self._exported.about(record, log.trace_id),
            "name": log.event_name,
            "severity": log.severity_text,
            "trace": format_trace_id(log.trace_id or 0),
            "span": format_span_id(log.span_id or 0),
            "body": plain(log.body),
            "attributes": plain(log.attributes),
        }


class Providers:
    """SDK providers that export at once.

    Attributes:
        exported: where to.
    """

    def __init__(self, exported: Exported) -> None:
        self.exported = exported
        self.traces = TracerProvider(resource=RESOURCE)
        self.traces.add_span_processor(SimpleSpanProcessor(Spans(exported)))
        self.logs = LoggerProvider(resource=RESOURCE)
        self.logs.add_log_record_processor(SimpleLogRecordProcessor(Logs(exported)))
        self.metrics = MeterProvider([exported.reader()], resource=RESOURCE)

    @property
    def named(self) -> dict[str, Any]:
        """By the names under which an instrumentor takes them."""
        return {
            "tracer_provider": self.traces,
            "logger_provider": self.logs,
            "meter_provider": self.metrics,
        }


def points(data: MetricsData | None) -> list[Json]:
    """The attributes of every point, and of the examples that points carry."""
    return [
        {
            "scope": {"name": scope.scope.name, "attributes": plain(scope.scope.attributes)},
            "resource": plain(resource.resource.attributes),
            "name": metric.name,
            "attributes": plain(point.attributes),
            "exemplars": [plain(each.filtered_attributes) for each in point.exemplars],
        }
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    ]


def plain(value: Any) -> Any:
    """`value` in terms of JSON."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return value if value is None or isinstance(value, str | int | float | bool) else repr(value)
