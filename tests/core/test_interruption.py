"""What a signal handler raised is told from failures of our own code."""

import signal
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Any

import pytest

from otel_residency.core.interruption import reraise_interruption


class LateError(Exception):
    """What a handler raises."""


def late(_number: int, _frame: FrameType | None) -> None:
    """A handler."""
    raise LateError


def restoring(number: int, frame: FrameType | None) -> None:
    """A handler that puts back the earlier one, and raises in a function of its own."""
    signal.signal(number, signal.SIG_DFL)
    late(0, frame)


class Handler:
    """An object that is a handler."""

    def __call__(self, *given: Any) -> None:
        """Handle a signal."""
        late(*given)


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


def guarded(work: Callable[[], Any]) -> None:
    """What our code does with a failure."""
    try:
        work()
    except Exception:  # noqa: BLE001 - as in our code
        reraise_interruption()


def wrapping() -> None:
    """A library that has an error of its own for all that goes wrong."""
    try:
        signal.raise_signal(signal.SIGUSR1)
    except LateError as error:
        raise ValueError from error


@pytest.mark.parametrize("handler", [late, restoring, Handler(), partial(late)])
@pytest.mark.parametrize("work", [partial(signal.raise_signal, signal.SIGUSR1), wrapping])
def test_what_a_handler_raises_passes(
    handler: Callable[[int, FrameType | None], Any], work: Callable[[], None]
) -> None:
    """It passes as it is, whatever the handler is, and whoever has caught it and made an error of it."""
    signal.signal(signal.SIGUSR1, handler)
    with pytest.raises(LateError):
        guarded(work)


def test_a_failure_does_not_pass() -> None:
    """A failure stays with us, also while the application handles what a handler raised."""
    guarded(lambda: 1 / 0)
    signal.signal(signal.SIGUSR1, late)
    try:
        signal.raise_signal(signal.SIGUSR1)
    except LateError:
        guarded(lambda: 1 / 0)
