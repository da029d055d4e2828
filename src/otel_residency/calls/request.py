"""A request that is about to be sent: where it goes, what it sends, and whether it has changed."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from otel_residency.calls.context import ANY_HOST, current_hop
from otel_residency.core.base_url import BaseUrl
from otel_residency.core.classify import canonical_host
from otel_residency.core.entries import RouteHeader
from otel_residency.core.facts import DEFAULT_PORTS, Hop
from otel_residency.runtime.runtime import runtime

WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
"""Methods of requests that carry a body."""
EXTENSION = "otel_residency.call"
"""Key of the call in a request's extensions; httpx copies it to the requests of redirects."""
HEADER_LIMIT = 128
"""Characters of a header value that are read; longer text is no name and no host."""
TARGET = "target"
"""Extension of a request that httpcore sends in place of its path."""
NAME_IN_TLS = "sni_hostname"
"""Extension of a request with the host that the certificate is asked of."""
_HOST = b"host"
_PORT = re.compile(rb":\d*$")
_PROJECT = b"openai-project"
_UNREADABLE_PROJECT = "unreadable"
"""Stands for a value of the project header that can't be a project's id."""
TrackedHeaders = Mapping[bytes, RouteHeader | None]
"""Request headers that are read, by name in lower case; one that routes a gateway has its catalogue entry."""
TRACKED_HEADERS: TrackedHeaders = {_HOST: None, _PROJECT: None}
"""Those that are read of every request."""


class ClientBaseUrl:
    """The base URL of an openai client.

    Attributes:
        url: the URL object that was read.
        parts: its parts, without credentials, query and fragment.
        shown: the parts as text, for telemetry.
    """

    __slots__ = ("parts", "shown", "url")

    def __init__(self, url: Any) -> None:
        """Read `url`, an `httpx.URL` or `httpx2.URL`."""
        self.url = url
        self.parts = BaseUrl(
            scheme=url.scheme,
            host=url.raw_host.decode("ascii", "replace"),
            port=url.port,
            path=url.raw_path.partition(b"?")[0].decode("ascii", "replace"),
        )
        self.shown = str(self.parts)


def client_base_url(client: Any, latest: ClientBaseUrl | None = None) -> ClientBaseUrl:
    """The base URL that `client` has right now; `latest` if that was read from the same object."""
    url = client.base_url
    return latest if latest is not None and latest.url is url else ClientBaseUrl(url)


class RoutingHeaders(NamedTuple):
    """What a request's headers, and its name in TLS, say of where it goes besides its URL."""

    host_header: str | None = None
    """`Host` header and SNI, as far as they name another host than the one that is dialled."""
    route: tuple[tuple[str, str], ...] = ()
    """Where a gateway is asked to send the request on to: kind and value."""
    project: str | None = None
    """The vendor's project that the request names."""


_NO_ROUTING = RoutingHeaders()


class RequestSnapshot:
    """A request as it was when it was judged.

    Attributes:
        request: the request itself.
        hop: where it goes.
        routing: what its headers say of that.
        body: what it sends, as `body_of` returns it.
    """

    __slots__ = ("_headers", "_url", "body", "hop", "request", "routing")

    def __init__(self, request: Any, tracked: TrackedHeaders, *, redirected: bool = False) -> None:
        """Read `request` and those of its headers that are `tracked`."""
        self.request = request
        self._url = request.url
        self._headers = request.headers.raw
        self.routing = read_routing_headers(request, self._headers, tracked)
        self.hop = read_hop(request, self.routing, redirected=redirected)
        self.body = body_of(request)

    def is_unchanged(self, request: Any, tracked: TrackedHeaders) -> bool:
        """Whether `request` is this one, and would be read the same.

        Hooks, auth flows and transports may change a request between the moment when it was built and the
        moment when it is sent. The URL and the body are replaced as objects, so identity is enough; headers
        are changed in place, so they are compared.
        """
        if request is not self.request or request.url is not self._url:
            return False
        if TARGET in request.extensions or body_of(request) is not self.body:
            return False
        headers = request.headers.raw
        if headers == self._headers and not request.extensions.get(NAME_IN_TLS):
            return True
        return read_routing_headers(request, headers, tracked) == self.routing


def read_routing_headers(
    request: Any, headers: list[tuple[bytes, bytes]], tracked: TrackedHeaders = TRACKED_HEADERS
) -> RoutingHeaders:
    """Read those of the `headers` of `request` that are `tracked`, and its name in TLS."""
    found = [(key, value) for name, value in headers if (key := name.lower()) in tracked]
    if found == [(_HOST, request.url.netloc)] and not request.extensions.get(NAME_IN_TLS):
        return _NO_ROUTING
    other_names = _other_names(request, [value for key, value in found if key == _HOST])
    projects = [value for key, value in found if key == _PROJECT]
    routes = [(header, value) for key, value in found if (header := tracked[key]) is not None]
    return RoutingHeaders(
        host_header=b", ".join(other_names).decode("latin-1") if other_names else None,
        route=tuple(_route(header, value.decode("latin-1").strip()) for header, value in routes),
        project=_project(projects) if projects else None,
    )


def _project(values: list[bytes]) -> str:
    name = values[0].decode("latin-1")
    readable = len(values) == 1 and len(name) <= HEADER_LIMIT and name.isprintable()
    return name if readable else _UNREADABLE_PROJECT


def _route(header: RouteHeader, text: str) -> tuple[str, str]:
    """Kind and value of a routing header; a value that can't be read is a rule whose effect is unknown."""
    value = host_of(text) if header.shows == "upstream" else text
    if header.shows == "rules" or not value or len(value) > HEADER_LIMIT or not value.isprintable():
        return "rules", header.header
    return header.shows, value


def read_hop(request: Any, routing: RoutingHeaders, *, redirected: bool = False) -> Hop:
    """Where `request` goes, by the parts of its URL object, since URL parsers differ."""
    url = request.url
    payload = request.method in WITH_BODY
    if redirected and payload:
        headers = request.headers
        payload = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return Hop(
        scheme=url.scheme,
        host=url.raw_host.decode("ascii"),
        port=url.port,
        path=_bytes(request.extensions.get(TARGET, url.raw_path)).partition(b"?")[0].decode("ascii"),
        host_header=routing.host_header,
        payload=payload,
        redirected=redirected,
        route=routing.route,
    )


def read_hosts(request: Any) -> list[str]:
    """The host that `request` dials, and those that its `Host` header and SNI name."""
    values = [value for name, value in request.headers.raw if name.lower() == _HOST]
    other_names = (_PORT.sub(b"", name).decode("latin-1") for name in _other_names(request, values))
    return [request.url.raw_host.decode("ascii"), *other_names]


def host_of(url: str) -> str:
    """The host of a URL in a header, and nothing else of it."""
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname or ""
    except ValueError:
        return ""


def _other_names(request: Any, values: list[bytes]) -> list[bytes]:
    """Those of the `Host` headers `values`, and of SNI, that are not the host that `request` dials."""
    url = request.url
    in_tls = request.extensions.get(NAME_IN_TLS)
    # httpx writes a hyphen in SNI for an underscore, which no name in a certificate has.
    if in_tls and _bytes(in_tls) != url.raw_host.replace(b"_", b"-"):
        values = [*values, _bytes(in_tls)]
    if not values or values == [url.netloc]:
        return []
    host, port = _canonical(url.raw_host), b":%d" % (url.port or DEFAULT_PORTS.get(url.scheme, 0))
    return [name for name in values if host not in (_canonical(name), _canonical(name.removesuffix(port)))]


def _canonical(name: bytes) -> str:
    return canonical_host(name.decode("latin-1"))


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


class SendingHop:
    """A block in which a hop is sent: requests that the HTTP client makes for it are not judged again."""

    __slots__ = ("_before", "_hop", "_inner", "_outer")

    def __init__(self, hop: Hop | None, context: Context | None) -> None:
        """Send `hop`, `None` for any host, with `context` as the current one, if it is not already."""
        self._hop = hop
        self._inner = context

    def __enter__(self) -> None:
        hop = self._hop
        self._before = current_hop.get()
        current_hop.set(ANY_HOST if hop is None else (hop.host, hop.host_header))
        if self._inner is not None:
            self._outer = otel_context.get_current()
            otel_context.attach(self._inner)

    def __exit__(self, *_: object) -> None:
        current_hop.set(self._before)
        if self._inner is not None:
            otel_context.attach(self._outer)


def builds_plainly(http_client: Any) -> bool:
    """Whether `http_client` builds requests as httpx does; a subclass may change the body."""
    build = getattr(type(http_client), "build_request", None)
    return id(build) in runtime.patched.builders and "build_request" not in vars(http_client)


def body_of(request: Any) -> Any:
    """What `request` sends: its bytes where they are at hand, else its stream, which is not read.

    The object stays the same as long as the body does. Requests of other HTTP clients than httpx give `None`.
    """
    stream: Any = getattr(request, "stream", None)
    if type(stream) in runtime.patched.byte_streams:
        (stream,) = stream
    return stream
