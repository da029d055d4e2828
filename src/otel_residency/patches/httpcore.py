"""The patch of httpcore and httpcore2, on which httpx and httpx2 are built.

It judges what came past the clients of httpx, or was changed after they had judged it.
"""

import sys
from collections.abc import Callable
from functools import wraps
from types import MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from otel_residency.calls.context import is_current_hop
from otel_residency.patches.guarded import non_vendor_hosts, run_guarded
from otel_residency.patches.patching import put

if TYPE_CHECKING:
    from otel_residency.calls.call import Call

_HOST = len("host")
_SYNC, _ASYNC = "handle_request", "handle_async_request"


def patch(module: ModuleType) -> None:
    """Patch `module`, which has just been imported."""
    put(module.ConnectionPool, _SYNC, _guarded(module.ConnectionPool.handle_request))
    put(module.AsyncConnectionPool, _ASYNC, _guarded_async(module.AsyncConnectionPool.handle_async_request))
    for interface, name, guarded in (
        (module.ConnectionInterface, _SYNC, _guarded),
        (module.AsyncConnectionInterface, _ASYNC, _guarded_async),
    ):
        for connection in interface.__subclasses__():
            if _is_part_of(module, connection.__module__):
                put(connection, "__init__", _init(module, connection.__init__, name, guarded))


def _init(module: ModuleType, init: Any, name: str, guarded: Callable[[Any], Any]) -> Any:
    """Have a connection that an application makes judge its requests, as a pool does.

    Of the object, and not of its class: a pool's connections are made by httpcore itself, and the path of
    their requests stays as short as it is.
    """

    @wraps(init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it takes its place
        init(self, *args, **kwargs)
        if not _is_part_of(module, sys._getframe(1).f_globals.get("__name__", "")):
            setattr(self, name, MethodType(guarded(getattr(type(self), name)), self))

    return __init__


def _is_part_of(module: ModuleType, name: str) -> bool:
    return name.partition(".")[0] == module.__name__


# With the signatures of the originals: respx and pytest-httpx look at these before they replace them.
def _guarded(handle: Any) -> Any:
    @wraps(handle)
    def handle_request(self: Any, request: Any) -> Any:
        # `Exception`, since the callers are transports, which map the errors of httpcore alone.
        call = run_guarded(lambda: _open(request), Exception)
        if call is None:
            return handle(self, request)
        from otel_residency.patches.plain_calls import until_the_end

        with until_the_end(call):
            response = handle(self, request)
            call.response_state.status = response.status
        return response

    return handle_request


def _guarded_async(handle: Any) -> Any:
    @wraps(handle)
    async def handle_async_request(self: Any, request: Any) -> Any:
        call = run_guarded(lambda: _open(request), Exception)
        if call is None:
            return await handle(self, request)
        from otel_residency.patches.plain_calls import until_the_end

        with until_the_end(call):
            response = await handle(self, request)
            call.response_state.status = response.status
        return response

    return handle_async_request


def _open(request: Any) -> "Call | None":
    """The judged call that `request` is; `None` if it goes to no vendor, or is part of a judged hop."""
    url, in_tls, host_header = request.url, request.extensions.get("sni_hostname"), None
    for name, value in request.headers:
        if len(name) == _HOST and name.lower() == b"host":
            host_header = value  # HTTP/1.1 lets only one through, and HTTP/2 takes the first
            break
    key = (url.host, host_header, in_tls)
    # A target with a host in it is meant for a proxy, and goes elsewhere than the host of the pool.
    if key in non_vendor_hosts() and url.target[:1] == b"/":
        return None
    host = url.host.decode("ascii")
    # Without other names. With them the hop is compared in `open_request`, by the names that differ.
    if host_header == url.host and in_tls is None and is_current_hop(host):
        return None
    from otel_residency.patches.plain_calls import open_request

    place = (url.scheme.decode("ascii"), host, url.port, url.target.decode("ascii"))
    return open_request(request.method.decode("ascii"), place, request.headers, in_tls, key)
