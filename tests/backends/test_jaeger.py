"""From the demo's application through the Collector into Jaeger, asked as its users ask it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from examples.demo.cases import CASES, Case
from examples.stack.__main__ import stack
from examples.stack.programs import read, until

FLAG, BLOCK = "claims-flag", "claims-block"
CONTENT = {
    "OTEL_SEMCONV_STABILITY_OPT_IN": "http,gen_ai_latest_experimental",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
}
VIOLATING = [case for case in CASES if case.violates]


class Span(NamedTuple):
    """A span as Jaeger shows it."""

    id: str
    parent: str | None
    name: str
    start: int
    tags: Mapping[str, Any]


Trace = list[Span]


class JaegerClient(NamedTuple):
    """A Jaeger with the demo's traces in it."""

    url: str

    def text(self, service: str, **tags: str) -> str:
        """The answer to a search."""
        query = urlencode({"service": service, "limit": 500, "tags": json.dumps(tags)})
        return read(f"{self.url}/api/traces?{query}").decode()

    def traces(self, service: str, **tags: str) -> list[Trace]:
        """The traces that a search finds, each in the order of its spans; a dot in a tag is `__` here."""
        named = {key.replace("__", "."): value for key, value in tags.items()}
        found = json.loads(self.text(service, **named))["data"]
        return [sorted(map(_span, trace["spans"]), key=lambda span: span.start) for trace in found]


def _span(document: Mapping[str, Any]) -> Span:
    parents = [each["spanID"] for each in document["references"] if each["refType"] == "CHILD_OF"]
    tags = {tag["key"]: tag["value"] for tag in document["tags"]}
    return Span(
        document["spanID"],
        parents[0] if parents else None,
        document["operationName"],
        document["startTime"],
        tags,
    )


@pytest.fixture(scope="module")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JaegerClient]:
    """The stack, with the traffic of an application whose GenAI instrumentation captures content."""
    with stack(tmp_path_factory.mktemp("stack"), CONTENT) as addresses:
        client = JaegerClient(addresses["Jaeger"])
        for service in (FLAG, BLOCK):
            until(lambda name=service: len(client.traces(name)) == len(CASES), f"the traces of {service}")
        yield client


def ours(trace: Trace) -> Span:
    """The residency span of a trace."""
    (found,) = (span for span in trace if span.name.startswith("residency "))
    return found


def endpoints_and_hosts(traces: list[Trace]) -> list[tuple[str, tuple[str, ...]]]:
    """Endpoint and hosts of each trace's call, in order."""
    calls = [ours(trace).tags for trace in traces]
    return sorted((call["residency.endpoint"], _list(call.get("residency.hop.hosts"))) for call in calls)


def _list(tag: str | None) -> tuple[str, ...]:
    return tuple(json.loads(tag)) if tag else ()


def expected(cases: list[Case], mode: str = "flag") -> list[tuple[str, tuple[str, ...]]]:
    """The same, of cases of the demo."""
    return sorted((case.endpoint, case.reaches(mode)) for case in cases)


@pytest.mark.parametrize("service", [FLAG, BLOCK])
def test_violations_are_found(jaeger: JaegerClient, service: str) -> None:
    """`residency.violation=true` returns the calls that break the policy, and no other."""
    mode = service.removeprefix("claims-")
    assert endpoints_and_hosts(jaeger.traces(service, residency__violation="true")) == expected(
        VIOLATING, mode
    )


@pytest.mark.parametrize(
    ("region", "cases"),
    [
        ("us", ["chat, US host"]),
        ("global", ["chat, default host", "embeddings, default", "chat, redirected"]),
        ("unknown", ["chat, invented host"]),
    ],
)
def test_calls_are_found_by_region(jaeger: JaegerClient, region: str, cases: list[str]) -> None:
    """`residency.region=…` returns the calls that went there."""
    sought = [case for case in CASES if case.name in cases]
    assert endpoints_and_hosts(jaeger.traces(FLAG, residency__region=region)) == expected(sought)


@pytest.mark.parametrize("endpoint", sorted({case.endpoint for case in CASES}))
def test_calls_are_found_by_endpoint(jaeger: JaegerClient, endpoint: str) -> None:
    """`residency.endpoint=…` returns the calls of that endpoint."""
    sought = [case for case in CASES if case.endpoint == endpoint]
    assert endpoints_and_hosts(jaeger.traces(FLAG, residency__endpoint=endpoint)) == expected(sought)


def test_the_trace_of_a_call_reads_well(jaeger: JaegerClient) -> None:
    """The GenAI span, below it ours, below that each HTTP request in order; no span twice."""
    (trace,) = (
        trace for trace in jaeger.traces(FLAG, residency__violation="true") if len(_hosts(trace)) == 2
    )
    assert [span.name for span in trace] == [
        "chat gpt-5.2-2025-12-11",
        "residency POST /v1/chat/completions",
        "POST",
        "POST",
    ]
    genai, call, first, second = trace
    assert (genai.parent, call.parent, first.parent, second.parent) == (None, genai.id, call.id, call.id)
    assert [first.tags["server.address"], second.tags["server.address"]] == list(_hosts(trace))
    assert genai.tags["residency.violation"] is True


def _hosts(trace: Trace) -> tuple[str, ...]:
    return _list(ours(trace).tags.get("residency.hop.hosts"))


def test_a_blocked_call_shows_that_nothing_was_sent(jaeger: JaegerClient) -> None:
    """Its trace says `blocked`, and has no HTTP request to the wrong host."""
    for trace in jaeger.traces(BLOCK, residency__action="blocked"):
        assert {span.tags["server.address"] for span in trace if span.name == "POST"} <= {"eu.api.openai.com"}


@pytest.mark.parametrize("service", [FLAG, BLOCK])
def test_a_service_with_us_is_no_shadow_caller(jaeger: JaegerClient, service: str) -> None:
    """None of its spans is taken for that of a service without otel-residency."""
    assert jaeger.traces(service, residency__shadow="true") == []


@pytest.mark.parametrize("service", [FLAG, BLOCK])
def test_no_prompt_reaches_jaeger(jaeger: JaegerClient, service: str) -> None:
    """The application's instrumentation captures content, and nothing of it is stored."""
    assert jaeger.traces(service, residency__collector__redacted="true")
    assert "SECRET-" not in jaeger.text(service)
