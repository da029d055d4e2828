"""Each part is broken on purpose: the application is not affected, and the guard still refuses.

What judges a call and what reports it fail differently. Where a call can't be judged, flag mode sends it
and block mode refuses it. Where it can't be reported, both modes only log the failure.
"""

import logging
import os
import queue
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from threading import Event
from typing import Any, NamedTuple, TypeAlias

import openai
import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Sampler

from examples.demo.loopback import Asked, Reply
from otel_residency import ResidencyViolationError
from otel_residency.core.facts import CallFacts
from otel_residency.runtime.background import BackgroundThread
from otel_residency.settings.load import read_settings
from tests.calls.http_library import http
from tests.calls.kinds import Kind
from tests.internet import EU, PATIENCE, US, Internet
from tests.recorded import Instrument, Recorded, collect, settle
from tests.vendor import SNAPSHOT, answer, body_of, chat_events, error, events, ordinary, redirect

PROMPT = "the prompt that must not be logged"
CHAT: dict[str, Any] = {"model": SNAPSHOT, "messages": [{"role": "user", "content": PROMPT}]}
SECOND_EU = "mtls-eu.api.openai.com"
OURS = "otel_residency"
ROOM = f"{OURS}.calls"


def broken(*_: Any, **__: Any) -> Any:
    """Fail as a bug would that has the prompt in its hands."""
    raise RuntimeError(PROMPT)


# What an application gets of its calls.


class Outcome(NamedTuple):
    """The outcome of a call: a value or an error, by its type and its text."""

    kind: str
    content: str


def whole(kind: Kind, client: Any) -> Any:
    """An answer in one piece."""
    return kind.run(client.chat.completions.create(**CHAT))


def streamed(kind: Kind, client: Any) -> Any:
    """A stream, read to its end."""
    return kind.items(kind.run(client.chat.completions.create(**CHAT, stream=True)))


def raw(kind: Kind, client: Any) -> Any:
    """A raw response."""
    return kind.run(client.chat.completions.with_raw_response.create(**CHAT)).parse()


def late_body(kind: Kind, client: Any) -> Any:
    """A response that the application reads."""
    manager = client.chat.completions.with_streaming_response.create(**CHAT)
    try:
        return kind.run(kind.enter(manager).read())
    finally:
        kind.exit(manager)


def refused_by_vendor(kind: Kind, client: Any) -> Any:
    """An answer that the client raises."""
    return kind.run(client.chat.completions.create(**CHAT, extra_query={"as": "refused"}))


def redirected(kind: Kind, client: Any) -> Any:
    """An answer of another host of the region."""
    return kind.run(client.chat.completions.create(**CHAT, extra_query={"as": "redirected"}))


CALLS = (whole, streamed, raw, late_body, refused_by_vendor, redirected)
MADE = 2 * len(CALLS)
"""Calls that `Make` makes: each twice, since a failure is logged once."""
Make: TypeAlias = Callable[[str], list[Outcome]]


def respond(request: Asked) -> Reply:
    """What the hosts answer to these calls."""
    if request.path.endswith("as=refused"):
        return error(404, "model_not_found", "there is no such model")
    if request.path.endswith("as=redirected") and request.host != SECOND_EU:
        return redirect(307, f"https://{SECOND_EU}/v1/chat/completions")
    return ordinary(request)


@pytest.fixture
def make(kind: Kind, internet: Internet) -> Make:
    """Makes the calls to a host, and returns what the application got."""
    internet.respond = respond

    def outcome(call: Callable[[Kind, Any], Any], client: Any) -> Outcome:
        try:
            result = call(kind, client)
        except Exception as error:  # noqa: BLE001 - it is compared
            return Outcome(type(error).__qualname__, str(error))
        return Outcome(type(result).__qualname__, str(result))

    def make(host: str) -> list[Outcome]:
        client = kind.open(base_url=f"https://{host}/v1", max_retries=2)
        found = [outcome(call, client) for call in CALLS * 2]
        collect()
        return found

    return make


@pytest.fixture(autouse=True)
def _tidy(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After each failure no span stays current, nothing is logged twice, and no content is logged."""
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(openai._base_client.BaseClient, "_calculate_retry_timeout", lambda *_, **__: 0)
    yield
    assert not trace.get_current_span().get_span_context().is_valid
    messages = logged(caplog)
    assert len(messages) == len(set(messages))
    assert PROMPT not in str(messages)


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the package logged during the test."""
    formatted = logging.Formatter()
    return [formatted.format(each) for each in caplog.get_records("call") if each.name.startswith(OURS)]


def failed(caplog: pytest.LogCaptureFixture) -> set[str]:
    """The parts whose failure the package logged."""
    beginning = "otel-residency failed in "
    return {
        message.removeprefix(beginning).partition(":")[0]
        for message in logged(caplog)
        if message.startswith(beginning)
    }


def sums(recorded: Recorded) -> tuple[int, float, int]:
    """How many calls were reported by spans, counts and events."""
    settle()
    return len(recorded.spans), recorded.counted, len(recorded.violations)


def doubtful(recorded: Recorded) -> list[Mapping[str, Any]]:
    """The attributes of the spans of calls that could not be judged."""
    found = [span.attributes or {} for span in recorded.spans]
    return [attributes for attributes in found if attributes["residency.reasons"] == ("guard.failed",)]


# What judges a call.

JUDGES = {
    "reading-the-body": f"{ROOM}.body.BodyReader.read",
    "reading-who-built-it": f"{ROOM}.assessment.builds_plainly",
    "reading-what-is-sent": f"{ROOM}.request.body_of",
    "reading-the-base-url": f"{ROOM}.call.client_base_url",
    "reading-where-it-goes": f"{ROOM}.request.read_hop",
    "reading-what-it-says-of-it": f"{ROOM}.request.read_routing_headers",
    "loading-the-catalogue": f"{OURS}.guard.load_catalogue",
    "checking-the-policy": f"{OURS}.guard.policy_problems",
    "deciding": f"{OURS}.guard.decide",
}
judge = pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES.keys())


@judge
def test_flag_mode_goes_on_without_a_judge(
    make: Make,
    instrument: Instrument,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    judge: str,
) -> None:
    """A call that can't be judged has its usual result, and its span is marked as unknown."""
    expected = make(EU)
    monkeypatch.setattr(judge, broken)
    recorded = instrument()
    assert expected == make(EU)
    assert "judging a call" in failed(caplog)
    assert recorded.values("residency.verdict") == ["indeterminate"] * MADE
    assert recorded.values("residency.reasons") == [("guard.failed",)] * MADE
    assert sums(recorded) == (MADE, MADE, 0)


@judge
def test_block_mode_refuses_without_a_judge(
    make: Make,
    instrument: Instrument,
    internet: Internet,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    judge: str,
) -> None:
    """A call that can't be judged is refused once, before any connection, and reported."""
    monkeypatch.setattr(judge, broken)
    recorded = instrument(on_call="block")
    found = make(EU)
    assert [outcome.kind for outcome in found] == ["ResidencyViolationError"] * MADE
    assert all("guard.failed" in outcome.content for outcome in found)
    assert internet.connections == []
    assert "judging a call" in failed(caplog)
    assert recorded.values("residency.action") == ["blocked"] * MADE
    assert sums(recorded) == (MADE, MADE, MADE)


@pytest.mark.parametrize("on_call", ["flag", "block"])
def test_a_redirect_that_can_not_be_judged(
    make: Make,
    instrument: Instrument,
    internet: Internet,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    on_call: str,
) -> None:
    """A failure between two hops lets the second go in flag mode, and does not in block mode."""
    from otel_residency.calls import request as sending

    read_hop = sending.read_hop

    def fails_later(request: Any, routing: Any, *, redirected: bool = False) -> Any:
        return broken() if redirected else read_hop(request, routing, redirected=redirected)

    expected = make(EU)
    internet.requests.clear()
    monkeypatch.setattr(sending, "read_hop", fails_later)
    recorded = instrument(on_call=on_call)
    found = make(EU)
    if on_call == "block":
        expected = [
            each if which is not redirected else found[index]
            for index, (which, each) in enumerate(zip(CALLS * 2, expected, strict=True))
        ]
        assert internet.received(SECOND_EU) == []
        assert [found[index].kind for index in (5, 11)] == ["ResidencyViolationError"] * 2
    assert expected == found
    assert failed(caplog) == {"judging a call"}
    assert sums(recorded) == (MADE, MADE, 2 if on_call == "block" else 0)
    regions = [attributes["residency.hop.regions"] for attributes in doubtful(recorded)]
    assert regions == [("unknown",)] * 2


# What tells of a call.

TELLERS = {
    "starting-a-span": (f"{OURS}.telemetry.emitter.Telemetry.start", (0, MADE, MADE)),
    "making-it-current": (f"{ROOM}.reporter.set_span_in_context", (MADE, MADE, MADE)),
    "counting": (f"{OURS}.telemetry.emitter.Telemetry.count", (MADE, 0, MADE)),
    "reporting": (f"{OURS}.telemetry.emitter.Telemetry.report_violation", (MADE, MADE, 0)),
    "ending-a-span": (f"{OURS}.telemetry.emitter.Telemetry.end", (0, MADE, MADE)),
    "reading-an-answer": (f"{ROOM}.call.read_answer", (MADE, MADE, MADE)),
    "reading-an-error": (f"{ROOM}.response.refusal_of", (MADE, MADE, MADE)),
    "reading-evidence": (f"{ROOM}.response.read_evidence", (MADE, MADE, MADE)),
    "watching-a-body": (f"{ROOM}.late_body.watch_read", (MADE, MADE, MADE)),
    "following-a-stream": (f"{OURS}.patches.openai_client.follow_stream", (MADE, MADE, MADE)),
    "having-a-thread": (f"{OURS}.runtime.background.BackgroundThread.prepare", (MADE, MADE, MADE)),
}
teller = pytest.mark.parametrize(("teller", "expected_sums"), TELLERS.values(), ids=TELLERS.keys())


@teller
def test_flag_mode_goes_on_without_reporting(
    make: Make,
    instrument: Instrument,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    teller: str,
    expected_sums: tuple[int, float, int],
) -> None:
    """If one kind of report fails, the others are made, and the call has its usual result."""
    expected = make(US)
    with monkeypatch.context() as patch:
        patch.setattr(teller, broken)
        recorded = instrument()
        assert expected == make(US)
    assert failed(caplog)
    assert expected_sums == sums(recorded)


@teller
def test_block_mode_judges_without_reporting(
    make: Make,
    instrument: Instrument,
    internet: Internet,
    monkeypatch: pytest.MonkeyPatch,
    *,
    teller: str,
    expected_sums: tuple[int, float, int],
) -> None:
    """Eligible calls are sent and others refused, whether or not they can be reported."""
    del expected_sums
    expected = make(EU)
    with monkeypatch.context() as patch:
        patch.setattr(teller, broken)
        instrument(on_call="block")
        assert expected == make(EU)
        internet.connections.clear()
        assert [outcome.kind for outcome in make(US)] == ["ResidencyViolationError"] * MADE
    assert internet.connections == []


def test_the_judgement_of_an_answer_fails(
    make: Make, instrument: Instrument, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A violation that was found before the call is reported, though the answer can't be judged."""
    from otel_residency import guard

    decide = guard.decide

    def fails_later(facts: CallFacts, *arguments: Any) -> Any:
        return broken() if facts.answer else decide(facts, *arguments)

    expected = make(EU), make(US)
    monkeypatch.setattr(guard, "decide", fails_later)
    recorded = instrument()
    assert expected == (make(EU), make(US))
    assert failed(caplog) == {"judging an answer"}
    assert recorded.values("residency.verdict") == ["indeterminate"] * MADE + ["ineligible"] * MADE
    assert sums(recorded) == (2 * MADE, 2 * MADE, MADE)


class FailsAtStart(SpanProcessor):
    """A processor with a bug."""

    on_start = broken


class FailsAtEnd(SpanProcessor):
    """A processor with another bug."""

    on_end = broken


class FailsToExport(SpanExporter):
    """An exporter whose far end is down."""

    def export(self, _: Any) -> Any:
        """Give up."""
        raise ConnectionError("the collector is down")


class FailsToSample(Sampler):
    """A sampler with a bug."""

    should_sample = broken

    def get_description(self) -> str:
        """Its name."""
        return "fails"


class FailsToEmit(LogRecordProcessor):
    """A processor of log records with a bug."""

    on_emit = broken

    def shutdown(self) -> None:
        """Nothing to stop."""

    def force_flush(self, timeout_millis: int = 0) -> bool:
        """Nothing to wait for."""
        return timeout_millis >= 0


SDK_FAULTS: dict[str, tuple[Any, tuple[int, float, int]]] = {
    "span-processor-at-start": (FailsAtStart(), (0, MADE, MADE)),
    "span-processor-at-end": (FailsAtEnd(), (MADE, MADE, MADE)),
    "span-exporter": (SimpleSpanProcessor(FailsToExport()), (MADE, MADE, MADE)),
    "log-processor": (FailsToEmit(), (MADE, MADE, MADE)),
    "sampler": (FailsToSample(), (0, MADE, MADE)),
}


@pytest.mark.parametrize("on_call", ["flag", "block"])
@pytest.mark.parametrize(("fault", "expected_sums"), SDK_FAULTS.values(), ids=SDK_FAULTS.keys())
def test_a_part_of_the_sdk_fails(
    make: Make,
    instrument: Instrument,
    internet: Internet,
    *,
    on_call: str,
    fault: Any,
    expected_sums: tuple[int, float, int],
) -> None:
    """A bug in a third-party part of the SDK affects neither the application nor the guard."""
    expected = make(US)
    recorded = instrument(on_call=on_call, sampler=fault if isinstance(fault, Sampler) else None)
    if isinstance(fault, LogRecordProcessor):
        recorded.logger_provider.add_log_record_processor(fault)
    elif isinstance(fault, SpanProcessor):
        recorded.tracer_provider.add_span_processor(fault)
    internet.connections.clear()
    found = make(US)
    assert expected_sums == sums(recorded)
    if on_call == "flag":
        assert expected == found
    else:
        assert [outcome.kind for outcome in found] == ["ResidencyViolationError"] * MADE
        assert internet.connections == []


def test_telemetry_can_not_be_set_up(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, instrument: Instrument
) -> None:
    """Without any telemetry the guard is there: what may go goes, what may not does not."""
    expected = make(EU)
    with monkeypatch.context() as patch:
        patch.setattr(f"{OURS}.telemetry.emitter.get_meter", broken)
        instrument(on_call="block")
    assert expected == make(EU)
    assert [outcome.kind for outcome in make(US)] == ["ResidencyViolationError"] * MADE
    assert failed(caplog) == {"starting telemetry"}


def test_the_log_fails_as_well(make: Make, instrument: Instrument, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler of the application's that raises does not raise into its calls."""

    class Fails(logging.Handler):
        emit = broken

    expected = make(EU)
    monkeypatch.setattr(f"{ROOM}.request.read_hop", broken)
    instrument()
    handler = Fails()
    logging.getLogger(OURS).addHandler(handler)
    try:
        assert expected == make(EU)
    finally:
        logging.getLogger(OURS).removeHandler(handler)


# What nobody expects of an application or of a far end.


class Unreadable(openai.BaseModel):
    """A model some of whose fields can't be read, under the names that are looked for."""

    @property
    def model(self) -> str:
        """Raise."""
        return str(broken())

    response = error = service_tier = model


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_answer_that_can_not_be_read(kind: Kind, residency: Recorded, *, stream: bool) -> None:
    """Custom types are returned unchanged, also if reading their attributes fails."""
    body = {**CHAT, "stream": stream}
    types: dict[str, Any] = {"cast_to": Unreadable}
    if stream:
        plain, asynchronous = openai.Stream[Unreadable], openai.AsyncStream[Unreadable]
        types |= {"stream": True, "stream_cls": kind.pick(plain, asynchronous)}
    found = kind.run(kind.open().post("/chat/completions", body=body, **types))
    for each in kind.items(found) if stream else [found]:
        assert type(each) is Unreadable
    settle()
    assert residency.values("residency.verdict") == ["eligible"]


def test_a_client_that_can_not_be_hashed_or_compared(kind: Kind, instrument: Instrument) -> None:
    """A custom class may lack the methods that a table needs."""

    def odd(base: type) -> type:
        return type("Odd", (base,), {"__hash__": None, "__eq__": broken, "__bool__": broken})

    recorded = instrument(on_call="block")
    client = kind.open(kind.pick(odd(openai.OpenAI), odd(openai.AsyncOpenAI)))
    assert whole(kind, client).model == SNAPSHOT
    assert recorded.values("residency.verdict") == ["eligible"]


ODD_HEADERS: list[tuple[bytes, bytes]] = [
    (b"x-request-id", b"\xff\xfe"),
    (b"x-request-id", b"r" * 10_000),
    (b"openai-project", b"two\x00words"),
    (b"openai-organization", b""),
    (b"cf-ray", b"---"),
    (b"x-\xff", b"1"),
    (b"content-type", b"application/json"),
    (b"location", b"https://\xff\xff/"),
]


def test_headers_that_make_no_sense(kind: Kind, residency: Recorded) -> None:
    """Evidence that is too long, unprintable or empty is left out; the answer is the answer."""
    body = b'{"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": []}'
    transport = http.MockTransport(lambda _: http.Response(200, headers=ODD_HEADERS, content=body))
    client = kind.open(http_client=kind.pick(http.Client, http.AsyncClient)(transport=transport))
    assert whole(kind, client).model == "m"
    assert not any(len(str(value)) > 1000 or "\x00" in str(value) for value in residency.span.values())


@pytest.mark.parametrize("call", [whole, streamed, raw, late_body])
def test_a_response_of_no_request(
    kind: Kind, instrument: Instrument, call: Callable[[Kind, Any], Any]
) -> None:
    """An HTTP client that makes up its answers does not set their request."""
    reply = events(chat_events(SNAPSHOT)) if call is streamed else answer(body_of("", SNAPSHOT))
    content = reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)

    def send(*_: Any, **__: Any) -> Any:
        return http.Response(200, headers=dict(reply.headers), content=content)

    async def send_async(*_: Any, **__: Any) -> Any:
        return send()

    base = kind.pick(http.Client, http.AsyncClient)
    client = kind.open(http_client=type("Own", (base,), {"send": kind.pick(send, send_async)})())

    def outcome() -> str:
        try:
            return str(call(kind, client))
        except Exception as error:  # noqa: BLE001 - it is compared
            return f"{type(error)} {error}"

    expected = outcome()
    recorded = instrument()
    assert expected == outcome()
    assert sums(recorded)[:2] == (1, 1)


def test_a_queue_that_was_replaced_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where gevent puts its own queue in place of the library's, ours is that one, and nothing is lost.

    There every thread is a greenlet: one that waited as threads do would stop all of them, for good.
    """

    class Green(queue.SimpleQueue[Callable[[], None]]):
        """A queue of another library."""

    reaper = BackgroundThread("otel-residency-test")
    before, after = Event(), Event()
    reaper.submit(before.set)
    monkeypatch.setattr(queue, "SimpleQueue", Green)
    reaper.prepare()
    reaper.submit(after.set)
    assert type(reaper._queue) is Green
    assert (before.wait(PATIENCE), after.wait(PATIENCE)) == (True, True)


# Without a policy, and without telemetry.


def test_a_policy_that_can_not_be_read_refuses(
    make: Make, instrument: Instrument, internet: Internet
) -> None:
    """In block mode no call is sent under a policy that can't be read."""
    environ = {"OTEL_RESIDENCY_ON_CALL": "block", "OTEL_RESIDENCY_POLICY": "no-such-policy.toml"}
    recorded = instrument(read_settings(environ))
    found = make(EU)
    assert [outcome.kind for outcome in found] == ["ResidencyViolationError"] * MADE
    assert all("policy.unreadable" in outcome.content for outcome in found)
    assert internet.connections == []
    assert sums(recorded) == (MADE, MADE, MADE)


def refused(kind: Kind, client: Any) -> ResidencyViolationError:
    """Why a call is refused."""
    with pytest.raises(ResidencyViolationError) as caught:
        whole(kind, client)
    return caught.value


def test_everything_is_sampled_out(kind: Kind, instrument: Instrument, internet: Internet) -> None:
    """Sampling decides about spans, and about nothing else: the refusal is made, counted and reported."""
    recorded = instrument(on_call="block", sampler=ALWAYS_OFF)
    refused(kind, kind.open(base_url=f"https://{US}/v1"))
    assert internet.connections == []
    assert sums(recorded) == (0, 1, 1)


def test_instrumentation_is_suppressed(kind: Kind, instrument: Instrument, internet: Internet) -> None:
    """Who suppresses spans does not suppress the guard, nor the count and the report of what it refused."""
    recorded = instrument(on_call="block")
    client = kind.open(base_url=f"https://{US}/v1")

    def call() -> None:
        with suppress_instrumentation():
            client.chat.completions.create(**CHAT)

    async def call_async() -> None:
        with suppress_instrumentation():
            await client.chat.completions.create(**CHAT)

    with pytest.raises(ResidencyViolationError):
        kind.run(kind.pick(call, call_async)())
    assert internet.connections == []
    assert sums(recorded) == (0, 1, 1)


def test_the_sdk_is_disabled(
    kind: Kind, instrument: Instrument, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OTEL_SDK_DISABLED silences the SDK, not the guard."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    recorded = instrument(on_call="block")
    refused(kind, kind.open(base_url=f"https://{US}/v1"))
    assert whole(kind, kind.open()).model == SNAPSHOT
    assert internet.hosts == [EU]
    assert recorded.spans == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_process_that_is_forked_while_the_guard_is_built() -> None:
    """The child builds a new guard, and waits for no thread of its parent."""
    program = (
        "import os, signal, sys\n"
        "from otel_residency.calls.state import State\n"
        "from otel_residency.settings.load import Settings\n"
        "state = State(Settings())\n"
        "with state._lock:\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        f"        signal.alarm({PATIENCE:.0f})\n"
        "        os._exit(state.guard is None)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
