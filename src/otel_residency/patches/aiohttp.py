"""The patch of aiohttp's client."""

from types import ModuleType
from typing import TYPE_CHECKING, Any

from otel_residency.calls.context import is_current_hop
from otel_residency.patches.guarded import non_vendor_hosts, run_guarded
from otel_residency.patches.patching import wrap_client

if TYPE_CHECKING:
    from otel_residency.calls.call import Call

_JUDGED = "_otel_residency_judged"
"""Attribute of a request with the URL and names by which it was judged."""


def patch(module: ModuleType) -> None:
    """Patch `aiohttp.connector`, which has just been imported."""
    # Before a connection is opened: in block mode the host is not even dialled.
    wrap_client(module, "BaseConnector.connect", _connect)


def patch_request(module: ModuleType) -> None:
    """Patch `aiohttp.client_reqrep`."""
    wrap_client(module, "ClientRequest.send", _send)


def _connect(wrapped: Any, _connector: Any, args: Any, kwargs: Any) -> Any:
    from aiohttp.client_exceptions import ClientError

    request = args[0] if args else kwargs.get("req")
    # Refused as a `ClientError`, which aiohttp 3.14 does not retry: it does so for `ClientOSError` and
    # `ServerDisconnectedError`.
    call = run_guarded(lambda: _open(request), ClientError)
    return wrapped(*args, **kwargs) if call is None else _follow(call, wrapped, args, kwargs)


def _send(wrapped: Any, request: Any, args: Any, kwargs: Any) -> Any:
    """Judge what a connector of the application did not pass on to ours, or what was changed since."""
    from aiohttp.client_exceptions import ClientError

    if request.method == "CONNECT":  # to a proxy; what goes through it is sent by a request of its own
        return wrapped(*args, **kwargs)
    call = run_guarded(lambda: _open(request, judged=getattr(request, _JUDGED, None)), ClientError)
    return wrapped(*args, **kwargs) if call is None else _follow(call, wrapped, args, kwargs)


async def _follow(call: "Call", wrapped: Any, args: Any, kwargs: Any) -> Any:
    from otel_residency.patches.plain_calls import until_the_end

    with until_the_end(call):
        return await wrapped(*args, **kwargs)


def _open(request: Any, *, judged: Any = None) -> "Call | None":
    """The judged call that `request` is; `None` if it goes to no vendor, or was judged as it is now."""
    url = request.url
    host, in_tls = url.raw_host, getattr(request, "server_hostname", None)
    key = (host, in_tls, *request.headers.getall("Host", ()))
    # Within the transport for httpx, which has judged the request: only if no other name was added.
    part_of_hop = key == (host, None, host) and is_current_hop(host)
    if key in non_vendor_hosts() or part_of_hop or judged == (url, key):
        return None
    setattr(request, _JUDGED, (url, key))
    from otel_residency.patches.plain_calls import open_request

    # `explicit_port`: `port` of yarl is never `None` for https, and here `None` is the default port.
    place = (url.scheme, host, url.explicit_port, url.raw_path)
    return open_request(request.method, place, request.headers, in_tls, key)
