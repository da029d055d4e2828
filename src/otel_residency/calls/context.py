"""Which call is under way: what a request or a context carries of it."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context

if TYPE_CHECKING:
    from otel_residency.calls.call import Call

EXTENSION = "otel_residency.call"
"""Key of the call in a request's extensions; the HTTP libraries copy it to redirected requests."""
current_hop: ContextVar[tuple[str, str | None]] = ContextVar("otel_residency.host", default=("", None))
"""Host of the request that is under way, and what else it names as such: what an HTTP client builds on is not
judged for it again."""
ANYWHERE = ("*", None)
"""In the place of a host, where it could not be read: the call is told of as one in doubt."""
current_call: ContextVar["Call | None"] = ContextVar("otel_residency.call", default=None)
opened_by: ContextVar[Callable[[], Any] | None] = ContextVar("otel_residency.opened_by", default=None)
"""Gives the client that is opening a WebSocket session."""
whole_bodies: set[Any] = set()
"""Classes of the HTTP libraries, exactly, whose streams are one piece of bytes that may be read again."""
builders: dict[int, Any] = {}
"""The HTTP libraries' own `build_request`, by its id: another's wrapper may claim to be equal to it."""


def is_current_hop(host: str | None, name: str | None = None) -> bool:
    """Whether a request to `host`, that names `name` as its host, is part of one that was judged."""
    return current_hop.get() in ((host, name), ANYWHERE)


class SendingHop:
    """Around one hop: what its HTTP client builds on is not judged again.

    Nothing is reset by a token: a coroutine may be ended in a context that it never entered.
    """

    __slots__ = ("_before", "_call", "_context")

    def __init__(self, call: "Call") -> None:
        """The way of the latest hop of `call`."""
        self._call = call

    def __enter__(self) -> None:
        call, judging = self._call, self._call.judging
        self._before = current_hop.get()
        hop = judging.hops[-1] if judging.hops and judging.doubt is None else None
        current_hop.set(ANYWHERE if hop is None else (hop.host, hop.host_header))
        self._context = None
        if call.alone and call.telling.context is not None:  # nothing else makes its span current
            self._context = otel_context.get_current()
            otel_context.attach(call.telling.context)

    def __exit__(self, *_: object) -> None:
        current_hop.set(self._before)
        if self._context is not None:
            otel_context.attach(self._context)
