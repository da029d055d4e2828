"""Calls to the vendor that don't pass the client, seen by the spans of real HTTP clients."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.trace import SpanKind

from otel_residency import ResidencyInstrumentor, require
from otel_residency.export_gate.http_spans import read_hop
from otel_residency.telemetry import names
from tests.audit.lines import read_record
from tests.export_gate.conftest import Items
from tests.export_gate.genai import PROMPT, application, chat
from tests.internet import EU, US, Internet
from tests.recorded import Instrument, Recorded
from tests.senders import PATH, SENDERS

CLIENTS = {
    "httpx": (SENDERS["httpx"], [HTTPXClientInstrumentor]),
    "requests": (SENDERS["requests"], [RequestsInstrumentor]),
    "urllib3": (SENDERS["urllib3"], [URLLib3Instrumentor]),
    "requests on urllib3": (SENDERS["requests"], [RequestsInstrumentor, URLLib3Instrumentor]),
    "aiohttp": (SENDERS["aiohttp"], [AioHttpClientInstrumentor]),
}


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest, residency: Recorded) -> Iterator[Any]:
    """An HTTP client whose calls become spans."""
    send, instrumentors = CLIENTS[request.param]
    made = [instrumentor() for instrumentor in instrumentors]
    for each in made:
        each.instrument(tracer_provider=residency.tracer_provider)
    yield send
    for each in made:
        each.uninstrument()


def test_a_call_past_the_client_is_judged(
    client: Any, residency: Recorded, internet: Internet, items: Items
) -> None:
    """A call to a host of the vendor has a verdict, counts once and is told once, whoever made it."""
    client(f"https://{US}{PATH}?key=secret")
    assert internet.hosts == [US]
    spans = [span for span in residency.every_span if span.kind is SpanKind.CLIENT]
    assert {(span.attributes or {}).get(names.VERDICT) for span in spans} == {"ineligible"}
    assert {(span.attributes or {}).get(names.ENDPOINT) for span in spans} == {PATH}
    ((count, point),) = residency.points(names.METRIC_CALLS)
    assert (count, point[names.REGION], point[names.ACTION]) == (1, "us", "flagged")
    assert len(residency.violations) == 1
    assert residency.violations[0].trace_id == spans[0].context.trace_id
    assert items(residency) == {("traces", "flagged"): len(spans)}


def test_a_call_must_meet_the_requirement_of_its_customer(instrument: Instrument) -> None:
    """A span that ends where something is required is judged by it."""
    recorded = instrument(require=["eu", "us"])
    tracer = recorded.tracer_provider.get_tracer("somebody's")
    url = {"url.full": f"https://{US}{PATH}", "http.request.method": "POST"}
    for region in ("us", "eu"):
        with require(region), tracer.start_as_current_span("POST", kind=SpanKind.CLIENT, attributes=url):
            pass
    attributes = [
        ((span.attributes or {})[names.REQUIRED], (span.attributes or {})[names.VIOLATION])
        for span in recorded.every_span
    ]
    assert attributes == [(("us",), False), (("eu",), True)]


def test_a_call_past_the_client_is_recorded(instrument: Instrument, tmp_path: Path) -> None:
    """What a span alone shows of a call is in the ledger, once, with facts that give the verdict again."""
    path = tmp_path / "ledger.jsonl"
    tracer = instrument(ledger=path).tracer_provider.get_tracer("somebody's")
    url = {"url.full": f"https://{US}/v1/files/secret", "http.request.method": "GET"}
    with tracer.start_as_current_span("GET", kind=SpanKind.CLIENT, attributes=url) as span:
        span.set_attribute("http.response.status_code", 200)
    ResidencyInstrumentor().uninstrument()
    _, record, *_ = map(read_record, path.read_bytes().splitlines())
    attributes = record.attributes
    assert (attributes[names.VERDICT], attributes[names.ACTION], attributes[names.HOP_HOSTS]) == (
        "ineligible",
        "flagged",
        [US],
    )
    assert (attributes[names.HTTP_METHOD], attributes[names.HTTP_STATUS], attributes[names.HOP_REGIONS]) == (
        "GET",
        200,
        ["us"],
    )
    assert int(record.span_id, 16) == span.get_span_context().span_id
    assert record.facts is not None
    assert record.facts.hops[0].path == "/v1/files/{}"


def test_a_call_elsewhere_is_not_looked_at(client: Any, residency: Recorded) -> None:
    """A span to a host that is nobody's concern is exported as it is."""
    client("https://shop.example/v1/chat/completions")
    assert residency.every_span
    assert not any(names.VERDICT in (span.attributes or {}) for span in residency.every_span)
    assert residency.counted == 0


def test_the_hops_of_the_client_count_once(residency: Recorded) -> None:
    """Spans of HTTP requests that the openai client made are part of its call."""
    from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor

    HTTPX2ClientInstrumentor().instrument(tracer_provider=residency.tracer_provider)
    try:
        chat(US)
    finally:
        HTTPX2ClientInstrumentor().uninstrument()
    hop, call = residency.every_span
    assert hop.kind is SpanKind.CLIENT
    assert (hop.attributes or {})[names.VERDICT] == "ineligible"
    assert hop.parent == call.context
    assert residency.counted == len(residency.violations) == 1


def test_a_hop_of_an_eligible_call_names_the_policy(residency: Recorded) -> None:
    """A hop ends before its call is judged to the end: it tells by which policy, and no verdict yet."""
    from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor

    HTTPX2ClientInstrumentor().instrument(tracer_provider=residency.tracer_provider)
    try:
        chat(EU)
    finally:
        HTTPX2ClientInstrumentor().uninstrument()
    hop, call = (dict(span.attributes or {}) for span in residency.every_span)
    assert call[names.VERDICT] == "eligible"
    attributes = {key: value for key, value in hop.items() if key.startswith("residency.")}
    assert attributes == {names.POLICY: call[names.POLICY]}


def test_its_ancestors_are_redacted(instrument: Instrument) -> None:
    """The span above a violating raw call may hold what was asked."""
    recorded = instrument(on_export="redact")
    HTTPXClientInstrumentor().instrument(tracer_provider=recorded.tracer_provider)
    try:
        with application(recorded, "root", **{"input.value": PROMPT}):
            SENDERS["httpx"](f"https://{US}{PATH}")
    finally:
        HTTPXClientInstrumentor().uninstrument()
    assert PROMPT not in recorded.everything


def test_the_conventions_before_and_after() -> None:
    """Both sets of attribute names tell method and URL, under each opt-in of a real instrumentation."""
    code = """
import httpx, sys
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from otel_residency.export_gate.http_spans import hop_method, read_hop
exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200)))
HTTPXClientInstrumentor.instrument_client(client, tracer_provider=provider)
client.put("https://a.example:444/b?c")
attributes = exporter.get_finished_spans()[0].attributes
print(*read_hop(attributes)[:4], hop_method(attributes), "http.url" in attributes, "url.full" in attributes)
"""
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "OTEL_SEMCONV_STABILITY_OPT_IN": opted},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for opted in ("", "http", "http/dup")
    ]
    hop = ["https", "a.example", "444", "/b", "PUT"]
    assert outputs == [[*hop, "True", "False"], [*hop, "False", "True"], [*hop, "True", "True"]]


@pytest.mark.parametrize(
    ("attributes", "hop"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"url.full": "https://[broken/"}, None, id="broken"),
        pytest.param({"url.full": "/path"}, None, id="no-host"),
        pytest.param(
            {"http.url": "https://u:p@H.example/x?q#f"}, ("https", "h.example", None, "/x"), id="url"
        ),
        pytest.param(
            {"server.address": "h.example", "server.port": 444, "url.path": "/x", "url.scheme": "http"},
            ("http", "h.example", 444, "/x"),
            id="parts",
        ),
        pytest.param({"http.host": "h.example:444"}, ("https", "h.example", 444, "/"), id="host-header"),
        pytest.param(
            {"net.peer.name": "h.example", "http.target": "/x?q"},
            ("https", "h.example", None, "/x"),
            id="old",
        ),
    ],
)
def test_where_a_request_went(attributes: dict[str, Any], hop: tuple[Any, ...] | None) -> None:
    """By a URL, or by its parts; without the query."""
    found = read_hop(attributes)
    assert (found and tuple(found[:4])) == hop


def test_a_call_that_came_past_our_patch_counts_once(residency: Recorded) -> None:
    """A call made through the original method, with its HTTP request as a span beside it, is one call."""
    from inspect import unwrap

    import openai
    from openai._base_client import SyncAPIClient
    from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor

    HTTPX2ClientInstrumentor().instrument(tracer_provider=residency.tracer_provider)
    with openai.OpenAI(base_url=f"https://{US}/v1", api_key="k", max_retries=0) as client:
        client.request = unwrap(SyncAPIClient.request).__get__(client)  # type: ignore[method-assign]
        try:
            client.chat.completions.create(model="gpt-5.2", messages=[])
        finally:
            HTTPX2ClientInstrumentor().uninstrument()
    assert residency.counted == len(residency.violations) == 1
    assert len(residency.spans) == 1
