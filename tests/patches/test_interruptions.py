"""What a signal handler raises while our code runs reaches the application; the next call is as usual."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dis import opname
from functools import cache
from itertools import cycle
from pathlib import Path
from threading import Thread
from types import CodeType, FrameType
from typing import Any, NamedTuple, Self
from warnings import catch_warnings, simplefilter

import pytest
import requests
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import ReadableSpan

import otel_residency
from otel_residency import require
from otel_residency.calls.context import current_call, current_hop
from otel_residency.requirements.context import required
from otel_residency.runtime.background import stream_ender
from otel_residency.runtime.runtime import runtime
from otel_residency.telemetry.emitter import counters
from tests.calls.kinds import Async, Kind, Sync
from tests.internet import EU, PATIENCE
from tests.recorded import Instrument, Recorded, collect
from tests.vendor import SNAPSHOT

OURS = str(Path(otel_residency.__file__).parent)
CHAT: Mapping[str, Any] = {"model": SNAPSHOT, "messages": [{"role": "user", "content": "my claim is 4711"}]}
STEP = int(os.environ.get("INTERRUPTIONS_STEP", "7"))
"""One of so many places is tried; all of them in the suite that does nothing else."""


@pytest.fixture(autouse=True)
def _no_connections() -> Iterator[None]:
    """Drop the connections that were interrupted: nobody can close them, and Python warns of that."""
    yield
    with catch_warnings():
        simplefilter("ignore", ResourceWarning)
        collect()


class InterruptionError(TimeoutError, ValueError, RuntimeError, LookupError):
    """What a handler raises: an error that narrow `except` clauses would catch, too."""


class StopError(BaseException):
    """The same, as `KeyboardInterrupt` is: no `Exception`."""


ERRORS = (InterruptionError, StopError)


class Place(NamedTuple):
    """An instruction of ours."""

    code: CodeType
    offset: int


def runs_handlers(opcode: str) -> bool:
    """Whether Python runs signal handlers after an instruction; it doesn't between two others."""
    return opcode == "RESUME" or opcode.startswith("CALL") or "JUMP_BACKWARD" in opcode


@cache
def opcodes(code: CodeType) -> bytes:
    """The instructions of a function."""
    return code.co_code  # made anew each time


class Tracer:
    """Notes where this thread may be interrupted in our code, and raises the signal at one of these places.

    Attributes:
        places: those that it came to.
        raised: whether it has raised the signal.
    """

    def __init__(self, at: Place | None = None) -> None:
        """Raise the signal at one of them."""
        self._at = at
        self.places: dict[Place, None] = {}
        self.raised = False

    def __enter__(self) -> Self:
        sys.settrace(self._enter)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _enter(self, frame: FrameType, _event: str, _argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        before = ""

        def step(frame: FrameType, event: str, _argument: object) -> Any:
            nonlocal before
            if event == "opcode":
                if runs_handlers(before):
                    self._come_to(Place(frame.f_code, frame.f_lasti))
                before = opname[opcodes(frame.f_code)[frame.f_lasti]]
            return step

        return step

    def _come_to(self, place: Place) -> None:
        self.places[place] = None
        if place == self._at and not self.raised:
            self.raised = True
            sys.settrace(None)
            signal.raise_signal(signal.SIGUSR1)


def whole(kind: Kind, client: Any) -> None:
    """A call."""
    kind.run(client.chat.completions.create(**CHAT))


def streamed(kind: Kind, client: Any) -> None:
    """A stream, read to its end."""
    kind.items(kind.run(client.chat.completions.create(**CHAT, stream=True)))


def required_by_code(kind: Kind, client: Any) -> None:
    """A call under a requirement."""
    with require("eu"):
        whole(kind, client)


def by_http(kind: Kind, client: Any) -> None:
    """A call without the openai client."""
    kind.run(client._client.post(f"https://{EU}/v1/chat/completions", json=CHAT))


def uploaded(kind: Kind, client: Any) -> None:
    """An upload of a batch file."""
    line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": dict(CHAT)}
    kind.run(client.files.create(file=json.dumps(line).encode(), purpose="batch"))


def by_requests(kind: Kind, _: Any) -> None:
    """A call of another HTTP client, by three libraries of which each is patched."""
    del kind
    trusted, url = os.environ["SSL_CERT_FILE"], f"https://{EU}/v1/chat/completions"
    requests.post(url, json=CHAT, verify=trusted, timeout=PATIENCE)


def shown(span: ReadableSpan) -> tuple[Any, ...]:
    """What is the same in the spans of two calls."""
    return span.name, span.parent, set(span.attributes or {})


def interrupted(error: BaseException | None) -> bool:
    """Whether an error is the handler's, or what the client made of it."""
    while error is not None and not isinstance(error, ERRORS):
        error = error.__cause__ or error.__context__
    return error is not None


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


def raising(error: type[BaseException]) -> Callable[[int, FrameType | None], None]:
    """A signal handler, as that of a timeout."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        raise error

    return handle


@pytest.fixture(params=[Sync, Async], ids=["sync", "async"])
def kind(request: pytest.FixtureRequest, internet: object) -> Iterator[Kind]:
    """Both kinds of client."""
    del internet
    kind: Kind = request.param()
    yield kind
    kind.close()


@pytest.fixture
def unraisable(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What Python can raise nowhere: the errors of destructors."""
    hooked: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda given: hooked.append(given.exc_type))
    return hooked


def try_at(
    place: Place, call: Callable[[], None], recorded: Recorded, unraisable: list[Any]
) -> Iterator[str]:
    """What is wrong if the signal is raised at a place of a call."""
    tracer = Tracer(place)
    unraisable.clear()
    try:
        with tracer:
            call()
    except BaseException as error:  # noqa: BLE001 - the client has errors of its own for what it catches
        if not interrupted(error):
            yield repr(error)
    else:
        if tracer.raised and not set(ERRORS) & set(unraisable):
            yield "swallowed"
    if (current_call.get(), current_hop.get(), required()) != (None, ("", None), ()):
        yield "left in the context"
    if otel_context.get_current():
        yield "left a span current"
    # In another thread, since the lock is reentrant.
    other = Thread(target=counters().calls.add, args=((), 0), daemon=True)
    other.start()
    other.join(PATIENCE)
    if other.is_alive():
        yield "left a lock"
    runtime.part(stream_ender).drain()
    recorded.clear()


@pytest.mark.parametrize("make", [whole, streamed, required_by_code, uploaded, by_http, by_requests])
def test_it_reaches_the_application(
    make: Callable[[Kind, Any], None], kind: Kind, instrument: Instrument, unraisable: list[Any]
) -> None:
    """A signal is raised wherever a handler may run in our code during a call."""
    recorded = instrument()
    client = kind.open()

    def call() -> None:
        make(kind, client)

    for _ in range(3):  # what is built for the first call is there
        call()
    with Tracer() as tracer:
        call()
    runtime.part(stream_ender).drain()
    usual = shown(recorded.spans[-1])
    assert len(tracer.places) > 100
    problems = []
    for place, error in zip(list(tracer.places)[::STEP], cycle(ERRORS), strict=False):
        signal.signal(signal.SIGUSR1, raising(error))
        wrong = list(try_at(place, call, recorded, unraisable))
        call()
        runtime.part(stream_ender).drain()
        if [shown(span) for span in recorded.spans].count(usual) != 1:
            wrong.append("the next call is not recorded as usual")
        if wrong:
            problems.append((place.code.co_qualname, place.offset, error, *wrong))
    assert problems == []
