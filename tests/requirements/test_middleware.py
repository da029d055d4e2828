"""Requests of two customers to real servers: each one's calls are held to what he was promised."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from queue import Queue
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import httpx
import openai
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from otel_residency import ResidencyViolationError
from otel_residency.core.regions import UNREADABLE
from otel_residency.middleware import ResidencyASGIMiddleware, ResidencyWSGIMiddleware
from otel_residency.requirements.context import required
from tests.internet import EU, PATIENCE, US, Internet
from tests.recorded import Instrument

CUSTOMERS: dict[str, Any] = {
    "europe": "eu",
    "america": ["us"],
    "anyone": None,
    "both": {"eu", "us"},
    "rubbish": 42,
    "typo": "s3cret region",
}
AT_ONCE = ("europe", "america", "rubbish", "broken")
OUTCOMES = {
    "europe": {EU: "made", US: "refused"},
    "america": {EU: "refused", US: "made"},
    "anyone": {EU: "made", US: "made"},
    "both": {EU: "made", US: "made"},
    "rubbish": {EU: "refused", US: "refused"},
    "typo": {EU: "refused", US: "refused"},
    "broken": {EU: "refused", US: "refused"},
}


def regions_of(customer: str) -> Any:
    """What a customer was promised, by the application's own records; those of one can't be read."""
    if customer == "broken":
        raise KeyError("s3cret")
    return CUSTOMERS[customer]


def outcome() -> str:
    """One call to each of two regions, and what became of it."""
    return json.dumps({host: _call(host) for host in (EU, US)})


def _call(host: str) -> str:
    with openai.OpenAI(base_url=f"https://{host}/v1", max_retries=0) as client:
        try:
            client.embeddings.create(model="text-embedding-3-small", input="Hello")
        except ResidencyViolationError:
            return "refused"
    return "made"


# An application of Starlette, by uvicorn.

AFTERWARDS: "Queue[str]" = Queue()


def in_a_thread(_: Request) -> PlainTextResponse:
    """Be run in a pool of threads."""
    return PlainTextResponse(outcome())


async def in_the_loop(_: Request) -> PlainTextResponse:
    """Be a coroutine, which hands the calls to a thread."""
    await asyncio.sleep(0)
    return PlainTextResponse(await asyncio.create_task(run_in_threadpool(outcome)))


async def streamed(_: Request) -> StreamingResponse:
    """Make the calls while the response is sent."""

    def parts() -> Iterator[str]:
        yield " "
        yield outcome()

    return StreamingResponse(parts())


async def streamed_async(_: Request) -> StreamingResponse:
    """The same, asynchronously."""

    async def parts() -> AsyncIterator[str]:
        yield " "
        yield await run_in_threadpool(outcome)

    return StreamingResponse(parts())


def afterwards(_: Request) -> PlainTextResponse:
    """Make the calls after the response."""
    return PlainTextResponse("later", background=BackgroundTask(lambda: AFTERWARDS.put(outcome())))


async def talk(socket: WebSocket) -> None:
    """Make the calls in a session."""
    await socket.accept()
    await socket.receive_text()
    await socket.send_text(await run_in_threadpool(outcome))
    await socket.close()


LIFESPAN: list[Any] = []


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    """Note what is required outside of requests."""
    LIFESPAN.append(required())
    yield
    LIFESPAN.append(required())


def of_scope(scope: Any) -> Any:
    """The customer of a request, by a header that stands for its authentication."""
    return regions_of(dict(scope["headers"])[b"customer"].decode())


async def of_scope_async(scope: Any) -> Any:
    """The same, from somewhere that has to be waited for."""
    await asyncio.sleep(0)
    return of_scope(scope)


async def _pass_on(request: Request, call_next: Any) -> Any:
    return await call_next(request)


@contextmanager
def serving(require: Callable[[Any], Any]) -> Iterator[int]:
    """The application on a port of its own."""
    routes = [
        *(Route(f"/{each.__name__}", each) for each in (in_a_thread, in_the_loop, streamed)),
        *(Route(f"/{each.__name__}", each) for each in (streamed_async, afterwards)),
        WebSocketRoute("/talk", talk),
    ]
    middleware = [
        Middleware(ResidencyASGIMiddleware, require=require),
        Middleware(BaseHTTPMiddleware, dispatch=_pass_on),  # runs what is below it in a task of its own
    ]
    app = Starlette(routes=routes, middleware=middleware, lifespan=lifespan)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, ws="websockets-sansio")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listening.close()


@pytest.fixture(autouse=True)
def _here(internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach the servers of the tests without the proxy."""
    del internet
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(params=[of_scope, of_scope_async], ids=["plain", "async"])
def served(request: pytest.FixtureRequest) -> Iterator[int]:
    """The application, with either kind of function."""
    with serving(request.param) as port:
        yield port


@pytest.mark.parametrize("path", ["in_a_thread", "in_the_loop", "streamed", "streamed_async"])
def test_each_customer_s_calls_must_go_to_his_regions(instrument: Instrument, served: int, path: str) -> None:
    """Wherever a framework runs an endpoint or its stream, and whoever is served at the same time."""
    instrument(require=["eu", "us"], on_call="block")

    async def request_all() -> list[Any]:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{served}", timeout=PATIENCE) as client:
            requests = [client.get(f"/{path}", headers={"customer": name}) for name in OUTCOMES]
            return await asyncio.gather(*requests)

    answers = asyncio.run(request_all())
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    assert dict(zip(OUTCOMES, (answer.json() for answer in answers), strict=True)) == OUTCOMES


@pytest.mark.parametrize("customer", AT_ONCE)
def test_background_tasks_are_of_the_request(instrument: Instrument, customer: str) -> None:
    """What is done after the response is done for the same customer."""
    instrument(require=["eu", "us"], on_call="block")
    with serving(of_scope) as port:
        httpx.get(f"http://127.0.0.1:{port}/afterwards", headers={"customer": customer})
        assert json.loads(AFTERWARDS.get(timeout=PATIENCE)) == OUTCOMES[customer]


@pytest.mark.parametrize("customer", AT_ONCE)
def test_sessions_are_of_the_customer_who_opened_them(instrument: Instrument, customer: str) -> None:
    """A WebSocket has a scope too."""
    instrument(require=["eu", "us"], on_call="block")
    with (
        serving(of_scope) as port,
        connect(f"ws://127.0.0.1:{port}/talk", additional_headers={"customer": customer}) as session,
    ):
        session.send("?")
        assert json.loads(session.recv()) == OUTCOMES[customer]


def test_the_lifespan_is_left_alone(instrument: Instrument) -> None:
    """A scope that is no request is not asked about."""
    instrument()
    LIFESPAN.clear()
    with serving(of_scope) as port:
        httpx.get(f"http://127.0.0.1:{port}/nowhere", headers={"customer": "europe"})
    assert LIFESPAN == [(), ()]


@pytest.mark.parametrize("customer", ["broken", "rubbish", "typo"])
def test_a_failing_function_is_reported_once_and_flagged(
    internet: Internet, instrument: Instrument, caplog: pytest.LogCaptureFixture, customer: str
) -> None:
    """In flag mode every call is made; the log says once what is wrong, without the value."""
    residency = instrument(require=["eu", "us"])
    with serving(of_scope) as port, caplog.at_level(logging.DEBUG, "otel_residency"):
        for _ in range(2):
            answer = httpx.get(f"http://127.0.0.1:{port}/in_a_thread", headers={"customer": customer})
            assert answer.json() == {EU: "made", US: "made"}
    assert len(internet.hosts) == 4
    assert residency.values("residency.violation") == [True] * 4
    messages = [record.message for record in caplog.records if "ResidencyASGIMiddleware" in record.message]
    assert len(messages) == 1
    failures = {"broken": "raised KeyError", "rubbish": "returned int", "typo": "returned str"}
    assert failures[customer] in messages[0]
    assert "s3cret" not in caplog.text + residency.everything


async def test_errors_of_the_application_and_the_end_of_its_task_pass_through() -> None:
    """The middleware swallows nothing, and nothing is required afterwards."""

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        assert required() == (("eu",),)
        raise scope["error"]

    async def cancelled(_: Any) -> str:
        raise asyncio.CancelledError

    for error in (KeyError("own"), asyncio.CancelledError()):
        with pytest.raises(type(error)):
            await ResidencyASGIMiddleware(app, lambda _: "eu")({"type": "http", "error": error}, *[print] * 2)
    with pytest.raises(asyncio.CancelledError):
        await ResidencyASGIMiddleware(app, cancelled)({"type": "http"}, *[print] * 2)
    assert required() == ()


# A WSGI application, by the standard library's server.


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet."""


class _Parts:
    """A response that makes the calls when it is iterated, and again when it is closed."""

    def __init__(self) -> None:
        self.sent = False

    def __iter__(self) -> Iterator[bytes]:
        yield b" "
        yield outcome().encode()

    def close(self) -> None:
        """Make the calls once more."""
        AFTERWARDS.put(outcome())


def _generated() -> Iterator[bytes]:
    yield outcome().encode()


def desk(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Make the calls as the path says."""
    path = environ["PATH_INFO"]
    write = start_response("200 OK", [("content-type", "application/json")])
    if path == "/written":
        write(outcome().encode())
        return []
    if path == "/parts":
        return _Parts()
    return _generated() if path == "/generated" else [outcome().encode()]


@pytest.fixture
def desk_port() -> Iterator[int]:
    """The WSGI application on a port of its own."""
    server = WSGIServer(("127.0.0.1", 0), _Quiet)
    server.set_app(ResidencyWSGIMiddleware(desk, lambda environ: regions_of(environ["HTTP_CUSTOMER"])))  # type: ignore[arg-type]
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", ["listed", "generated", "parts", "written"])
def test_each_customer_s_calls_must_go_to_his_regions_by_wsgi_too(
    instrument: Instrument, desk_port: int, path: str
) -> None:
    """In the application, while its response is iterated and when it is closed."""
    instrument(require=["eu", "us"], on_call="block")
    for customer, expected in OUTCOMES.items():
        url = f"http://127.0.0.1:{desk_port}/{path}"
        answer = httpx.get(url, headers={"customer": customer}, timeout=PATIENCE)
        assert answer.json() == expected
        assert ("content-length" in answer.headers) == (path == "listed")
        if path == "parts":
            assert json.loads(AFTERWARDS.get(timeout=PATIENCE)) == expected


def test_wsgi_waits_without_a_requirement(caplog: pytest.LogCaptureFixture) -> None:
    """Between the parts of a response the server's thread is free; a function that fails is told once."""
    requirements = []

    def app(_: Any, __: Any) -> Iterable[bytes]:
        for _ in range(2):
            requirements.append(required())
            yield b""

    for require, group in ((lambda _: "eu", ("eu",)), (lambda _: 1 // 0, UNREADABLE)):
        middleware = ResidencyWSGIMiddleware(lambda *given: map(bytes, app(*given)), require)  # type: ignore[arg-type]
        for _ in range(2):
            response: Any = middleware({}, print)
            for _ in response:
                assert required() == ()
            response.close()
        assert requirements == [(group,)] * 4
        requirements.clear()
    assert caplog.text.count("raised ZeroDivisionError") == 1
