"""Puts the patches of HTTP clients in place when these are imported.

httpx and httpx2 are patched beside the openai client, whose requests pass them. Requests that are no
call to a vendor cost one look-up in a set.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, wraps
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

import wrapt

from otel_residency.calls.context import SendingHop, current_hop, is_current_hop
from otel_residency.errors import RefusalError
from otel_residency.patches import websockets as sockets
from otel_residency.patches.guarded import judged
from otel_residency.patches.install import switch, wrap
from otel_residency.patches.patching import when_imported

if TYPE_CHECKING:
    from otel_residency.calls.call import Call
    from otel_residency.calls.plain_request import Given, Url

Place = tuple[Any, Any, Any, Any]
"""Scheme, host, port and URL or path of a request, as an HTTP client has them."""
_HOST = len("host")
_DIALLED = "_otel_residency_dialled"
_SEEN = "_otel_residency_seen"


@cache
def install() -> None:
    """Patch them all, now or when they are imported. Safe to call again."""
    for name, patch in PATCHES.items():
        when_imported(name, patch, switch.miss_client)


def _patch_urllib3(module: ModuleType) -> None:
    from urllib3 import connection
    from urllib3.exceptions import HTTPError

    def urlopen(wrapped: Any, pool: Any, args: Any, kwargs: Any) -> Any:
        url = args[1] if len(args) > 1 else kwargs.get("url", "")
        if "://" not in url and (pool.host in _others() or is_current_hop(pool.host)):
            return wrapped(*args, **kwargs)
        body = args[2] if len(args) > 2 else kwargs.get("body")  # noqa: PLR2004
        headers = args[3] if len(args) > 3 else kwargs.get("headers")  # noqa: PLR2004
        method = args[0] if args else kwargs.get("method")
        place = (pool.scheme, pool.host, pool.port, url)
        in_tls = pool.conn_kw.get("server_hostname")
        call = judged(lambda: _begin(method, place, headers or pool.headers, in_tls, body=body), HTTPError)
        if call is None:
            return wrapped(*args, **kwargs)
        with _until_the_end(call, pool.host):
            response = wrapped(*args, **kwargs)
            call.seen.status = response.status
        return response

    wrap(module, "HTTPConnectionPool.urlopen", urlopen, switch.miss_client)
    for name in ("HTTPConnection.connect", "HTTPSConnection.connect"):
        wrap(connection, name, _connect, switch.miss_client)


def _patch_httpcore(module: ModuleType) -> None:
    """What httpx and httpx2 are built on: whatever came past their clients, or was changed after them."""

    def begin(request: Any) -> "Call | None":
        url, in_tls, named = request.url, request.extensions.get("sni_hostname"), None
        for name, value in request.headers:
            if len(name) == _HOST and name.lower() == b"host":
                named = value  # the only one that HTTP/1.1 lets through, and the one that HTTP/2 takes
                break
        key = (url.host, named, in_tls)
        if key in _others() and url.target[:1] == b"/":
            return None
        host = url.host.decode("ascii")
        if named == url.host and in_tls is None and is_current_hop(host):
            return None
        place = (url.scheme.decode("ascii"), host, url.port, url.target.decode("ascii"))
        return _begin(request.method.decode("ascii"), place, request.headers, in_tls, key)

    handle, handle_async = (
        module.ConnectionPool.handle_request,
        module.AsyncConnectionPool.handle_async_request,
    )

    # With the arguments that they have: libraries for tests look at these before they replace them.
    @wraps(handle)
    def handle_request(self: Any, request: Any) -> Any:
        call = judged(lambda: begin(request), Exception)
        if call is None:
            return handle(self, request)
        with _until_the_end(call):
            response = handle(self, request)
            call.seen.status = response.status
        return response

    @wraps(handle_async)
    async def handle_async_request(self: Any, request: Any) -> Any:
        call = judged(lambda: begin(request), Exception)
        if call is None:
            return await handle_async(self, request)
        with _until_the_end(call):
            response = await handle_async(self, request)
            call.seen.status = response.status
        return response

    wrapt.apply_patch(module.ConnectionPool, "handle_request", handle_request)
    wrapt.apply_patch(module.AsyncConnectionPool, "handle_async_request", handle_async_request)


def _patch_aiohttp(module: ModuleType) -> None:
    from aiohttp import client_reqrep
    from aiohttp.client_exceptions import ClientError

    def begin(request: Any, *, seen: Any = None) -> "Call | None":
        url = request.url
        host, in_tls = url.raw_host, getattr(request, "server_hostname", None)
        key = (host, in_tls, *request.headers.getall("Host", ()))
        if key in _others() or (key == (host, None, host) and is_current_hop(host)) or seen == (url, key):
            return None
        setattr(request, _SEEN, (url, key))
        place = (url.scheme, host, url.explicit_port, url.raw_path)
        return _begin(request.method, place, request.headers, in_tls, key)

    async def follow(call: "Call", wrapped: Any, args: Any, kwargs: Any) -> Any:
        with _until_the_end(call):
            return await wrapped(*args, **kwargs)

    def connect(wrapped: Any, _connector: Any, args: Any, kwargs: Any) -> Any:
        request = args[0] if args else kwargs.get("req")
        call = judged(lambda: begin(request), ClientError)
        return wrapped(*args, **kwargs) if call is None else follow(call, wrapped, args, kwargs)

    def send(wrapped: Any, request: Any, args: Any, kwargs: Any) -> Any:
        """What a connector of the application's did not show, or what was changed since it did."""
        if request.method == "CONNECT":  # to a proxy; what goes through it is sent by a request of its own
            return wrapped(*args, **kwargs)
        call = judged(lambda: begin(request, seen=getattr(request, _SEEN, None)), ClientError)
        return wrapped(*args, **kwargs) if call is None else follow(call, wrapped, args, kwargs)

    wrap(module, "BaseConnector.connect", connect, switch.miss_client)
    wrap(client_reqrep, "ClientRequest.send", send, switch.miss_client)


def _patch_standard(module: ModuleType) -> None:
    """Judged is what is about to be written, over a connection to the host that was dialled."""

    def begin(connection: Any) -> "Call | None":
        sock, lines = connection.sock, connection._buffer
        dialled = None if sock is None else getattr(connection, _DIALLED, None)
        host, port = dialled or _place(connection)
        in_tls = getattr(sock, "server_hostname", None) or getattr(connection, "server_hostname", None)
        named = [line for line in lines if line[0] in b"Hh" and line[:_HOST].lower() == b"host"]
        key = (host, in_tls, *named)
        if key in _others() and b"://" not in lines[0]:
            return None
        if in_tls == connection.host or not isinstance(in_tls, str):  # that of a proxy, or of a stand-in
            in_tls = None
        method, url, _ = lines[0].decode("ascii").split(" ", 2)
        scheme = "https" if connection.default_port == module.HTTPS_PORT else "http"
        parts = (line.partition(b":") for line in lines[1:])
        headers = [(name.strip(), value.strip()) for name, _, value in parts]
        return _begin(method, (scheme, host, port, url), headers, in_tls, key)

    def endheaders(wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        try:
            call = judged(lambda: begin(connection), module.HTTPException)
        except RefusalError:
            connection._buffer.clear()
            connection.close()
            raise
        if call is None:
            return wrapped(*args, **kwargs)
        with _until_the_end(call):
            return wrapped(*args, **kwargs)

    wrap(module, "HTTPConnection.connect", _connect, switch.miss_client)
    wrap(module, "HTTPConnection.endheaders", endheaders, switch.miss_client)


def _connect(wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
    """Keep what a connection of the standard library dials: its host may be changed afterwards."""
    setattr(connection, _DIALLED, _place(connection))
    return wrapped(*args, **kwargs)


def _place(connection: Any) -> tuple[str, int]:
    """Where a connection of the standard library leads, at last."""
    host = getattr(connection, "_tunnel_host", None) or connection.host
    return host, getattr(connection, "_tunnel_port", None) or connection.port


PATCHES: Mapping[str, Callable[[ModuleType], None]] = MappingProxyType(
    {
        "urllib3.connectionpool": _patch_urllib3,
        "aiohttp.connector": _patch_aiohttp,
        "http.client": _patch_standard,
        "httpcore": _patch_httpcore,
        "httpcore2": _patch_httpcore,
        "websockets.client": sockets.patch_protocol,
        "websockets.protocol": sockets.patch_messages,
        "websockets.sync.client": sockets.patch_connect,
        "websockets.asyncio.client": sockets.patch_async_connect,
        "websockets.legacy.client": sockets.patch_legacy,
    }
)
"""What patches a module, by the module's name."""


def _others() -> Any:
    state = switch.state
    return () if state is None else state.others


def _target(scheme: str | None, host: str, port: int | None, url: str) -> "Url":
    """Where a request goes that is sent to a host, or through it as through a proxy."""
    from urllib.parse import urlsplit

    from otel_residency.calls.plain_request import Url

    if "://" in url and not url.startswith("/") and not _is_vendor(host):
        parts = urlsplit(url)
        scheme, host, port, url = parts.scheme, parts.hostname or "", parts.port, parts.path
    if port == {"http": 80, "https": 443}.get(scheme or ""):
        port = None
    return Url(scheme or "http", host.encode("ascii" if host.isascii() else "idna"), port, url.encode())


def _is_vendor(host: str) -> bool:
    """Whether the host that is dialled may be a vendor's: then the URL does not say where a request goes."""
    state = switch.state
    return state is not None and host not in state.others and state.guard.concerns_host(host)


def _begin(
    method: Any, place: Place, headers: "Given", in_tls: Any, key: Any = None, *, body: Any = None
) -> "Call | None":
    """The call that a request is, judged; `None` if it goes to no vendor, or is part of one that was judged.

    `in_tls` is the name that TLS is asked for; a request to no vendor is remembered by `key`.

    Raises:
        RefusalError: in block mode.
    """
    from otel_residency.calls.plain_request import Request
    from otel_residency.calls.request import read_routing_headers
    from otel_residency.patches.http import open_raw

    if not place[1]:
        return None
    url = _target(*place)
    request = Request(str(method), url, headers, body, in_tls)
    if is_current_hop(place[1], read_routing_headers(request, request.headers.raw).host_header):
        return None
    return open_raw(request, key or url.raw_host.decode("ascii"))


@contextmanager
def _until_the_end(call: "Call", proxy: str = "") -> Iterator[None]:
    """End the call when the block is left. `proxy`: the host that is dialled, where it may be another."""
    try:
        with SendingHop(call):
            if proxy and call.judging.hops:
                current_hop.set((proxy, call.judging.hops[-1].host_header))
            yield
    except BaseException as error:
        call.raised(error)
        raise
    call.finish()
