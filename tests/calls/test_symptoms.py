"""What users of other instrumentations complained about, each with the test that it does not happen here.

Numbers are those of the list of complaints that this package was planned with. Not here:

|  # | symptom                                        | where                                                |
|----|------------------------------------------------|------------------------------------------------------|
|  9 | a task of an agents framework fails            | number 7 is its path through the client              |
| 11 | throughput falls                               | benchmarks                                           |
| 14 | arguments are swallowed or changed             | test_identity.py                                     |
| 17 | requirements conflict                          | the matrix of noxfile.py                             |
| 20 | suppression is ignored                         | test_telemetry.py                                    |
| 22 | websockets are invisible                       | a later release; the documentation says so           |
"""

import asyncio
import gc
import importlib.util
import logging
import subprocess
import sys
import warnings
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import openai
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from pydantic import BaseModel

from otel_residency import ResidencyViolationError
from otel_residency.calls.call import Call
from otel_residency.calls.state import runtime
from otel_residency.patches.patching import replace
from tests.calls.http_library import MAJOR, http
from tests.calls.kinds import Kind
from tests.calls.resources import METHODS, method
from tests.internet import AZURE, EU, US, Gate, Internet
from tests.recorded import Instrument, Recorded, collect, settle
from tests.vendor import ALIAS, SNAPSHOT, answer, body_of, chat_events, error, event, events

MESSAGES = [{"role": "user", "content": "Hello"}]
CHAT: dict[str, Any] = {"model": ALIAS, "messages": MESSAGES}


def finished(kind: Kind) -> None:
    """Have everything that was dropped reported."""
    for _ in range(2):
        collect()
        kind.rest()
        settle()


async def test_a_generator_left_early_does_not_lose_the_context(
    residency: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """1: a response that a web framework begins, sends and gives up in different tasks logs no error."""

    async def body(client: openai.AsyncOpenAI) -> AsyncGenerator[str, None]:
        async for chunk in await client.chat.completions.create(**CHAT, stream=True):
            yield chunk.model

    async with openai.AsyncOpenAI(base_url=f"https://{EU}/v1") as client:
        generator = body(client)
        assert await asyncio.ensure_future(anext(generator)) == SNAPSHOT
        await asyncio.create_task(generator.aclose())
    settle()
    assert len(residency.spans) == 1
    assert not trace.get_current_span().get_span_context().is_valid
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_stream_closed_early_does_not_lose_the_span(kind: Kind, residency: Recorded) -> None:
    """2: `close()` ends the span at once, long before the stream is forgotten."""
    stream = kind.run(kind.open().chat.completions.create(**CHAT, stream=True))
    kind.next(stream)
    kind.run(stream.close())
    settle()
    assert len(residency.spans) == 1
    assert not kind.run(stream.close())


def test_an_abandoned_stream_does_not_leak_into_the_next_call(kind: Kind, residency: Recorded) -> None:
    """3: a stream that nobody ends is one span, and the call after it another, not below it."""
    client = kind.open()
    kind.run(client.chat.completions.create(**CHAT, stream=True))
    kind.run(client.chat.completions.create(**CHAT))
    finished(kind)
    assert [span.parent for span in residency.spans] == [None, None]


@pytest.mark.parametrize(
    "interruption", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit]
)
def test_what_is_no_exception_does_not_slip_past(
    kind: Kind, residency: Recorded, *, interruption: type[BaseException]
) -> None:
    """4: an interruption in the middle of a call ends the span, and goes on to who waits for it."""

    class Interrupted(http.BaseTransport, http.AsyncBaseTransport):  # type: ignore[name-defined,misc]
        def handle_request(self, _: Any) -> Any:
            raise interruption

        async def handle_async_request(self, _: Any) -> Any:
            raise interruption

    http_client = kind.pick(http.Client, http.AsyncClient)(transport=Interrupted())
    call = kind.open(http_client=http_client).chat.completions.create

    async def waiting() -> str:
        try:
            await call(**CHAT)
        except interruption:
            return "interrupted"
        return "answered"

    def waiting_now() -> str:
        try:
            call(**CHAT)
        except interruption:
            return "interrupted"
        return "answered"

    assert kind.run(kind.pick(waiting_now, waiting)()) == "interrupted"
    assert str(residency.span["error.type"]).endswith(interruption.__name__)


@pytest.mark.parametrize(
    "path", ["embeddings.create", "chat.completions.create", "files.list", "models.list"]
)
def test_raw_responses_do_not_crash_after_the_call(kind: Kind, residency: Recorded, *, path: str) -> None:
    """5: a raw response keeps its headers, its HTTP response and its parser."""
    arguments: dict[str, dict[str, Any]] = {
        "embeddings.create": {"model": "text-embedding-3-small", "input": "Hello"},
        "chat.completions.create": CHAT,
    }
    called = method(kind.open(), path, "with_raw_response")
    assert called is not None
    raw = kind.run(called(**arguments.get(path, {})))
    assert (raw.headers["x-request-id"], raw.request_id) == ("req_test", "req_test")
    assert (raw.status_code, raw.http_response.is_closed) == (200, True)
    assert type(raw.http_response) is http.Response
    assert type(kind.run(raw.parse())).__module__.startswith("openai.")
    assert len(residency.spans) == 1


def test_raw_streams_keep_their_headers_and_parser(kind: Kind, residency: Recorded) -> None:
    """6: a raw response of a stream is the client's own, and parses to the client's stream."""
    raw = kind.run(kind.open().chat.completions.with_raw_response.create(**CHAT, stream=True))
    assert type(raw) is openai._legacy_response.LegacyAPIResponse
    assert raw.headers["x-request-id"] == "req_test"
    stream = raw.parse()
    assert type(stream) is kind.pick(openai.Stream, openai.AsyncStream)
    assert len(kind.items(stream)) == 3
    assert len(residency.spans) == 1


def test_a_streaming_response_is_not_read_before_its_reader(
    kind: Kind, residency: Recorded, internet: Internet
) -> None:
    """7: the body is still on its way when the application gets the response, and is parsed when asked."""
    gate = Gate()
    first, *later_events = chat_events(SNAPSHOT)

    def parts() -> Iterator[bytes]:
        yield first
        gate.wait()
        yield from later_events

    internet.respond = lambda _: events(parts())
    manager = kind.open().chat.completions.with_streaming_response.create(**CHAT, stream=True)
    response = kind.enter(manager)
    assert not response.is_closed
    stream = kind.run(response.parse())
    assert kind.next(stream).model == SNAPSHOT
    gate.open()
    assert len(kind.items(stream)) == 2
    kind.exit(manager)
    assert residency.values("residency.model.snapshot") == [SNAPSHOT]


def test_streams_are_those_of_the_client(kind: Kind, residency: Recorded) -> None:
    """8: a stream is an instance of the client's class, a context manager, and has its response."""
    stream = kind.run(kind.open().chat.completions.create(**CHAT, stream=True))
    assert isinstance(stream, kind.pick(openai.Stream, openai.AsyncStream))
    assert kind.enter(stream) is stream
    assert stream.response.status_code == 200
    kind.exit(stream)
    assert stream.response.is_closed
    settle()
    assert len(residency.spans) == 1


STRANGE: list[Any] = [
    None,
    1,
    1.5,
    True,
    [],
    ["a", {"b": 1}],
    {"a": [1]},
    "",
    "x" * 100_000,
    "\ud800",
    "\x00",
]


@pytest.mark.parametrize("strange", STRANGE, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_strange_values_do_not_break_the_call(
    kind: Kind, residency: Recorded, internet: Internet, *, strange: Any, stream: bool
) -> None:
    """10: whatever stands where a text should, asked or answered, raises nothing in the application."""
    chunk = {
        "model": strange,
        "service_tier": strange,
        "error": None,
        "choices": strange,
        "response": strange,
    }
    internet.respond = lambda _: events([event(chunk)] * 2) if stream else answer(chunk)
    sendable = strange if strange != "\ud800" else "not sendable at all"
    body = {
        "model": sendable,
        "messages": sendable,
        "tools": sendable,
        "service_tier": sendable,
        "stream": stream,
    }
    answered = kind.run(
        kind.open().post(
            "/chat/completions",
            body=body,
            cast_to=openai.types.chat.ChatCompletionChunk,
            stream=stream,
            stream_cls=kind.pick(openai.Stream, openai.AsyncStream)[openai.types.chat.ChatCompletionChunk],
        )
    )
    if stream:
        assert len(kind.items(answered)) == 2
    del answered
    finished(kind)
    assert residency.counted == 1
    assert len(residency.spans) == 1


def test_memory_does_not_grow(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """12: of calls and streams that are over nothing of ours is left, however they ended."""
    client = kind.open()
    for _ in range(30):
        kind.run(client.chat.completions.create(**CHAT))
        kind.items(kind.run(client.chat.completions.create(**CHAT, stream=True)))
        kind.run(client.chat.completions.create(**CHAT, stream=True))
        kind.run(kind.run(client.chat.completions.create(**CHAT, stream=True)).close())
    internet.respond = lambda _: error(400)
    for _ in range(30):
        with pytest.raises(openai.BadRequestError):
            kind.run(client.chat.completions.create(**CHAT))
    finished(kind)
    assert residency.counted == 150
    assert [each for each in gc.get_objects() if type(each) is Call] == []


def test_streaming_does_not_stop_being_streaming(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """13: the far end sends its second event only after the application has got the first one."""
    gates = [Gate() for _ in range(3)]

    def parts() -> Iterator[bytes]:
        for gate, part in zip(gates, chat_events(SNAPSHOT), strict=True):
            gate.wait()
            yield part

    internet.respond = lambda _: events(parts())
    stream = kind.run(kind.open().chat.completions.create(**CHAT, stream=True))
    for gate in gates:
        gate.open()
        assert kind.next(stream).model == SNAPSHOT
    kind.run(stream.close())
    settle()
    assert len(residency.spans) == 1


@pytest.mark.skipif(MAJOR < 3, reason="before openai 3 httpx is what the client uses")
def test_calls_of_the_newest_client_are_recorded() -> None:
    """15: with openai 3 the address is recorded, and nothing imports the HTTP library that it left behind."""
    code = """
import sys
from tests.recorded import EU_POLICY, Recorded
from otel_residency import ResidencyInstrumentor
recorded = Recorded()
ResidencyInstrumentor().instrument(**EU_POLICY, **recorded.providers)
import openai
with openai.OpenAI(base_url="https://eu.api.openai.com/v1") as client:
    client.models.list()
print(recorded.span["server.address"], "httpx" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr) == (f"{EU} False\n", "")


def test_an_upgrade_does_not_end_the_guard_silently(
    kind: Kind, instrument: Instrument, internet: Internet, caplog: pytest.LogCaptureFixture
) -> None:
    """16: when a release of the client lacks what we patch, the log says so, and block mode refuses."""
    instrument(on_call="block")
    client = kind.open()
    try:
        name = "BaseClient._renamed_by_an_upgrade"
        replace(openai._base_client, name, lambda wrapped: wrapped, runtime.patched.miss)
        with pytest.raises(ResidencyViolationError, match=r"guard\.failed"):
            kind.run(client.chat.completions.create(**CHAT))
    finally:
        runtime.patched.missing.clear()
    assert internet.connections == []
    assert [record.levelname for record in caplog.records if record.name == "otel_residency"] == ["ERROR"]


def test_a_backend_does_not_count_a_second_model_call(kind: Kind, residency: Recorded) -> None:
    """18: our span is no model call: it has no attribute of one, and no kind of one."""
    kind.run(kind.open().chat.completions.create(**CHAT))
    (span,) = residency.spans
    assert span.kind is trace.SpanKind.INTERNAL
    assert [key for key in span.attributes or {} if key.startswith(("gen_ai.", "llm.", "openai."))] == []


class Greeting(BaseModel):
    """What a structured answer holds."""

    text: str = ""


def test_parsing_does_not_warn(kind: Kind, residency: Recorded) -> None:
    """19: a structured answer is parsed without a warning, since we never serialize what was parsed."""
    path = "chat.completions.parse"
    called = method(kind.open(), path if path in METHODS else f"beta.{path}")
    assert called is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parsed = kind.run(called(**CHAT, response_format=Greeting))
    assert parsed.choices[0].message.parsed == Greeting()
    assert residency.span["residency.reasons"] == ("model.alias_resolved", "schema.system_data")


def test_trace_context_is_not_sent_to_the_vendor(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """21: no header is added to a request, and the caller's own are left as they are."""
    headers = {"x-own": "1"}
    with residency.tracer_provider.get_tracer("application").start_as_current_span("work"):
        kind.run(kind.open().chat.completions.create(**CHAT, extra_headers=headers))
    sent = {name.lower() for name in internet.requests[0].headers}
    assert sent & {"traceparent", "tracestate", "baggage"} == set()
    assert headers == {"x-own": "1"}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_the_requested_model_is_not_taken_for_the_answering_one(
    kind: Kind, residency: Recorded, internet: Internet, *, stream: bool
) -> None:
    """23: the model of the answer is read from the answer; where it tells none, there is none."""
    chunk = {"id": "c", "object": "chat.completion.chunk", "choices": []}
    internet.respond = lambda _: events([event(chunk)]) if stream else answer(chunk)
    answered = kind.run(kind.open().chat.completions.create(**CHAT, stream=stream))
    if stream:
        kind.items(answered)
    assert "residency.model.snapshot" not in residency.span
    assert residency.span["residency.reasons"] == ("model.alias",)


@pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "sampled out"])
def test_a_refusal_needs_no_processor(
    kind: Kind, instrument: Instrument, internet: Internet, *, sampled: bool
) -> None:
    """24: a violating call is refused whatever is exported, by whom and in which order."""
    residency = instrument(on_call="block", sampler=ALWAYS_ON if sampled else ParentBased(ALWAYS_OFF))
    second = InMemorySpanExporter()
    residency.tracer_provider.add_span_processor(SimpleSpanProcessor(second))
    work = residency.tracer_provider.get_tracer("application").start_as_current_span("work")
    with work, pytest.raises(ResidencyViolationError):
        kind.run(kind.open(base_url=f"https://{US}/v1").chat.completions.create(**CHAT))
    assert internet.connections == []
    assert len(second.get_finished_spans()) == len(residency.every_span) == (2 if sampled else 0)


def test_no_regional_host_is_missed(kind: Kind, instrument: Instrument) -> None:
    """25: every host that the installed client has for a region is known to be of that region."""
    residency = instrument(catalogue="newest")
    hosts = {region: f"https://{region}.api.openai.com/v1" for region in ("us", "eu")}
    if importlib.util.find_spec("openai._data_residency"):
        hosts = importlib.import_module("openai._data_residency")._DATA_RESIDENCY_BASE_URLS
    for region, url in hosts.items():
        residency.clear()
        kind.run(kind.open(base_url=url).chat.completions.create(**CHAT))
        assert residency.span["residency.region"] == region


@pytest.mark.parametrize(("prefix", "region"), [("mtls-eu", "eu"), ("mtls-us", "us"), ("mtls", "global")])
def test_hosts_for_client_certificates_are_not_missed(
    kind: Kind, residency: Recorded, *, prefix: str, region: str
) -> None:
    """25: the hosts for client certificates are regional, too."""
    kind.run(kind.open(base_url=f"https://{prefix}.api.openai.com/v1").chat.completions.create(**CHAT))
    assert residency.span["residency.region"] == region


def test_the_region_of_azure_is_not_read_off_its_url(
    kind: Kind, residency: Recorded, internet: Internet
) -> None:
    """26: what Azure says of its region is evidence, no verdict; a name that says a region is neither."""
    internet.respond = lambda request: answer(body_of(request.path, SNAPSHOT), x_ms_region="West Europe")
    arguments = {"api_key": "k", "api_version": "2025-04-01-preview"}
    for name in (AZURE, "westeurope-eu.openai.azure.com"):
        residency.clear()
        client = kind.open("AzureOpenAI", azure_endpoint=f"https://{name}", **arguments)
        kind.run(client.chat.completions.create(**CHAT))
        assert residency.span["residency.region"] == "unknown"
        assert residency.span["residency.verdict"] == "indeterminate"
        assert residency.span["residency.evidence.azure_region"] == "West Europe"
