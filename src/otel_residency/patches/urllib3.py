"""The patch of urllib3, on which requests is built."""

from types import ModuleType
from typing import Any

from otel_residency.calls.context import is_current_hop
from otel_residency.patches.guarded import non_vendor_hosts, run_guarded
from otel_residency.patches.http_client import connect
from otel_residency.patches.patching import wrap_client

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
