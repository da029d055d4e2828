"""A streamed answer is over when its stream is: however that ends, it is one span, and ends it once."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any, TypeAlias

import openai
import pytest
from opentelemetry import trace

from examples.demo.loopback import Asked, Reply
from otel_residency.runtime.background import stream_ender
from otel_residency.runtime.runtime import runtime
from tests.calls.dialects import CHAT, COMPLETIONS, DIALECTS, RESPONSES, Dialect
from tests.calls.http_library import http
from tests.calls.kinds import Async, Kind
from tests.calls.resources import METHODS, method
from tests.internet import EU, Gate, Internet
from tests.recorded import Instrument, Recorded, collect, settle
from tests.vendor import ALIAS, SNAPSHOT, event, events, response_events

Begin: TypeAlias = Callable[[], Any]
OURS = ("otel_residency", "opentelemetry")


@pytest.fixture(autouse=True)
def _nothing_went_wrong(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Neither we nor the SDK have anything to complain about: no span ended twice, no context lost."""
    caplog.set_level(logging.WARNING)
    yield
    messages = [record.getMessage() for record in caplog.records if record.name.startswith(OURS)]
    assert messages == []
    assert not trace.get_current_span().get_span_context().is_valid


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Holds the far end back, and lets it go when the test is over."""
    made = Gate()
    yield made
    made.open()


@pytest.fixture(params=DIALECTS, ids=lambda dialect: dialect.name)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Each dialect that the client speaks."""
    found: Dialect = request.param
    found.needed()
    return found


def gated_events(dialect: Dialect, gate: Gate) -> Callable[[Asked], Reply]:
    """An answer whose first event comes at once, and the others when the gate is opened."""

    def parts() -> Iterator[bytes]:
        stream = dialect.events()
        yield next(stream)
        gate.wait()
        yield from stream

    return lambda _: events(parts())


def finished(kind: Kind, residency: Recorded) -> Recorded:
    """What was emitted, when everything that was dropped has been taken care of."""
    for number in range(30):
        collect()
        kind.rest()
        settle()
        # On a busy machine an event loop takes more rounds to close its generators one after the other.
        if number > 1 and residency.spans:
            break
    return residency


def is_current() -> bool:
    """Whether a span is current here; in the hands of the application none of ours may be."""
    return trace.get_current_span().get_span_context().is_valid


# How an application ends a stream. Each is handed what begins one, so that nothing else holds on to it.


def exhausted(kind: Kind, begin: Begin) -> None:
    """Read to the end."""
    assert len(kind.items(begin())) > 1


def closed(kind: Kind, begin: Begin) -> None:
    """Close it after an event."""
    stream = begin()
    kind.next(stream)
    kind.run(stream.close())


def closed_twice(kind: Kind, begin: Begin) -> None:
    """Close it, and close it again."""
    stream = begin()
    kind.next(stream)
    kind.run(stream.close())
    kind.run(stream.close())


def closed_unread(kind: Kind, begin: Begin) -> None:
    """Close it without having read anything."""
    kind.run(begin().close())


def closed_when_exhausted(kind: Kind, begin: Begin) -> None:
    """Read it to the end, then close it."""
    stream = begin()
    kind.items(stream)
    kind.run(stream.close())


def left(kind: Kind, begin: Begin) -> None:
    """Leave its `with` block after an event."""
    stream = begin()
    kind.next(kind.enter(stream))
    kind.exit(stream)


def left_by_exception(kind: Kind, begin: Begin) -> None:
    """Fail inside of its `with` block."""
    stream = begin()
    kind.next(kind.enter(stream))
    kind.exit(stream, ValueError("the application's own"))


def left_by_interrupt(kind: Kind, begin: Begin) -> None:
    """Be interrupted inside of its `with` block."""
    stream = begin()
    kind.next(kind.enter(stream))
    kind.exit(stream, KeyboardInterrupt())


def broken_off(kind: Kind, begin: Begin) -> None:
    """Leave the loop, and forget the stream."""
    stream = begin()

    async def loop() -> None:
        async for _ in stream:
            assert not is_current()
            break

    if isinstance(kind, Async):
        kind.run(loop())
        return
    for _ in stream:
        assert not is_current()
        break


def broken_off_by_exception(kind: Kind, begin: Begin) -> None:
    """Fail in the loop, and forget the stream."""
    stream = begin()

    async def loop() -> None:
        async for _ in stream:
            raise ValueError("the application's own")

    with pytest.raises(ValueError, match="own"):  # noqa: PT012 - the loop is what fails
        if isinstance(kind, Async):
            kind.run(loop())
        for _ in stream:
            raise ValueError("the application's own")


def dropped(kind: Kind, begin: Begin) -> None:
    """Forget it after an event."""
    kind.next(begin())


def dropped_unread(kind: Kind, begin: Begin) -> None:
    """Forget it at once."""
    del kind
    begin()


def thrown_into(kind: Kind, begin: Begin) -> None:
    """Throw something into an iterator over it, as a framework that cancels a generator does."""
    stream = begin()

    async def throw() -> None:
        iterator = aiter(stream)
        await anext(iterator)
        await iterator.athrow(RuntimeError("a framework's own"))

    with pytest.raises(RuntimeError, match="own"):  # noqa: PT012 - what is thrown in comes out
        if isinstance(kind, Async):
            kind.run(throw())
        iterator = iter(stream)
        next(iterator)
        iterator.throw(RuntimeError("a framework's own"))


ENDINGS = (
    exhausted,
    closed,
    closed_twice,
    closed_when_exhausted,
    left,
    left_by_exception,
    left_by_interrupt,
    broken_off,
    broken_off_by_exception,
    dropped,
    thrown_into,
)
UNREAD_ENDINGS = (closed_unread, dropped_unread)


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
def test_every_ending_ends_the_span_once(
    kind: Kind, residency: Recorded, dialect: Dialect, ending: Callable[[Kind, Begin], None]
) -> None:
    """However an application ends a stream, there is one span, and it knows which model answered."""
    client = kind.open()
    ending(kind, lambda: kind.run(dialect.method(client)(**dialect.arguments)))
    span = finished(kind, residency).span
    assert span["residency.model.snapshot"] == dialect.snapshot
    assert (span["residency.verdict"], span["residency.reasons"]) == (dialect.verdict, dialect.reasons)
    assert "error.type" not in span
    assert residency.counted == 1


@pytest.mark.parametrize("ending", UNREAD_ENDINGS, ids=lambda ending: ending.__name__)
def test_a_stream_that_nobody_reads_ends_its_span(
    kind: Kind, residency: Recorded, dialect: Dialect, ending: Callable[[Kind, Begin], None]
) -> None:
    """A stream that is never read is one span too; which model answered was never learnt."""
    client = kind.open()
    ending(kind, lambda: kind.run(dialect.method(client)(**dialect.arguments)))
    span = finished(kind, residency).span
    reasons = ("model.alias",) if dialect is not COMPLETIONS else dialect.reasons
    assert span["residency.reasons"] == reasons
    assert residency.counted == 1


@pytest.mark.parametrize("ending", [*ENDINGS, *UNREAD_ENDINGS], ids=lambda ending: ending.__name__)
def test_streams_of_raw_responses(
    kind: Kind, residency: Recorded, ending: Callable[[Kind, Begin], None]
) -> None:
    """A stream that is taken from a raw response is followed like any other."""
    client = kind.open()

    def begin() -> Any:
        raw = kind.run(client.chat.completions.with_raw_response.create(**CHAT.arguments))
        assert raw.headers["x-request-id"] == "req_test"
        return kind.run(raw.parse())

    ending(kind, begin)
    assert finished(kind, residency).values("residency.region") == ["eu"]


@pytest.mark.parametrize("ending", [exhausted, dropped, dropped_unread], ids=lambda ending: ending.__name__)
def test_streams_whose_body_a_hook_has_read(
    kind: Kind, residency: Recorded, ending: Callable[[Kind, Begin], None]
) -> None:
    """A stream that the application's hook has read to its end is reported without waiting for another."""
    runtime.part(stream_ender)._reset()

    def read(response: Any) -> None:
        response.read()

    async def read_async(response: Any) -> None:
        await response.aread()

    hooks = {"response": [kind.pick(read, read_async)]}
    client = kind.open(http_client=kind.pick(http.Client, http.AsyncClient)(event_hooks=hooks))
    ending(kind, lambda: kind.run(client.chat.completions.create(**CHAT.arguments)))
    assert runtime.part(stream_ender)._thread is not None
    assert len(finished(kind, residency).spans) == 1


# While it goes on.


def test_the_first_event_comes_before_the_second_is_sent(
    kind: Kind, residency: Recorded, internet: Internet, dialect: Dialect, gate: Gate
) -> None:
    """Nothing holds an event back until the next one, or until the end."""
    internet.respond = gated_events(dialect, gate)
    stream = kind.run(dialect.method(kind.open())(**dialect.arguments))
    kind.next(stream)
    assert residency.spans == []
    gate.open()
    assert len(kind.items(stream)) > 0
    assert len(finished(kind, residency).spans) == 1


def test_the_stream_is_that_of_the_client(kind: Kind, residency: Recorded, dialect: Dialect) -> None:
    """The application gets the client's stream, and its events, not something of ours."""
    stream = kind.run(dialect.method(kind.open())(**dialect.arguments))
    assert type(stream) is kind.pick(openai.Stream, openai.AsyncStream)
    assert type(stream.response) is http.Response
    with_us = [type(item) for item in kind.items(stream)]
    assert {item.__module__.partition(".")[0] for item in with_us} == {"openai"}
    assert len(residency.spans) == 1


def test_no_span_of_ours_is_current_in_the_consumer(
    kind: Kind, residency: Recorded, dialect: Dialect
) -> None:
    """What the application does between two events is not below our span."""
    client = kind.open()

    async def consume() -> list[bool]:
        return [is_current() async for _ in await dialect.method(client)(**dialect.arguments)]

    def consume_now() -> list[bool]:
        return [is_current() for _ in dialect.method(client)(**dialect.arguments)]

    assert set(kind.run(kind.pick(consume_now, consume)())) == {False}
    assert len(residency.spans) == 1


def test_the_applications_span_stays_current(kind: Kind, residency: Recorded) -> None:
    """A span of the application is the parent of ours, and is current again as soon as the call returns."""
    client = kind.open()
    tracer = residency.tracer_provider.get_tracer("application")

    def current() -> trace.Span:
        return trace.get_current_span()

    async def consume() -> set[trace.Span]:
        with tracer.start_as_current_span("work"):
            stream = await client.chat.completions.create(**CHAT.arguments)
            return {current(), *[current() async for _ in stream]}

    def consume_now() -> set[trace.Span]:
        with tracer.start_as_current_span("work"):
            stream = client.chat.completions.create(**CHAT.arguments)
            return {current(), *[current() for _ in stream]}

    (work,) = kind.run(kind.pick(consume_now, consume)())
    (span,) = residency.spans
    assert span.parent is not None
    assert span.parent.span_id == work.get_span_context().span_id


def test_a_stream_handed_to_another_thread(residency: Recorded, sync: Kind) -> None:
    """Whoever reads the stream may be another than who asked for it."""
    read: list[Any] = []
    stream = sync.open().chat.completions.create(**CHAT.arguments)
    thread = Thread(target=lambda: read.extend(stream))
    thread.start()
    thread.join()
    assert len(read) == 3
    assert residency.span["residency.verdict"] == "eligible"


async def test_a_stream_handed_from_task_to_task(residency: Recorded) -> None:
    """Each event may be awaited by a task of its own, each with a context of its own."""
    async with openai.AsyncOpenAI(base_url=f"https://{EU}/v1") as client:
        stream = await client.chat.completions.create(**CHAT.arguments)
        read = [await asyncio.create_task(anext(stream)) for _ in range(3)]
        with pytest.raises(StopAsyncIteration):
            await asyncio.create_task(anext(stream))
    assert len(read) == 3
    assert residency.span["residency.verdict"] == "eligible"


# Ended by another thread or task.


def test_closed_from_another_thread(residency: Recorded, internet: Internet, gate: Gate, sync: Kind) -> None:
    """A stream that a watchdog closes while its reader is busy elsewhere is one span."""
    internet.respond = gated_events(CHAT, gate)
    stream = sync.open().chat.completions.create(**CHAT.arguments)
    next(stream)
    watchdog = Thread(target=stream.close)
    watchdog.start()
    watchdog.join()
    assert finished(sync, residency).span["residency.verdict"] == "eligible"


async def test_closed_from_another_task(residency: Recorded, internet: Internet, gate: Gate) -> None:
    """A stream that another task closes while its reader waits for an event is one span."""
    internet.respond = gated_events(CHAT, gate)
    async with openai.AsyncOpenAI(base_url=f"https://{EU}/v1", max_retries=0) as client:
        stream = await client.chat.completions.create(**CHAT.arguments)
        await anext(stream)
        reader = asyncio.ensure_future(anext(stream, None))
        await asyncio.sleep(0)
        await stream.close()
        await asyncio.gather(reader, return_exceptions=True)
    settle()
    assert residency.values("residency.verdict") == ["eligible"]


async def test_cancelled_while_waiting_for_an_event(
    residency: Recorded, internet: Internet, dialect: Dialect, gate: Gate
) -> None:
    """A task that is cancelled between two events ends its span as failed."""
    internet.respond = gated_events(dialect, gate)
    begun = asyncio.Event()

    async def consume(client: openai.AsyncOpenAI) -> None:
        async for _ in await dialect.method(client)(**dialect.arguments):
            begun.set()

    async with openai.AsyncOpenAI(base_url=f"https://{EU}/v1", max_retries=0) as client:
        task = asyncio.create_task(consume(client))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    settle()
    assert residency.span["error.type"] == "asyncio.exceptions.CancelledError"
    assert residency.span["residency.model.snapshot"] == dialect.snapshot


async def test_cancelled_before_the_answer(residency: Recorded, internet: Internet, gate: Gate) -> None:
    """A task that is cancelled while the far end has not answered ends its span as failed."""
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()

    def silent(_: Asked) -> Reply:
        loop.call_soon_threadsafe(arrived.set)
        gate.wait()
        return Reply()

    internet.respond = silent
    async with openai.AsyncOpenAI(base_url=f"https://{EU}/v1", max_retries=0) as client:
        task = asyncio.ensure_future(client.chat.completions.create(**CHAT.arguments))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert residency.span["error.type"] == "asyncio.exceptions.CancelledError"
    assert residency.span["residency.hop.hosts"] == (EU,)


async def test_timed_out_by_the_application(residency: Recorded, internet: Internet, gate: Gate) -> None:
    """A deadline of asyncio around an event is a cancellation, and ends the span."""
    internet.respond = gated_events(CHAT, gate)
    async with openai.AsyncOpenAI(base_url=f"https://{EU}/v1", max_retries=0) as client:
        stream = await client.chat.completions.create(**CHAT.arguments)
        await anext(stream)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.01)
    settle()
    assert residency.values("residency.verdict") == ["eligible"]


class Silence(http.AsyncBaseTransport):  # type: ignore[name-defined,misc]
    """A transport that never answers."""

    def __init__(self) -> None:
        self.requested = asyncio.Event()

    async def handle_async_request(self, _: Any) -> Any:
        """Wait forever."""
        self.requested.set()
        await asyncio.Event().wait()


def test_a_loop_closed_during_a_call(residency: Recorded) -> None:
    """A call whose loop is closed under it ends when it is collected, in a context that it never entered."""
    transport = Silence()
    client = openai.AsyncOpenAI(
        base_url=f"https://{EU}/v1", http_client=http.AsyncClient(transport=transport)
    )
    loop = asyncio.new_event_loop()
    task = loop.create_task(client.chat.completions.create(**CHAT.arguments))
    loop.run_until_complete(transport.requested.wait())
    loop.close()
    with residency.tracer_provider.get_tracer("application").start_as_current_span("work") as work:
        del task
        collect()
        assert trace.get_current_span() is work
    assert [span.name for span in residency.spans] == ["residency POST /v1/chat/completions"]


# Ended by the far end.


def cut(parts: Iterator[bytes], after: int) -> Iterator[bytes]:
    """The first parts of an answer, and then nothing but a broken connection."""
    for _ in range(after):
        yield next(parts)
    raise ConnectionAbortedError


CONNECTION_ERRORS = (openai.APIConnectionError, http.RemoteProtocolError, http.ReadError)


def test_cut_off_in_the_middle(kind: Kind, residency: Recorded, internet: Internet, dialect: Dialect) -> None:
    """When the connection breaks, the application gets the error, and the span says so."""
    internet.respond = lambda _: events(cut(dialect.events(), 2))
    stream = kind.run(dialect.method(kind.open())(**dialect.arguments))
    with pytest.raises(CONNECTION_ERRORS) as caught:
        kind.items(stream)
    (span,) = finished(kind, residency).spans
    attributes = span.attributes or {}
    assert attributes["error.type"] == f"{caught.type.__module__}.{caught.type.__qualname__}"
    assert span.status.status_code is trace.StatusCode.ERROR
    assert attributes["residency.model.snapshot"] == dialect.snapshot


def test_ended_without_its_last_line(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """A stream that ends early but properly raises nothing in the client, and is a call like any other."""
    internet.respond = lambda _: events(list(CHAT.events())[:1])
    stream = kind.run(kind.open().chat.completions.create(**CHAT.arguments))
    assert len(kind.items(stream)) == 1
    assert finished(kind, residency).span["residency.verdict"] == "eligible"


def test_timed_out_in_the_middle(kind: Kind, residency: Recorded, internet: Internet, gate: Gate) -> None:
    """When the far end falls silent, the client gives up, and the span says so."""
    internet.respond = gated_events(CHAT, gate)
    client = kind.open(timeout=0.5)
    with pytest.raises((openai.APITimeoutError, http.ReadTimeout)) as caught:
        kind.items(kind.run(client.chat.completions.create(**CHAT.arguments)))
    span = finished(kind, residency).span
    assert span["error.type"] == f"{caught.type.__module__}.{caught.type.__qualname__}"


def test_an_error_event(kind: Kind, residency: Recorded, internet: Internet, dialect: Dialect) -> None:
    """An error that is reported inside of a stream fails the call."""
    failure = event({"error": {"message": "no more", "code": "server_error"}})
    internet.respond = lambda _: events([next(dialect.events()), failure])
    stream = kind.run(dialect.method(kind.open())(**dialect.arguments))
    with pytest.raises(openai.APIError, match="no more"):
        kind.items(stream)
    span = finished(kind, residency).span
    assert span["error.type"] == "openai.APIError"
    assert span["residency.verdict"] == dialect.verdict


def test_a_residency_error_event(kind: Kind, instrument: Instrument, internet: Internet) -> None:
    """When the vendor says inside of a stream that project and host do not match, that is the verdict."""
    residency = instrument()
    failure = event({"error": {"message": "no", "code": "data_residency_mismatch"}})
    internet.respond = lambda _: events([next(CHAT.events()), failure])
    stream = kind.run(kind.open().chat.completions.create(**CHAT.arguments))
    with pytest.raises(openai.APIError, match="no"):
        kind.items(stream)
    assert "host.refused_by_vendor" in finished(kind, residency).span["residency.reasons"]
    assert len(residency.violations) == 1


def test_a_response_that_failed_for_residency(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """A response that failed with `data_residency_mismatch` is ineligible, though nothing was raised."""
    RESPONSES.needed()
    failure = {"code": "data_residency_mismatch", "message": "no"}
    internet.respond = lambda _: events(response_events(SNAPSHOT, "failed", error=failure))
    stream = kind.run(kind.open().responses.create(**RESPONSES.arguments))
    assert kind.items(stream)[-1].type == "response.failed"
    span = finished(kind, residency).span
    assert span["residency.verdict"] == "ineligible"
    assert "host.refused_by_vendor" in span["residency.reasons"]
    assert "error.type" not in span
    assert [record.attributes["residency.verdict"] for record in residency.violations] == ["ineligible"]


def test_the_last_event_counts_however_soon_the_end_is_reported(
    kind: Kind, residency: Recorded, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client closes the response before it gives the last event; the call is not over yet."""
    RESPONSES.needed()
    monkeypatch.setattr(runtime.part(stream_ender), "submit", lambda work: work())
    failure = {"code": "data_residency_mismatch", "message": "no"}
    internet.respond = lambda _: events(response_events(SNAPSHOT, "failed", error=failure))
    kind.items(kind.run(kind.open().responses.create(**RESPONSES.arguments)))
    assert "host.refused_by_vendor" in residency.span["residency.reasons"]


def test_an_error_instead_of_a_stream(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """A stream that never began is a failed call."""
    internet.respond = lambda _: Reply(500, {"content-type": "application/json"}, b"{}")
    with pytest.raises(openai.InternalServerError):
        kind.run(kind.open().chat.completions.create(**CHAT.arguments))
    assert residency.span["error.type"] == "500"
    assert residency.span["http.response.status_code"] == 500


# The client's helpers.


def chat_helper(client: Any) -> Any:
    """The helper for streamed chats; it once was a beta."""
    path = "chat.completions.stream"
    found = method(client, path if path in METHODS else f"beta.{path}")
    assert found is not None
    return found(model=ALIAS, messages=CHAT.arguments["messages"])


def responses_helper(client: Any) -> Any:
    """The helper for streamed responses."""
    if "responses.stream" not in METHODS:
        pytest.skip(f"openai {openai.VERSION} has no responses.stream")
    return client.responses.stream(model=ALIAS, input="Hello")


def read_all(kind: Kind, stream: Any) -> None:
    """Read every event."""
    assert len(kind.items(stream)) > 1


def read_one(kind: Kind, stream: Any) -> None:
    """Read one event, and leave."""
    kind.next(stream)


def read_none(kind: Kind, stream: Any) -> None:
    """Leave at once."""
    del kind, stream


def until_done(kind: Kind, stream: Any) -> None:
    """Wait for the end."""
    kind.run(stream.until_done())


@pytest.mark.parametrize("helper", [chat_helper, responses_helper])
@pytest.mark.parametrize("read", [read_all, read_one, read_none, until_done])
@pytest.mark.parametrize("error", [None, ValueError("the application's own")], ids=["", "failing"])
def test_helpers(
    kind: Kind,
    residency: Recorded,
    helper: Callable[[Any], Any],
    read: Callable[[Kind, Any], None],
    error: Exception | None,
) -> None:
    """The client's own helpers around streams make one span, however they are left."""
    manager = helper(kind.open())
    stream = kind.enter(manager)
    read(kind, stream)
    kind.exit(manager, error)
    del stream, manager
    span = finished(kind, residency).span
    assert span["residency.verdict"] == ("indeterminate" if read is read_none else "eligible")
    assert residency.counted == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_helper_of_the_assistants(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """The oldest helper, of an API that is gone, is one ineligible call."""
    run = {"id": "run_1", "object": "thread.run", "model": SNAPSHOT, "status": "completed"}
    internet.respond = lambda _: events(
        [event(run, "thread.run.completed"), b"event: done\ndata: [DONE]\n\n"]
    )
    manager = kind.open().beta.threads.runs.stream(assistant_id="asst_1", thread_id="thread_1")
    kind.items(kind.enter(manager))
    kind.exit(manager)
    del manager
    assert finished(kind, residency).span["residency.verdict"] == "ineligible"


@pytest.mark.parametrize("path", ["chat.completions.parse", "beta.chat.completions.parse", "responses.parse"])
def test_parsing_helpers(kind: Kind, residency: Recorded, path: str) -> None:
    """`parse()` is a call whose answer is parsed by the client afterwards."""
    if path not in METHODS:
        pytest.skip(f"openai {openai.VERSION} has no {path}")
    prompt = {"input": "Hello"} if path == "responses.parse" else {"messages": CHAT.arguments["messages"]}
    called = method(kind.open(), path)
    assert called is not None
    kind.run(called(model=ALIAS, **prompt))
    assert residency.values("residency.reasons") == [("model.alias_resolved",)]


# Bodies that are streamed without events.


def read_body(kind: Kind, response: Any) -> None:
    """Read it in one piece."""
    kind.run(response.read())


def parse_body(kind: Kind, response: Any) -> None:
    """Have the client parse it."""
    kind.run(response.parse())


def read_lines(kind: Kind, response: Any) -> None:
    """Read it line by line."""
    kind.items(response.iter_lines())


@pytest.mark.parametrize("read", [read_body, parse_body, read_lines, read_none])
def test_responses_that_are_read_later(
    kind: Kind, residency: Recorded, read: Callable[[Kind, Any], None]
) -> None:
    """A body is not read before the application reads it, and what it says counts if it is read whole."""
    arguments = {**CHAT.arguments, "stream": False}
    manager = kind.open().chat.completions.with_streaming_response.create(**arguments)
    response = kind.enter(manager)
    assert not response.is_closed
    assert residency.spans == []
    read(kind, response)
    kind.exit(manager)
    del response, manager
    span = finished(kind, residency).span
    whole = read in (read_body, parse_body)
    assert span["residency.reasons"] == (("model.alias_resolved",) if whole else ("model.alias",))


def test_events_that_are_read_as_lines(kind: Kind, residency: Recorded) -> None:
    """A stream of events whose lines the application reads itself is one span, without a model."""
    manager = kind.open().chat.completions.with_streaming_response.create(**CHAT.arguments)
    lines = kind.items(kind.enter(manager).iter_lines())
    kind.exit(manager)
    assert lines.count("data: [DONE]") == 1
    del manager
    assert finished(kind, residency).span["residency.reasons"] == ("model.alias",)


def test_events_of_a_streaming_response(kind: Kind, residency: Recorded) -> None:
    """The stream inside of a streaming response, as agents read it, is followed."""
    manager = kind.open().chat.completions.with_streaming_response.create(**CHAT.arguments)
    stream = kind.run(kind.enter(manager).parse())
    assert len(kind.items(stream)) == 3
    kind.exit(manager)
    del manager, stream
    assert finished(kind, residency).span["residency.reasons"] == ("model.alias_resolved",)


def test_binary_bodies(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """Speech that is streamed into a file is one span, when the last byte has come."""
    internet.respond = lambda _: Reply(200, {"content-type": "audio/mpeg"}, [b"abc", b"def"])
    speech = {"model": "gpt-4o-mini-tts-2025-12-15", "voice": "alloy", "input": "Hello"}
    manager = kind.open().audio.speech.with_streaming_response.create(**speech)
    response = kind.enter(manager)
    assert residency.spans == []
    assert b"".join(kind.items(response.iter_bytes())) == b"abcdef"
    kind.exit(manager)
    del response, manager
    assert finished(kind, residency).values("residency.endpoint") == ["/v1/audio/speech"]
