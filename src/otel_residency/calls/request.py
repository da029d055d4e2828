"""A request that is about to be sent: where it goes, what it sends, and whether it has changed."""

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from otel_residency.calls.context import ANY_HOST, current_hop
from otel_residency.core.base_url import BaseUrl
from otel_residency.core.cut import MARK, PATH_LIMIT, TEXT_LIMIT, cut
from otel_residency.core.entries import RouteHeader
from otel_residency.core.facts import DEFAULT_PORTS, Hop
from otel_residency.core.hosts import canonical_host
from otel_residency.core.interruption import reraise_interruption
from otel_residency.runtime.runtime import runtime

WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
"""Methods of requests that carry a body."""
EXTENSION = "otel_residency.call"
"""Key of the call in a request's extensions; httpx copies it to the requests of redirects."""
HEADER_LIMIT = 128
"""Characters of a header value that are read; longer text is no name and no host."""
_MOST_ROUTES = 16
"""Different routing headers of one request that are kept."""
TARGET = "target"
"""Extension of a request that httpcore sends in place of its path."""
NAME_IN_TLS = "sni_hostname"
"""Extension of a request with the host that the certificate is asked of."""
_HOST = b"host"
# The digits may be missing: "host:" is a valid authority (RFC 3986, 3.2.3).
_PORT = re.compile(rb":\d*$")
_LENGTH, _ENCODING = b"content-length", b"transfer-encoding"
_PROJECT = b"openai-project"
_UNREADABLE_PROJECT = "unreadable"
"""Stands for a value of the project header that can't be a project's id."""
TrackedHeaders = Mapping[bytes, RouteHeader | None]
"""Request headers that are read, by name in lower case; one that routes a gateway has its catalogue entry."""
TRACKED_HEADERS: TrackedHeaders = {_HOST: None, _PROJECT: None}
"""Those that are read of every request."""
# Anything else could break a log line, an exporter or a ledger: control characters, lone surrogates, letters
# that look like others.
_FOREIGN = re.compile(r"[^ -~]")


def foreign_text(value: Any, limit: int = TEXT_LIMIT) -> str | None:
    """What is kept of a text that a stranger wrote: cut, and in printable ASCII.

    `None` for an empty text, or no text.
    """
    if not isinstance(value, str) or not value:
        return None
    if len(value) <= limit and value.isascii() and value.isprintable():  # nearly every text
        return value
    return _FOREIGN.sub(MARK, cut(value, limit))


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
            # `raw_host`, since `host` decodes IDNA: httpx dials `raw_host`, and that is what counts.
            host=cut(url.raw_host.decode("ascii", "replace")),
            port=url.port,
            path=cut(url.raw_path.partition(b"?")[0].decode("ascii", "replace"), PATH_LIMIT),
        )
        self.shown = str(self.parts)


def client_base_url(client: Any, latest: ClientBaseUrl | None = None) -> ClientBaseUrl:
    """The base URL that `client` has right now; `latest` if that was read from the same object."""
    # Read once: in openai 3.57.0 the property imports a module each time it is read.
    url = client.base_url
    # By identity: the setter of openai 3.57.0 replaces the URL object, and no property of a URL of httpx can
    # be set (tests/calls/test_clients.py, test_a_base_url_that_is_changed_later).
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
        # `raw` of httpx 0.28.1 makes a new list of tuples each time, so this is a copy that later changes do
        # not reach.
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
        # With a `target` httpcore sends that in place of the path (httpcore 1.0.9, `Request.__init__`), so
        # the URL no longer says what is sent (tests/calls/test_hops.py,
        # test_the_target_that_is_sent_is_judged).
        if TARGET in request.extensions or body_of(request) is not self.body:
            return False
        # Compared by value, and `!=` of two `Headers` objects will not do: it sorts both lists, and knows no
        # order of two Host headers.
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
        # latin-1, here and below: a header is bytes of any value, and this codec decodes each of them to one
        # letter and never fails. A host that is written in another encoding matches nothing.
        host_header=foreign_text(b", ".join(other_names).decode("latin-1")) if other_names else None,
        route=_routes(routes) if routes else (),
        project=_project(projects) if projects else None,
    )


def _project(values: list[bytes]) -> str:
    name = values[0].decode("latin-1")
    # Two project headers: servers differ in which one they take. Unprintable text could break a log line
    # (tests/calls/test_gateways.py, test_what_is_no_project_is_not_recorded).
    readable = len(values) == 1 and foreign_text(name, HEADER_LIMIT) == name
    return name if readable else _UNREADABLE_PROJECT


def _routes(found: list[tuple[RouteHeader, bytes]]) -> tuple[tuple[str, str], ...]:
    """The routing headers, each once. Of one too many the effect is unknown, as of rules."""
    routes = dict.fromkeys(_route(header, value.decode("latin-1").strip()) for header, value in found)
    if len(routes) <= _MOST_ROUTES:
        return tuple(routes)
    return (*islice(routes, _MOST_ROUTES), ("rules", found[-1][0].header))


def _route(header: RouteHeader, text: str) -> tuple[str, str]:
    """Kind and value of a routing header; a value that can't be read is a rule whose effect is unknown."""
    value = host_of(text) if header.shows == "upstream" else text
    # Of rules the name alone: the value may hold keys of the gateway (tests/calls/test_gateways.py,
    # test_rules_and_keys_of_a_gateway_are_not_recorded).
    if header.shows == "rules" or not value or foreign_text(value, HEADER_LIMIT) != value:
        return "rules", header.header
    return header.shows, value


def read_hop(request: Any, routing: RoutingHeaders, *, redirected: bool = False) -> Hop:
    """Where `request` goes, by the parts of its URL object, since URL parsers differ."""
    url = request.url
    host = url.raw_host.decode("ascii")
    path = _bytes(request.extensions.get(TARGET, url.raw_path)).partition(b"?")[0].decode("ascii")
    payload = request.method in WITH_BODY
    # A GET may have a body, too. httpx 0.28.1 drops body and headers where a redirect turns the method into
    # GET; a 307 or 308 keeps the method, and the body if there was one (`_redirect_headers`,
    # `_redirect_stream`).
    if redirected or not payload:
        payload = _has_body(request)
    return Hop(
        scheme=url.scheme,
        # ASCII always: httpx encodes names by IDNA (`encode_host`), so a letter of another script is seen as
        # it is dialled (tests/calls/test_cases.py, test_hosts_are_judged_as_they_are_dialled). Names that are
        # longer than 253 letters resolve nowhere, but a redirect may lead to one.
        host=host if len(host) <= TEXT_LIMIT else cut(host),
        port=url.port,
        path=path if len(path) <= PATH_LIMIT else cut(path, PATH_LIMIT),
        host_header=routing.host_header,
        payload=payload,
        redirected=redirected,
        route=routing.route,
    )


def _has_body(request: Any) -> bool:
    """Whether the request announces a body, or has one: over HTTP/2 it needs no headers for it."""
    for name, value in request.headers.raw:
        key = name.lower()
        if key == _ENCODING or (key == _LENGTH and value.strip() != b"0"):
            return True
    return getattr(request, "has_body", False) or body_of(request) not in (None, b"")


def read_hosts(request: Any) -> list[str]:
    """The host that `request` dials, and those that its `Host` header and SNI name."""
    values = [value for name, value in request.headers.raw if name.lower() == _HOST]
    other_names = (_PORT.sub(b"", name).decode("latin-1") for name in _other_names(request, values))
    return [cut(name) for name in (request.url.raw_host.decode("ascii"), *other_names)]


def host_of(url: str) -> str:
    """The host of a URL in a header, and nothing else of it."""
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname or ""
    except ValueError:
        reraise_interruption()
        return ""


def _other_names(request: Any, values: list[bytes]) -> list[bytes]:
    """Those of the `Host` headers `values`, and of SNI, that are not the host that `request` dials."""
    url = request.url
    in_tls = request.extensions.get(NAME_IN_TLS)
    # Releases of openai before 3 write a hyphen in SNI for an underscore (`_build_request`), since no name in
    # a certificate has one.
    if in_tls and _bytes(in_tls) != url.raw_host.replace(b"_", b"-"):
        values = [*values, _bytes(in_tls)]
    if not values or values == [url.netloc]:
        return []
    # A Host header may name the default port or leave it out, in any letter case
    # (tests/patches/test_install.py, test_another_spelling_is_no_other_name).
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
        self._before = current_hop.get()
        if context is not None:
            self._outer = otel_context.get_current()

    def __enter__(self) -> None:
        hop = self._hop
        current_hop.set(ANY_HOST if hop is None else (hop.host, hop.host_header))
        if self._inner is not None:
            otel_context.attach(self._inner)

    def restore(self, *_: object) -> None:
        """Leave the block; also where a signal handler raised in here, or before the block was entered."""
        # Put back without a token, as `calls.context` explains.
        current_hop.set(self._before)
        if self._inner is not None:
            otel_context.attach(self._outer)

    __exit__ = restore


def builds_plainly(http_client: Any) -> bool:
    """Whether `http_client` builds requests as httpx does; a subclass may change the body."""
    # By id: a wrapper of wrapt 2.5 equals what it wraps (`ObjectProxy.__eq__`), and its wrapped function may
    # replace the body (tests/calls/test_batches.py,
    # test_an_upload_by_another_http_client_is_not_remembered).
    build = getattr(type(http_client), "build_request", None)
    return id(build) in runtime.patched.builders and "build_request" not in vars(http_client)


def body_of(request: Any) -> Any:
    """What `request` sends: its bytes where they are at hand, else its stream, which is not read.

    The object stays the same as long as the body does. Requests of other HTTP clients than httpx give `None`.
    """
    stream: Any = getattr(request, "stream", None)
    # The exact class: a subclass may yield something else than it holds. Other streams, such as files and
    # generators, can be read only once, and the request has to read them.
    if type(stream) in runtime.patched.byte_streams:
        # `ByteStream` of httpx 0.28.1 yields the very bytes object that it was given, so identity tells a
        # replaced body.
        (stream,) = stream
    return stream
