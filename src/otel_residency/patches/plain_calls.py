"""Calls that an HTTP client makes by itself, without the openai client.

Imported for the first request that may go to a vendor: it brings the rooms `calls` and `core`, which take
some 30 ms to import.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from otel_residency.calls.body import RequestFacts
from otel_residency.calls.call import Call
from otel_residency.calls.context import current_hop, is_current_hop
from otel_residency.calls.plain_request import Given, PlainRequest, Url
from otel_residency.calls.request import RoutingHeaders, read_hop, read_hosts, read_routing_headers
from otel_residency.calls.state import runtime
from otel_residency.errors import RefusalError

Place = tuple[Any, Any, Any, Any]
"""Scheme, host, port, and URL or path of a request, as an HTTP client has them."""


def begin_without_client(request: Any, key: Any = None) -> Call | None:
    """A call that an HTTP client makes by itself, if `request` goes to a vendor.

    Args:
        request: the request, in the shape of httpx's.
        key: what is remembered if the request goes to no vendor; by default its host.
    """
    state = runtime.state
    if state is None:
        return None
    try:
        hosts = read_hosts(request)
        # The host first, for which there is a cache; the path only where the host may be a vendor's.
        if not state.concerns(hosts, request.url.raw_host if key is None else key):
            return None
        hop = read_hop(request, RoutingHeaders())
        # By each of its names: whoever dials a proxy or an address names the vendor in the Host header
        # (tests/patches/test_install.py, test_a_vendor_is_recognised_by_its_name).
        if not any(state.guard.concerns(request.method, hop._replace(host=host)) for host in hosts):
            return None
    except Exception as error:
        state.log_failure("reading a request", error)
        # In block mode a request that can't be read goes on to be refused.
        if not state.blocks:
            return None
    call = Call(state, None, None)
    call.standalone = call.without_client = True
    return call


def open_without_client(request: Any, key: Any, body: RequestFacts | None = None) -> Call | None:
    """The same, judged, for a client whose requests only have the shape of httpx's.

    Raises:
        RefusalError: in block mode.
    """
    call = begin_without_client(request, key)
    if call is None:
        return None
    try:
        call.on_attempt(request, None, body)
        call.on_hop(request)
    except RefusalError as error:
        call.fail(error)
        raise
    return call


def open_request(
    method: Any, place: Place, headers: Given, in_tls: Any, key: Any = None, *, body: Any = None
) -> Call | None:
    """The judged call that a request is; `None` if it goes to no vendor, or is part of a judged hop.

    Args:
        method: HTTP method.
        place: where it goes.
        headers: its headers.
        in_tls: the name that TLS is asked for.
        key: what is remembered if the request goes to no vendor; by default its host.
        body: its body, if it is at hand.

    Raises:
        RefusalError: in block mode.
    """
    if not place[1]:
        return None
    url = _url(*place)
    request = PlainRequest(method=str(method), url=url, headers=headers, content=body, name_in_tls=in_tls)
    # requests is built on urllib3, and that on `http.client`: the outer one has judged this hop.
    if is_current_hop(place[1], read_routing_headers(request, request.headers.raw).host_header):
        return None
    return open_without_client(request, key or url.raw_host.decode("ascii"))


def _url(scheme: str | None, host: str, port: int | None, url: str) -> Url:
    """Where a request goes that is sent to a host, or through it as through a proxy."""
    # A full URL is what a client writes to a proxy. To a host that may be a vendor's it is only a path:
    # nothing makes the server go there.
    if "://" in url and not url.startswith("/") and not _may_be_vendor(host):
        parts = urlsplit(url)
        scheme, host, port, url = parts.scheme, parts.hostname or "", parts.port, parts.path
    if port == {"http": 80, "https": 443}.get(scheme or ""):
        port = None
    # IDNA as the socket module encodes it (Python 3.11, `getaddrinfo`), so that the name is the one that is
    # looked up.
    raw_host = host.encode("ascii" if host.isascii() else "idna")
    return Url(scheme=scheme or "http", raw_host=raw_host, port=port, raw_path=url.encode())


def _may_be_vendor(host: str) -> bool:
    """Whether the host that is dialled may be a vendor's: then the URL does not say where a request goes."""
    state = runtime.state
    return state is not None and host not in state.non_vendor_hosts and state.guard.concerns_host(host)


@contextmanager
def until_the_end(call: Call, proxy: str = "") -> Iterator[None]:
    """End the call when the block is left. `proxy` is the host that is dialled, if it may be another one."""
    sending = call.sending()
    try:
        with sending:
            # The connection is opened to the proxy, and `http.client` compares the host that it dials.
            if proxy and call.assessment.hops:
                current_hop.set((proxy, call.assessment.hops[-1].host_header))
            yield
        call.finish()
    except BaseException as error:
        sending.restore()
        call.fail(error)
        raise
