"""What no vendor should answer: the application gets what it gets without us, and each call counts once.

A real server gives each answer twice: to the client alone, and to the client with ledger and export gate on.
"""

import asyncio
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.calls.http_library import http
from tests.calls.odd_server import DATA_READ, HEAD_READ, RESET, OddServer, Script, odd_server
from tests.recorded import Instrument, settle
from tests.vendor import SNAPSHOT

CHAT: dict[str, Any] = {"model": SNAPSHOT, "messages": [{"role": "user", "content": "claim 4711"}]}
MESSAGE = {"role": "assistant", "content": "paid"}
ANSWER: dict[str, Any] = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": SNAPSHOT,
    "choices": [{"index": 0, "finish_reason": "stop", "message": MESSAGE}],
}
CHUNK = {**ANSWER, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": MESSAGE}]}
MANY = 10_000
EVENT = f"data: {json.dumps(CHUNK)}\n\n".encode()
STREAM = "text/event-stream"
HUGE = 10 * 1024 * 1024


def head(*lines: str, kind: str = "application/json", status: str = "200 OK") -> bytes:
    """The head of an answer, which ends with its connection."""
    everything = (f"HTTP/1.1 {status}", f"content-type: {kind}", *lines, "connection: close", "", "")
    return "\r\n".join(everything).encode("latin-1")


def body(content: object, *lines: str, status: str = "200 OK") -> Script:
    """A whole answer."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return (head(f"content-length: {len(data)}", *lines, status=status) + data,)


def stream(*parts: bytes | str) -> Script:
    """A stream of events."""
    return (head(kind=STREAM), *parts)


ODD: dict[str, Script] = {
    "no answer": (b"", RESET),
    "closed at once": (b"",),
    "reset in the status line": (b"HTTP/1.1 2", RESET),
    "reset in the headers": (head()[:40], RESET),
    "reset before the body": (head("content-length: 99"), HEAD_READ, RESET),
    "closed in the body": (head("content-length: 99") + b'{"id": ',),
    "reset in an event": stream(EVENT + EVENT[:50], DATA_READ, RESET),
    "reset between events": stream(EVENT, DATA_READ, RESET),
    "reset after the events": stream(EVENT + b"data: [DONE]\n\n", DATA_READ, RESET),
    "closed in an event": stream(EVENT, EVENT[:50]),
    "no JSON": body(b"<html>"),
    "half a JSON": body(json.dumps(ANSWER).encode()[:-9]),
    "no UTF-8": body(b'{"id": "\xff", "model": "\xfe"}'),
    "null": body(None),
    "a number": body(1),
    "a list": body([ANSWER]),
    "an empty body": body(b""),
    "deep": body(b"[" * 100_000),
    "a surrogate": body({**ANSWER, "model": "\ud800"}),
    "wrong types": body({**ANSWER, "model": {"a": [1]}, "choices": "x", "service_tier": 7, "created": "now"}),
    "a huge number": body({**ANSWER, "created": 10**400}),
    "a huge model": body({**ANSWER, "model": "m" * 1_000_000}),
    "an unknown status": body(ANSWER, status="299 Odd"),
    "an error that is none": body({"error": "no"}, status="400 Bad Request"),
    "an error of lists": body({"error": {"code": [1], "message": {}}}, status="404 Not Found"),
    "a number as status": (b"HTTP/1.1 999999 X\r\n\r\n",),
    "a header of 10 MB": body(ANSWER, f"openai-project: {'p' * HUGE}"),
    "odd headers": body(ANSWER, "openai-project: \xff\xfe", "x-request-id: ", "openai-model: \t"),
    "no header": (b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",),
    "no HTTP": (b"220 mail.example.com ESMTP\r\n",),
    "a wrong length": body(ANSWER, "content-length: 5"),
    "a wrong chunk": (head("transfer-encoding: chunked") + b"zz\r\n{}\r\n",),
    "no gzip": body(b"abc", "content-encoding: gzip"),
    "half a gzip": body(gzip.compress(json.dumps(ANSWER).encode())[:-20], "content-encoding: gzip"),
    "an odd coding": body(ANSWER, "content-encoding: odd"),
    "no location": body(ANSWER, status="302 Found"),
    "a location to nowhere": body(b"", "location: http://[", status="302 Found"),
    "another scheme": body(b"", "location: file:///etc/passwd", status="307 Temporary Redirect"),
    "an event of no JSON": stream(EVENT, b"data: {\n\n", EVENT),
    "events of other types": stream(b"data: null\n\n", b"data: [1]\n\n", b'data: "x"\n\n', b"data: 1\n\n"),
    "an event of wrong types": stream(b'data: {"model": [1], "choices": 2, "error": null}\n\n'),
    "an event with an error": stream(EVENT, b'data: {"error": {"message": "no", "code": {}}}\n\n'),
    "no events": stream(),
    "no data": stream(b": comment\n\nevent: x\n\nid: 1\n\n"),
    "a long event": stream(f"data: {json.dumps({**CHUNK, 'model': 'm' * 1_000_000})}\n\n".encode()),
    "events after the end": stream(EVENT, b"data: [DONE]\n\n", EVENT),
    "events in a JSON answer": body(EVENT),
}
"""What the server does, by what is odd about it."""


def outcome(run: Callable[[list[Any]], None]) -> list[Any]:
    """What the application gets: its values, and the error with those behind it."""
    values: list[Any] = []
    error: BaseException | None = None
    try:
        run(values)
    except Exception as raised:  # noqa: BLE001 - whatever it is
        error = raised
    while error is not None:
        values.append((type(error), str(error)))
        error = error.__cause__ or error.__context__
    return values


def plain(server: OddServer, values: list[Any]) -> None:
    """A call for an answer in one piece."""
    server.let_go(HEAD_READ, DATA_READ)
    with server.client() as opened:
        answer = opened.chat.completions.create(**CHAT)
        values.append(answer if isinstance(answer, str) else answer.to_dict())


def streamed(server: OddServer, values: list[Any]) -> None:
    """A call for a stream."""
    with server.client() as opened:
        events = opened.chat.completions.create(**CHAT, stream=True)
        server.let_go(HEAD_READ)
        for event in events:
            values.append(event.to_dict() if hasattr(event, "to_dict") else event)
            server.let_go(DATA_READ)


def raw(server: OddServer, values: list[Any]) -> None:
    """A call whose response the application reads itself."""
    with (
        server.client() as opened,
        opened.chat.completions.with_streaming_response.create(**CHAT) as response,
    ):
        server.let_go(HEAD_READ)
        values.extend((response.status_code, dict(response.headers), b""))
        for part in response.iter_bytes():
            values[-1] += part  # how TCP cuts them does not count
            server.let_go(DATA_READ)


def plain_async(server: OddServer, values: list[Any]) -> None:
    """The same of the asynchronous client."""

    async def run() -> None:
        server.let_go(HEAD_READ, DATA_READ)
        async with server.client(openai.AsyncOpenAI) as opened:
            answer = await opened.chat.completions.create(**CHAT)
            values.append(answer if isinstance(answer, str) else answer.to_dict())

    asyncio.run(run())


def streamed_async(server: OddServer, values: list[Any]) -> None:
    """A stream of the asynchronous client."""

    async def run() -> None:
        async with server.client(openai.AsyncOpenAI) as opened:
            events = await opened.chat.completions.create(**CHAT, stream=True)
            server.let_go(HEAD_READ)
            async for event in events:
                values.append(event.to_dict() if hasattr(event, "to_dict") else event)
                server.let_go(DATA_READ)

    asyncio.run(run())


CALLS = (plain, streamed, raw, plain_async, streamed_async)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OddServer]:
    """A server that answers oddly."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with odd_server() as started:
        yield started


@pytest.mark.parametrize(
    "call", [plain, streamed, raw, plain_async, streamed_async], ids=lambda each: each.__name__
)
@pytest.mark.parametrize("odd", ODD)
def test_the_application_gets_what_it_gets_without_us(
    odd: str, call: Any, server: OddServer, instrument: Instrument, tmp_path: Path
) -> None:
    """Values, errors and their texts are the same, and there are one span, one count and one record."""
    server.script = ODD[odd]
    without_us = outcome(lambda values: call(server, values))
    server.hold()
    ledger = tmp_path / "ledger.jsonl"
    hosts = {server.place: {"region": "eu"}}
    recorded = instrument(hosts=hosts, ledger=ledger, on_export="redact")
    assert outcome(lambda values: call(server, values)) == without_us
    settle()
    assert len(recorded.spans) == 1
    assert recorded.counted == 1


def test_any_number_of_redirects_is_followed_as_without_us(server: OddServer, instrument: Instrument) -> None:
    """A loop of redirects ends where the application's limit is, in the same error."""
    server.keeps_alive = True
    place = f"location: http://{server.place}/v1/chat/completions"
    server.script = (f"HTTP/1.1 307 Temporary Redirect\r\n{place}\r\ncontent-length: 0\r\n\r\n".encode(),)

    def run(values: list[Any]) -> None:
        followed = http.Client(follow_redirects=True, max_redirects=MANY)
        with openai.OpenAI(
            base_url=f"http://{server.place}/v1", api_key="k", max_retries=0, http_client=followed
        ) as opened:
            values.append(opened.chat.completions.create(**CHAT))

    without_us = outcome(run)
    recorded = instrument(hosts={server.place: {"region": "eu"}})
    assert outcome(run) == without_us
    assert recorded.counted == 1
