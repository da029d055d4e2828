"""Where the client is patched: its one door, the request it builds, every hop, and its streams.

A patch is put in place once, when its library is imported, and stays; whether it does anything is decided
by `switch`. So removing ours never removes another's, whatever the order.
"""

from collections.abc import Callable, Iterator
from functools import wraps
from inspect import iscoroutinefunction, unwrap
from logging import getLogger
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import wrapt

from otel_residency.calls.context import builders, whole_bodies
from otel_residency.patches.patching import when_imported

if TYPE_CHECKING:
    from otel_residency.calls.state import State

_log = getLogger("otel_residency")
_HTTP_LIBRARIES = ("httpx", "httpx2")
_installed = False


class _Switch:
    """Which state is active, and which patches could not be put in place."""

    def __init__(self) -> None:
        self.state: State | None = None
        """`None` switches every patch off."""
        self.missing: set[str] = set()
        self.missing_clients: set[str] = set()
        """Of other HTTP clients, whose patches the openai client does not need."""

    def miss(self, name: str) -> None:
        """Note a patch that could not be put in place, in the set that is there by then."""
        self.missing.add(name)

    def miss_client(self, name: str) -> None:
        """The same of another HTTP client."""
        self.missing_clients.add(name)


switch = _Switch()


def install() -> None:
    """Patch the client and its HTTP libraries, now or when they are imported. Safe to call again."""
    global _installed
    if not _installed:
        from otel_residency.patches import openai_sessions as sessions

        _installed = True
        when_imported("openai", _patch_openai, switch.miss)
        for library in _HTTP_LIBRARIES:
            when_imported(library, _patch_http, switch.miss)
        for name in sessions.MODULES:
            when_imported(f"openai.resources.{name}", sessions.patch_managers, switch.miss)


def _method(wrapped: Any, wrapper: Callable[..., Any]) -> Callable[..., Any]:
    """A function in the place of a method, with a wrapper around it while a state is active.

    A plain function, since a `wrapt.FunctionWrapper` differs from a method where programs look: read from
    its class it is another object each time, and it can't be pickled.
    """
    if iscoroutinefunction(wrapped):

        @wraps(wrapped)
        async def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            bound = wrapped.__get__(self, type(self))
            return await (wrapper(bound, self, args, kwargs) if switch.state else bound(*args, **kwargs))
    else:

        @wraps(wrapped)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            bound = wrapped.__get__(self, type(self))
            return wrapper(bound, self, args, kwargs) if switch.state else bound(*args, **kwargs)

    return method


def wrap(
    module: ModuleType,
    name: str,
    wrapper: Callable[..., Any],
    missing: Callable[[str], object] = switch.miss,
) -> None:
    """Put `wrapper` around the method `name` of a class of `module`; one that is not there is `missing`."""
    try:
        owner, attribute, wrapped = wrapt.resolve_path(module, name)
        wrapt.apply_patch(owner, attribute, _method(wrapped, wrapper))
        for below in dict.fromkeys(_classes_below(owner)):
            own = vars(below).get(attribute)
            # Another's wrapper, put on a subclass before us: it holds on to the original.
            if own is not None and unwrap(own) is unwrap(wrapped):
                wrapt.apply_patch(below, attribute, _method(own, wrapper))
    except AttributeError:
        missing(name)
        _log.error(
            "%s.%s does not exist in this release: calls are not fully seen, block mode refuses them",
            module.__name__,
            name,
        )


def _classes_below(owner: Any) -> Iterator[Any]:
    for below in owner.__subclasses__():
        yield below
        yield from _classes_below(below)


def _patch_openai(_: ModuleType) -> None:
    from openai import _base_client, _streaming

    from otel_residency.patches import openai_client as wrappers

    wrap(_base_client, "BaseClient._build_request", wrappers.build_request)
    wrap(_base_client, "SyncAPIClient.request", wrappers.request)
    wrap(_base_client, "AsyncAPIClient.request", wrappers.request_async)
    wrap(_streaming, "Stream.__init__", wrappers.stream_init)
    wrap(_streaming, "AsyncStream.__init__", wrappers.async_stream_init)
    state = switch.state
    if state is not None:
        wrappers.warm(state)


def _patch_http(library: ModuleType) -> None:
    from otel_residency.patches.httpx import hop_wrappers

    whole_bodies.add(library.ByteStream)
    for client in (library.Client, library.AsyncClient):
        build = client.build_request
        if type(build) is FunctionType and build.__globals__["__name__"].startswith(library.__name__):
            builders[id(build)] = build
    send, send_async = hop_wrappers(library)
    wrap(library, "Client._send_single_request", send)
    wrap(library, "AsyncClient._send_single_request", send_async)
