"""Bodies that the application reads after the client has returned its response."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar
from weakref import finalize, ref


class BodyWatcher(Protocol):
    """What is called while a body is read."""

    def on_read_begin(self) -> None:
        """The application begins to read the body."""

    def on_read_end(self, response: Any) -> None:
        """The body was read; `response` is `None` if the application holds it no longer."""

    def on_close(self) -> None:
        """The response was closed or dropped."""

    def fail(self, error: BaseException) -> None:
        """Reading failed with `error`."""


Watcher = TypeVar("Watcher", bound=BodyWatcher)


def is_running(iterator: Any) -> bool:
    """Whether `iterator` is a generator that is computing its next item right now."""
    return bool(getattr(iterator, "gi_running", False) or getattr(iterator, "ag_running", False))


def watch_body(response: Any, watcher: Watcher, watch: Callable[[Any, Watcher], Any] | None) -> None:
    """Call `watcher` when the body of `response` is read, closed or dropped.

    `watch` wraps its stream, `None` leaves it alone.
    """
    if watch is not None:
        response.stream = watch(response.stream, watcher)
        # `finalize` keeps the bound method, and so the call, alive. If the call held the response, its
        # stream would never be dropped (tests/calls/test_symptoms.py, test_memory_does_not_grow).
        finalize(response.stream, watcher.on_close)
    # Only JSON names a model or an id; other bodies may be large files.
    if "json" in response.headers.get("content-type", ""):
        watch_read(response, watcher)


def watch_read(response: Any, watcher: BodyWatcher) -> None:
    """Call `watcher` when the application reads the body of `response` in one piece.

    The body is complete only after the response was closed, so the read that goes on ends the call and not
    the close.
    """
    # The functions below become attributes of the response; with a strong reference it would be a cycle, and
    # be freed only by the cyclic collector.
    weak = ref(response)
    kind = type(response)

    def begin() -> Any:
        watcher.on_read_begin()
        strong = weak()
        # A response that was read can be pickled, and these functions can not.
        for name in ("read", "aread"):
            vars(strong).pop(name, None)
        return strong

    def read() -> bytes:
        try:
            # The function of the class: the instance's own `read` is this one.
            content: bytes = kind.read(begin())
            watcher.on_read_end(weak())
        except BaseException as error:
            watcher.fail(error)
            raise
        return content

    async def aread() -> bytes:
        try:
            content: bytes = await kind.aread(begin())
            watcher.on_read_end(weak())
        except BaseException as error:
            watcher.fail(error)
            raise
        return content

    if hasattr(kind, "read"):
        response.read = read
    if hasattr(kind, "aread"):
        response.aread = aread
