"""A receiver of OTLP over HTTP on loopback: it keeps every request, whatever it carries."""

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple, TypeAlias

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

Attributes: TypeAlias = dict[str, Any]

INFLATED: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress}
REMOTE_PARENT = 0x200
"""Flag of a span whose parent was made by another process."""


class Request(NamedTuple):
    """What arrived, inflated."""

    path: str
    body: bytes


class Span(NamedTuple):
    """What the tests ask a span for."""

    name: str
    scope: str
    trace: bytes
    id: bytes
    parent: bytes
    remote: bool
    attributes: Attributes
    resource: Attributes
    content: bytes
    """All of it, as it was sent."""


class Point(NamedTuple):
    """What a counter said."""

    attributes: Attributes
    value: float


class Receiver(ThreadingHTTPServer):
    """Takes down what is sent to it, and answers that it was taken in full."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[Request] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def holding(self, words: Iterable[str]) -> set[str]:
        """Those of the words that stand anywhere in what arrived."""
        return {text for text in words if any(text.encode() in request.body for request in self.requests)}

    def _bodies(self, signal: str) -> list[bytes]:
        return [request.body for request in self.requests if request.path.endswith(f"/v1/{signal}")]

    @property
    def spans(self) -> list[Span]:
        """The spans, in the order in which they arrived."""
        return [
            Span(
                span.name,
                scope.scope.name,
                span.trace_id,
                span.span_id,
                span.parent_span_id,
                bool(span.flags & REMOTE_PARENT),
                plain(span.attributes),
                plain(resource.resource.attributes),
                span.SerializeToString(),
            )
            for body in self._bodies("traces")
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def points(self, metric: str) -> list[Point]:
        """What the counter of this name said."""
        return [
            Point(plain(point.attributes), point.as_int or point.as_double)
            for body in self._bodies("metrics")
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics
            for scope in resource.scope_metrics
            for each in scope.metrics
            if each.name == metric
            for point in each.sum.data_points
        ]

    def total(self, metric: str, **attributes: str) -> float:
        """The sum of what it said with these attributes; it must tell differences."""
        return sum(
            point.value for point in self.points(metric) if attributes.items() <= point.attributes.items()
        )

    @property
    def log_events(self) -> list[str]:
        """The names of log events."""
        return [
            record.event_name
            for body in self._bodies("logs")
            for resource in ExportLogsServiceRequest.FromString(body).resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    @property
    def orphans(self) -> list[Span]:
        """Spans whose parent in the same process never arrived."""
        spans = self.spans
        ids = {(span.trace, span.id) for span in spans}
        return [
            span for span in spans if span.parent and not span.remote and (span.trace, span.parent) not in ids
        ]


class Handler(BaseHTTPRequestHandler):
    """Reads one request to its end."""

    protocol_version = "HTTP/1.1"
    server: Receiver

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet: standard error belongs to what is tested."""

    def do_POST(self) -> None:
        """Take down a request of any method; an empty answer is one of OTLP's too."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        body = INFLATED.get(self.headers.get("content-encoding", ""), bytes)(body)
        self.server.requests.append(Request(self.path.partition("?")[0], body))
        otlp = self.headers.get_content_type() == "application/x-protobuf"
        answer = b"" if otlp else b"{}"
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf" if otlp else "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_PUT = do_PATCH = do_POST  # noqa: N815


def plain(attributes: Iterable[KeyValue]) -> Attributes:
    """Attributes as a dictionary."""
    return {each.key: value(each.value) for each in attributes}


def value(of: AnyValue) -> Any:
    """The value of an attribute."""
    kind = of.WhichOneof("value")
    if kind == "array_value":
        return [value(each) for each in of.array_value.values]
    if kind == "kvlist_value":
        return plain(of.kvlist_value.values)
    return getattr(of, kind) if kind else None


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Receive until the block is left."""
    receiver = Receiver()
    Thread(target=receiver.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()
