"""The whole way of a metric by real programs: services, Collector, Prometheus, Alertmanager, receiver."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import urlencode

from openai import OpenAI
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind

from examples.stack.monitoring import RULES
from examples.stack.programs import read
from otel_residency import ResidencyInstrumentor
from tests.internet import EU, GATEWAY, US
from tests.vendor import SNAPSHOT

CONTENT = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": "SECRET-monitoring"}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Backends(NamedTuple):
    """Where to ask."""

    prometheus: str
    jaeger: str
    alerts: list[dict[str, Any]]
    """Every alert that arrived at the receiver, by either of its addresses."""

    def query(self, query: str) -> list[dict[str, Any]]:
        """The answer of Prometheus as of now."""
        return self._result("query", query=query)

    def query_range(self, query: str, start: float, end: float) -> list[dict[str, Any]]:
        """Its answer over a time, five seconds a step."""
        return self._result("query_range", query=query, start=str(start), end=str(end), step="5")

    def _result(self, kind: str, **parameters: str) -> list[dict[str, Any]]:
        answer = json.loads(read(f"{self.prometheus}/api/v1/{kind}?{urlencode(parameters)}"))
        return list(answer["data"]["result"])


def quicker(directory: Path) -> Path:
    """A copy of the rules in which a minute takes five seconds, and no alert waits to be sure."""

    def shorter(found: re.Match[str]) -> str:
        return f"{int(found[1]) * _SECONDS[found[2]] // 12}s"

    text = re.sub(r"\b(\d+)([smhd])\b", shorter, RULES.read_text(encoding="utf-8"))
    copy = directory / RULES.name
    copy.write_text(re.sub(r"\bfor: \w+", "for: 1s", text), encoding="utf-8")
    return copy


@contextmanager
def receiving() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A receiver of alerts: its URL, and what has arrived, each with the path it came by as `receiver`."""
    arrived: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            arrived.extend({**alert, "receiver": self.path[1:]} for alert in body["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", arrived
        server.shutdown()


@contextmanager
def exporting(otlp: str, service: str) -> Iterator[tuple[TracerProvider, MeterProvider]]:
    """The SDK of a service that exports to the Collector; all of it has left when the block ends."""
    resource = Resource.create({"service.name": service, "service.instance.id": f"{service}-1"})
    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{otlp}/v1/traces")))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{otlp}/v1/metrics"), 3_600_000)
    meters = MeterProvider([reader], resource=resource)
    try:
        yield tracers, meters
    finally:
        tracers.shutdown()
        meters.shutdown()


def call_unguarded(otlp: str) -> None:
    """A service without otel-residency: its instrumentation records a prompt, and its call goes to the US."""
    with exporting(otlp, "unguarded") as (tracers, meters):
        meters.get_meter("genai").create_histogram("gen_ai.client.operation.duration", "s").record(1)
        client = {"server.address": US, "http.request.method": "POST"}
        tracers.get_tracer("genai").start_span(
            "chat", kind=SpanKind.CLIENT, attributes=CONTENT | client
        ).end()


def call_guarded(otlp: str) -> None:
    """A service whose calls are doubtful, conditional, and a violation of which content is redacted."""
    with exporting(otlp, "desk") as (tracers, meters):
        instrumentor = ResidencyInstrumentor()
        instrumentor.instrument(
            require="eu", on_export="redact", tracer_provider=tracers, meter_provider=meters
        )
        try:
            for host in (EU, US, GATEWAY):
                with tracers.get_tracer("genai").start_as_current_span("chat", attributes=CONTENT):
                    with OpenAI(api_key="sk-test", base_url=f"https://{host}/v1", max_retries=0) as client:
                        client.responses.create(model=SNAPSHOT, input="SECRET-monitoring")
            meters.force_flush()
        finally:
            instrumentor.uninstrument()
