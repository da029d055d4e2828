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

from otel_residency.http_clients import sockets
from otel_residency.http_clients.judged import judged
from otel_residency.openai_client.current import is_under_way, under_way
from otel_residency.openai_client.patch import switch, wrap
from otel_residency.patching import when_imported

if TYPE_CHECKING:
    from otel_residency.http_clients.request import Url
    from otel_residency.openai_client.call import Call

Place = tuple[Any, Any, Any, Any]
"""Scheme, host, port and URL or path of a request, as an HTTP client has them."""


@cache
def install() -> None:
    """Patch them all, now or when they are imported. Safe to call again."""
    for name, patch in PATCHES.items():
        when_imported(name, patch, switch.miss_client)


def _patch_urllib3(module: ModuleType) -> None:
    from urllib3.exceptions import HTTPError

    def urlopen(wrapped: Any, pool: Any, args: Any, kwargs: Any) -> Any:
        url = args[1] if len(args) > 1 else kwargs.get("url", "")
        if "://" not in url and (pool.host in _others() or is_under_way(pool.host)):
            return wrapped(*args, **kwargs)
        body = args[2] if len(args) > 2 else kwargs.get("body")  # noqa: PLR2004
        headers = args[3] if len(args) > 3 else kwargs.get("headers")  # noqa: PLR2004
        method = args[0] if args else kwargs.get("method")
        place = (pool.scheme, pool.host, pool.port, url)
        call = judged(lambda: _begin(method, place, headers or pool.headers, body), HTTPError)
        if call is None:
            return wrapped(*args, **kwargs)
        with _until_the_end(call, pool.host):
            response = wrapped(*args, **kwargs)
            call.status = response.status
        return response

    wrap(module, "HTTPConnectionPool.urlopen", urlopen, switch.miss_client)


def _patch_httpcore(module: ModuleType) -> None:
    """What httpx and httpx2 are built on: whatever came past their clients, or was changed after them."""

    def begin(request: Any) -> "Call | None":
        url = request.url
        host = url.host.decode("ascii")
        if url.host in _others() or is_under_way(host):
            return None
        place = (url.scheme.decode("ascii"), host, url.port, url.target.decode("ascii"))
        return _begin(request.method.decode("ascii"), place, dict(request.headers), None)

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
            call.status = response.status
        return response

    @wraps(handle_async)
    async def handle_async_request(self: Any, request: Any) -> Any:
        call = judged(lambda: begin(request), Exception)
        if call is None:
            return await handle_async(self, request)
        with _until_the_end(call):
            response = await handle_async(self, request)
            call.status = response.status
        return response

    wrapt.apply_patch(module.ConnectionPool, "handle_request", handle_request)
    wrapt.apply_patch(module.AsyncConnectionPool, "handle_async_request", handle_async_request)


def _patch_aiohttp(module: ModuleType) -> None:
    from aiohttp.client_exceptions import ClientError

    async def connect(wrapped: Any, _connector: Any, args: Any, kwargs: Any) -> Any:
        request = args[0] if args else kwargs.get("req")
        host = getattr(request.url, "raw_host", None)
        if host in _others() or is_under_way(host):
            return await wrapped(*args, **kwargs)
        url = request.url
        place = (url.scheme, host, url.explicit_port, url.raw_path)
        call = judged(lambda: _begin(request.method, place, request.headers, None), ClientError)
        if call is None:
            return await wrapped(*args, **kwargs)
        with _until_the_end(call):
            return await wrapped(*args, **kwargs)

    wrap(module, "BaseConnector.connect", connect, switch.miss_client)


def _patch_standard(module: ModuleType) -> None:
    def putrequest(wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
        host = getattr(connection, "_tunnel_host", None) or connection.host
        url = args[1] if len(args) > 1 else kwargs.get("url", "")
        if is_under_way(host) or ("://" not in url and host in _others()):
            return wrapped(*args, **kwargs)
        method = args[0] if args else kwargs.get("method")
        port = getattr(connection, "_tunnel_port", None) or connection.port
        scheme = "https" if connection.default_port == module.HTTPS_PORT else "http"
        place = (scheme, host, port, url)
        call = judged(lambda: _begin(method, place, None, None), module.HTTPException)
        if call is None:
            return wrapped(*args, **kwargs)
        with _until_the_end(call):
            return wrapped(*args, **kwargs)

    wrap(module, "HTTPConnection.putrequest", putrequest, switch.miss_client)


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
    }
)
"""What patches a module, by the module's name."""


def _others() -> Any:
    state = switch.state
    return () if state is None else state.others


def _target(scheme: str | None, host: str, port: int | None, url: str) -> "Url":
    """Where a request goes that is sent to a host, or through it as through a proxy."""
    from urllib.parse import urlsplit

    from otel_residency.http_clients.request import Url

    if "://" in url and not _is_vendor(host):
        parts = urlsplit(url)
        scheme, host, port, url = parts.scheme, parts.hostname or "", parts.port, parts.path
    if port == {"http": 80, "https": 443}.get(scheme or ""):
        port = None
    return Url(scheme or "http", host.encode("ascii" if host.isascii() else "idna"), port, url.encode())


def _is_vendor(host: str) -> bool:
    """Whether the host that is dialled may be a vendor's: then the URL does not say where a request goes."""
    state = switch.state
    return state is not None and host not in state.others and state.guard.concerns_host(host)


def _begin(method: Any, place: Place, headers: Any, content: Any) -> "Call | None":
    """The call that a request is, judged; `None` if it goes to no vendor.

    Raises:
        RefusalError: in block mode.
    """
    from otel_residency.http_clients.request import Request
    from otel_residency.openai_client.http import open_raw

    if not place[1]:
        return None
    url = _target(*place)
    return open_raw(Request(str(method), url, headers, content), url.raw_host.decode("ascii"))


@contextmanager
def _until_the_end(call: "Call", proxy: str = "") -> Iterator[None]:
    """End the call when the block is left. `proxy`: the host that is dialled, where it may be another."""
    try:
        with call.on_the_way():
            if proxy:
                under_way.set(proxy)
            yield
    except BaseException as error:
        call.raised(error)
        raise
    call.finish()
