"""The patch of urllib3, on which requests is built."""

from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from otel_residency.calls.context import is_current_hop
from otel_residency.patches.guarded import non_vendor_hosts, run_guarded
from otel_residency.patches.http_client import connect, dialled, send_judged
from otel_residency.patches.patching import wrap_client

if TYPE_CHECKING:
    from otel_residency.calls.call import Call

_BODY, _HEADERS = 2, 3
"""Places of arguments of `urlopen`."""


def patch(module: ModuleType) -> None:
    """Patch `urllib3.connectionpool`, which has just been imported."""
    wrap_client(module, "HTTPConnectionPool.urlopen", _urlopen)


def patch_connection(module: ModuleType) -> None:
    """Patch `urllib3.connection`."""
    # Both classes of urllib3 2.8 replace `connect` of `http.client` without calling it.
    for name in ("HTTPConnection.connect", "HTTPSConnection.connect"):
        wrap_client(module, name, connect)


def patch_http2(module: ModuleType) -> None:
    """Patch `urllib3.http2.connection`, whose `endheaders` does not call that of `http.client`."""
    wrap_client(module, "HTTP2Connection.endheaders", _endheaders)


def _endheaders(wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
    from urllib3.exceptions import HTTPError

    send = partial(wrapped, *args, **kwargs)
    return send_judged(send, connection, connection._headers, partial(_open, connection), HTTPError)


def _open(connection: Any) -> "Call | None":
    """The judged call of the headers that are about to be sent; `None` as in `open_request`."""
    from otel_residency.patches.plain_calls import open_request

    host, port = dialled(connection)
    pseudo = {name: value.decode() for name, value in connection._headers if name.startswith(b":")}
    headers = [each for each in connection._headers if not each[0].startswith(b":")]
    authority = pseudo[b":authority"]
    if authority != f"{host}:{port}":  # as urllib3 2.8 writes it, and no other name than the host
        headers.append((b"host", authority.encode()))
    in_tls = connection.server_hostname
    place = ("https", host, port, pseudo[b":path"])
    return open_request(pseudo[b":method"], place, headers, in_tls)


def _urlopen(wrapped: Any, pool: Any, args: Any, kwargs: Any) -> Any:
    url = args[1] if len(args) > 1 else kwargs.get("url", "")
    # urllib3 calls `urlopen` again for retries and redirects, so each of them passes here as a request of its
    # own.
    if "://" not in url and (pool.host in non_vendor_hosts() or is_current_hop(pool.host)):
        return wrapped(*args, **kwargs)
    from urllib3.exceptions import HTTPError

    from otel_residency.patches.plain_calls import open_request, until_the_end

    method = args[0] if args else kwargs.get("method")
    body = args[_BODY] if len(args) > _BODY else kwargs.get("body")
    headers = args[_HEADERS] if len(args) > _HEADERS else kwargs.get("headers")
    place = (pool.scheme, pool.host, pool.port, url)
    # Only what was set by hand: urllib3 itself takes the host of the URL.
    in_tls = pool.conn_kw.get("server_hostname")
    call = run_guarded(
        lambda: open_request(method, place, headers or pool.headers, in_tls, body=body), HTTPError
    )
    if call is None:
        return wrapped(*args, **kwargs)
    with until_the_end(call, pool.host):
        response = wrapped(*args, **kwargs)
        call.response_state.status = response.status
    return response
