"""What a signal handler raises while our code runs reaches the application, and the next call is as usual."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from opentelemetry import context as otel_context

import otel_residency
from otel_residency.calls.call import active_call
from otel_residency.calls.context import current_hop
from otel_residency.requirements.context import required
from otel_residency import require
from tests.calls.http_library import http
from tests.calls.kinds import Kind
from tests.recorded import Instrument, Recorded, settle
from tests.vendor import SNAPSHOT

OURS = str(Path(otel_residency.__file__).parent)
CHAT: dict[str, Any] = {"model": SNAPSHOT, "messages": [{"role": "user", "content": "my claim is 4711"}]}


class Interruption(TimeoutError, ValueError, RuntimeError, LookupError):
    """What a handler raises: an error that narrow `except` clauses would catch, too."""


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """A signal handler, as of a timeout."""
    raise Interruption


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    before = signal.signal(signal.SIGUSR1, interrupt)
    yield
    signal.signal(signal.SIGUSR1, before)


class Boundaries:
    """Counts the instructions of ours that a thread is about to run, and raises the signal at one of them.

    Attributes:
        places: each place that it came to, in order.
        at: the place where the signal is raised.
    """

    def __init__(self, at: Any = None) -> None:
        self.places: dict[Any, None] = {}
        self.at = at
        self.raised = False

    def __enter__(self) -> "Boundaries":
        sys.settrace(self._enter)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _enter(self, frame: FrameType, _event: str, _argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._step

    def _step(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event == "opcode":
            place = (frame.f_code, frame.f_lasti)
            self.places[place] = None
            if place == self.at and not self.raised:
                self.raised = True
                sys.settrace(None)
                signal.raise_signal(signal.SIGUSR1)
        return self._step


def raised_by(error: BaseException | None) -> bool:
    """Whether an error is the handler's, or what the client made of it."""
    while error is not None:
        if isinstance(error, Interruption):
            return True
        error = error.__cause__
    return False


def whole(kind: Kind, client: Any) -> Any:
    """A call."""
    return kind.run(client.chat.completions.create(**CHAT))


def streamed(kind: Kind, client: Any) -> Any:
    """A stream, read to its end."""
    return kind.items(kind.run(client.chat.completions.create(**CHAT, stream=True)))


def required_by_code(kind: Kind, client: Any) -> Any:
    """A call under a requirement."""
    with require("eu"):
        return whole(kind, client)


def http_alone(kind: Kind, client: Any) -> Any:
    """A call of the HTTP library to the vendor, without the openai client."""
    return kind.run(client._client.post("/chat/completions", json=CHAT))


CALLS = (whole, streamed, required_by_code, http_alone)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_it_reaches_the_application(
    call: Callable[[Kind, Any], Any], kind: Kind, instrument: Instrument
) -> None:
    """A signal is raised before each instruction of ours that a call runs."""
    recorded = instrument()
    library = kind.pick(http.Client, http.AsyncClient)
    limits = http.Limits(max_connections=1)
    client = kind.open(http_client=library(limits=limits), timeout=2)
    for _ in range(3):
        call(kind, client)
    with Boundaries() as all_of_them:
        call(kind, client)
    settle()
    expected = len(recorded.spans)
    (usual,) = {(span.name, span.parent, tuple((span.attributes or {}).items())) for span in recorded.spans[-1:]}
    problems = []
    for place in all_of_them.places:
        where = (place[0].co_qualname, place[0].co_filename[len(OURS):], place[1])
        boundaries = Boundaries(place)
        try:
            with boundaries:
                call(kind, client)
        except Exception as error:
            if not raised_by(error):
                problems.append((where, "other", repr(error)))
        else:
            if boundaries.raised:
                problems.append((where, "swallowed"))
        settle()
        recorded.clear()
        left = (active_call.get(), otel_context.get_current(), current_hop.get(), required())
        if left != (None, {}, ("", None), ()):
            problems.append((where, "left", left))
        try:
            call(kind, client)
        except Exception as error:
            problems.append((where, "next", repr(error)))
        settle()
        now = {(span.name, span.parent, len(span.attributes)) for span in recorded.spans}
        if now != {(usual[0], usual[1], len(usual[2]))}:
            problems.append((where, "spans", now))
        active_call.set(None); otel_context.attach(otel_context.Context()); current_hop.set(("", None))
    print(len(all_of_them.places))
    import collections
    c = collections.Counter((p[0][:2], p[1], p[0][2] if p[1]!="spans" else 0) for p in problems)
    for k, v in c.items(): print(v, k)
    for p in problems[:60]: print(p)
    assert not problems
