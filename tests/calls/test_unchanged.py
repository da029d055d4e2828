"""What an application can see of the client is what it was: its methods, its answers and its errors."""

import copy
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from traceback import walk_tb
from typing import Any, NamedTuple
from unittest.mock import create_autospec

import openai
import pytest

import otel_residency
from examples.demo.loopback import Asked, Reply
from otel_residency import ResidencyViolationError
from tests.calls.http_library import http
from tests.calls.kinds import Kind
from tests.internet import EU, US, Internet
from tests.recorded import Instrument, Recorded
from tests.vendor import SNAPSHOT, chat_events, error, event, events, ordinary, redirect

ROOT = Path(__file__).parents[2]
PACKAGE = Path(otel_residency.__file__).parent
STATUSES = (400, 401, 403, 404, 409, 422, 429, 500, 503)
CHAT: dict[str, Any] = {"model": SNAPSHOT, "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client try again at once."""
    monkeypatch.setattr(openai._base_client.BaseClient, "_calculate_retry_timeout", lambda *_, **__: 0)


def pickled(value: Any) -> Any:
    """A value as it arrives in another process."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - it comes from here


# The methods that are patched.

DESCRIBE = """
import asyncio, inspect, json, pickle, sys, types
if sys.argv[1:]:
    from otel_residency import ResidencyInstrumentor
    ResidencyInstrumentor().instrument(require=["eu"])
from openai import _base_client, _streaming
http = sys.modules.get("httpx2") or sys.modules["httpx"]
owners = {
    "SyncAPIClient": (_base_client.SyncAPIClient, "request"),
    "AsyncAPIClient": (_base_client.AsyncAPIClient, "request"),
    "BaseClient": (_base_client.BaseClient, "_build_request"),
    "Stream": (_streaming.Stream, "__init__"),
    "AsyncStream": (_streaming.AsyncStream, "__init__"),
    "Client": (http.Client, "_send_single_request"),
    "AsyncClient": (http.AsyncClient, "_send_single_request"),
}
told = {}
for owner, (found, name) in owners.items():
    method = getattr(found, name)
    told[owner] = {
        "signature": str(inspect.signature(method)),
        "coroutine": [inspect.iscoroutinefunction(method), asyncio.iscoroutinefunction(method)],
        "kind": [type(method).__name__, isinstance(method, types.FunctionType), inspect.isroutine(method)],
        "names": [method.__name__, method.__qualname__, method.__module__, method.__doc__],
        "source": inspect.getsource(method),
        "same": getattr(found, name) is method and found.__dict__[name] is method,
        "pickled": pickle.loads(pickle.dumps(method)) is method,
        "members": sorted(dir(found)),
    }
print(json.dumps({"loaded": "otel_residency" in sys.modules, "told": told}))
"""


@cache
def described(*arguments: str) -> Any:
    """What introspection says of the patched methods in a process of its own, with the package or without."""
    done = subprocess.run(
        [sys.executable, "-c", DESCRIBE, *arguments],
        env={**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["loaded"] == bool(arguments)
    return result["told"]


def test_the_methods_have_the_same_signature() -> None:
    """Signature, source, names, identity and pickling of each patched method are those of the original."""
    assert described() == described("with the package")


def test_the_methods_are_patched(residency: Recorded) -> None:
    """The methods that look the same are not: otherwise there would be nothing to prove."""
    assert residency.spans == []
    assert Path(openai._base_client.SyncAPIClient.request.__code__.co_filename).is_relative_to(PACKAGE)


def test_a_double_of_the_client_can_be_made(kind: Kind, residency: Recorded) -> None:
    """`create_autospec` knows which methods are coroutines and what they take."""
    double = create_autospec(kind.pick(openai.OpenAI, openai.AsyncOpenAI), instance=True)
    with pytest.raises(TypeError, match="missing a required argument"):
        kind.run(double.request())
    assert residency.spans == []


# Answers.


def plain(kind: Kind, client: Any) -> Any:
    """A chat completion."""
    return kind.run(client.chat.completions.create(**CHAT))


def streamed(kind: Kind, client: Any) -> Any:
    """A stream."""
    return kind.run(client.chat.completions.create(**CHAT, stream=True))


def items(kind: Kind, client: Any) -> Any:
    """What is in the stream."""
    return kind.items(streamed(kind, client))


def raw(kind: Kind, client: Any) -> Any:
    """A raw response."""
    return kind.run(client.chat.completions.with_raw_response.create(**CHAT))


def raw_stream(kind: Kind, client: Any) -> Any:
    """A raw response of a stream."""
    return kind.items(kind.run(client.chat.completions.with_raw_response.create(**CHAT, stream=True)).parse())


def late_body(kind: Kind, client: Any) -> Any:
    """A response that the application reads."""
    manager = client.chat.completions.with_streaming_response.create(**CHAT)
    response = kind.enter(manager)
    kind.run(response.read())
    kind.exit(manager)
    return response


def lines(kind: Kind, client: Any) -> Any:
    """The lines of a response."""
    manager = client.chat.completions.with_streaming_response.create(**CHAT, stream=True)
    found = kind.items(kind.enter(manager).iter_lines())
    kind.exit(manager)
    return found


def page(kind: Kind, client: Any) -> Any:
    """A page of a list."""
    return kind.run(client.files.list())


def binary(kind: Kind, client: Any) -> Any:
    """A file."""
    return kind.run(client.files.content("file-1"))


def custom_type(kind: Kind, client: Any) -> Any:
    """An answer as a type of the application's choice."""
    return kind.run(client.post("/chat/completions", body=CHAT, cast_to=http.Response))


def nothing(kind: Kind, client: Any) -> Any:
    """An answer that is cast to nothing."""
    return kind.run(client.post("/chat/completions", body=CHAT, cast_to=type(None)))


ANSWERS = (plain, streamed, items, raw, raw_stream, late_body, lines, page, binary, custom_type, nothing)
VOLATILE = ("elapsed", "stream", "extensions", "next_request", "request")
"""Attributes of a response that differ from one call to the next."""


def shape(value: Any) -> Any:
    """A value as one can compare it: its type, and what it holds that is not different every time."""
    if isinstance(value, list):
        return [shape(each) for each in value]
    if isinstance(value, http.Response):
        attributes = {name: each for name, each in vars(value).items() if name.strip("_") not in VOLATILE}
        return type(value), sorted(attributes), value.content, list(value.headers), value.history
    response = getattr(value, "http_response", None) or getattr(value, "response", None)
    text = value.model_dump_json() if isinstance(value, openai.BaseModel) else ""
    members = [name for name in sorted(getattr(value, "__dict__", {})) if not name.startswith("__")]
    read = isinstance(response, http.Response) and response.is_stream_consumed and response.is_closed
    return type(value), text, members, shape(response) if read and hasattr(response, "_content") else None


@pytest.mark.parametrize("make_call", ANSWERS)
def test_answers_are_the_same(
    kind: Kind, instrument: Instrument, make_call: Callable[[Kind, Any], Any]
) -> None:
    """Types, contents and attributes of what a call gives are those of the client alone."""
    client = kind.open()
    expected = shape(make_call(kind, client))
    recorded = instrument()
    assert expected == shape(make_call(kind, client))
    del client
    assert len(recorded.spans) <= 1


@pytest.mark.parametrize("make_call", [late_body, custom_type, binary])
def test_responses_can_be_pickled(
    kind: Kind, instrument: Instrument, make_call: Callable[[Kind, Any], Any]
) -> None:
    """A cache may store a response that was read, as it could before."""
    instrument()
    found = make_call(kind, kind.open())
    response = (
        found if isinstance(found, http.Response) else getattr(found, "http_response", None) or found.response
    )
    assert pickled(response).content == response.content
    assert copy.copy(response).content == response.content


# Errors.


class ResponseState(NamedTuple):
    """An error as an application sees it."""

    kind: type
    text: str
    arguments: str
    attributes: dict[str, str]
    frames: list[str]
    cause: "ResponseState | None"
    context: "ResponseState | None"
    suppressed: bool


def error_state(found: BaseException | None) -> ResponseState | None:
    """An error and those behind it, without addresses in memory and without the frames of the package."""
    if found is None:
        return None
    attributes = {name: type(each).__qualname__ for name, each in sorted(vars(found).items())}
    frames = [f"{frame.f_code.co_filename}:{line}" for frame, line in walk_tb(found.__traceback__)]
    return ResponseState(
        type(found),
        str(found),
        repr([str(each) for each in found.args]),
        attributes,
        [frame for frame in frames if not frame.startswith(f"{PACKAGE}{os.sep}")],
        error_state(found.__cause__),
        error_state(found.__context__),
        found.__suppress_context__,
    )


def whole(body: bytes, **headers: str) -> Reply:
    """An answer that need not be JSON."""
    return Reply(200, {"content-type": "application/json", **headers}, body)


def cut_off() -> Any:
    """A stream whose connection breaks."""
    yield next(iter(chat_events(SNAPSHOT)))
    raise ConnectionError


def failing_event(_: Asked) -> Reply:
    """A stream that ends with an error."""
    return events([*chat_events(SNAPSHOT), event({"error": {"message": "no", "code": "server_error"}})])


def refuse(status: int, _: Asked) -> Reply:
    """An error of the API."""
    return error(status, "code")


ERRORS: dict[str, tuple[Callable[[Asked], Reply], Callable[[Kind, Any], Any]]] = {
    **{str(status): (partial(refuse, status), plain) for status in STATUSES},
    "refused-by-vendor": (lambda _: error(401, "incorrect_hostname"), plain),
    "not-json": (lambda _: whole(b"<html>"), plain),
    "error-not-json": (lambda _: Reply(502, {"content-type": "text/html"}, b"<html>"), plain),
    "stream-refused": (partial(refuse, 400), items),
    "stream-fails": (failing_event, items),
    "stream-breaks": (lambda _: events(cut_off()), items),
    "stream-not-json": (lambda _: events([b"data: {\n\n"]), items),
    "raw-refused": (partial(refuse, 400), raw),
    "streaming-response-refused": (partial(refuse, 400), late_body),
    "redirected-forever": (lambda request: redirect(302, f"https://{request.host}/v1/again"), plain),
}


@pytest.mark.parametrize(("respond", "make_call"), ERRORS.values(), ids=ERRORS.keys())
def test_errors_are_the_same(
    kind: Kind,
    instrument: Instrument,
    internet: Internet,
    respond: Callable[[Asked], Reply],
    make_call: Callable[[Kind, Any], Any],
) -> None:
    """Type, text, attributes, causes and frames of what a call raises are those of the client alone."""
    internet.respond = respond
    client = kind.open(max_retries=1)
    expected, found = compared(kind, instrument, lambda: make_call(kind, client))
    assert expected == found


def compared(
    kind: Kind, instrument: Instrument, act: Callable[[], Any], *, spans: int = 1
) -> tuple[ResponseState | None, ResponseState | None]:
    """The error that something raises without the package, and with it."""

    def caught() -> ResponseState | None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - it is compared
            return error_state(error)
        return None

    before = caught()
    assert before is not None
    recorded = instrument()
    after = caught()
    kind.rest()
    assert len(recorded.spans) == spans
    return before, after


def test_a_host_that_can_not_be_reached(kind: Kind, instrument: Instrument, internet: Internet) -> None:
    """The error about a connection says what it said, and is raised from what it was raised from."""
    internet.unreachable.add(EU)
    client = kind.open(max_retries=1)
    expected, found = compared(kind, instrument, lambda: plain(kind, client))
    assert expected == found
    assert expected is not None
    assert expected.kind is openai.APIConnectionError


@pytest.mark.parametrize("failure", ["ConnectTimeout", "ReadTimeout", "RemoteProtocolError", "KeyError"])
def test_failures_of_the_transport(kind: Kind, instrument: Instrument, failure: str) -> None:
    """Whatever a transport raises ends where it always ended."""
    kinds = {"KeyError": KeyError}

    def fails(request: Any) -> Any:
        if failure in kinds:
            raise kinds[failure]("no")
        raise getattr(http, failure)("no", request=request)

    transport = http.MockTransport(fails)
    client = kind.open(
        max_retries=1, http_client=kind.pick(http.Client, http.AsyncClient)(transport=transport)
    )
    expected, found = compared(kind, instrument, lambda: plain(kind, client))
    assert expected == found


def test_arguments_that_are_wrong(kind: Kind, instrument: Instrument, internet: Internet) -> None:
    """A call that the client itself does not understand fails as it did, before anything is sent."""
    client = kind.open()
    body = {"body": {"own": object()}, "cast_to": object}
    expected, found = compared(kind, instrument, lambda: kind.run(client.post("/own", **body)), spans=0)
    assert expected == found
    assert internet.requests == []


# The one error of ours.


@pytest.fixture
def refusal(kind: Kind, instrument: Instrument) -> ResidencyViolationError:
    """The error of a refused call."""
    recorded = instrument(on_call="block")
    with pytest.raises(ResidencyViolationError) as caught:
        plain(kind, kind.open(base_url=f"https://{US}/v1", max_retries=2))
    assert (len(recorded.spans), recorded.counted, len(recorded.violations)) == (1, 1, 1)
    return caught.value


def test_a_refusal_is_an_error_of_the_client(refusal: ResidencyViolationError, internet: Internet) -> None:
    """Who catches the client's errors catches it; nobody takes it for an answer, and nothing was sent."""
    assert isinstance(refusal, openai.OpenAIError)
    assert not isinstance(refusal, openai.APIError)
    assert (refusal.__cause__, refusal.__context__) == (None, None)
    assert internet.connections == []


def test_a_refusal_can_be_pickled_and_copied(refusal: ResidencyViolationError) -> None:
    """It arrives in another process as it was, decision and all."""
    for twin in (pickled(refusal), copy.copy(refusal), copy.deepcopy(refusal)):
        assert type(twin) is ResidencyViolationError
        assert (str(twin), twin.decision) == (str(refusal), refusal.decision)
    assert refusal.decision is not None


def test_a_refusal_in_the_middle_of_a_call(kind: Kind, instrument: Instrument, internet: Internet) -> None:
    """Refused at a redirect, it is the same error: raised once, from nothing, after one request."""
    internet.respond = lambda request: (
        ordinary(request) if request.host == US else redirect(307, f"https://{US}/v1/x")
    )
    recorded = instrument(on_call="block")
    with pytest.raises(ResidencyViolationError) as caught:
        plain(kind, kind.open(max_retries=2))
    assert internet.hosts == [EU]
    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)
    assert pickled(caught.value).decision == caught.value.decision
    assert (len(recorded.spans), len(recorded.violations)) == (1, 1)
