"""Where a request goes, by its URL, its headers and its name in TLS."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from otel_residency.core.classify import canonical_host
from otel_residency.core.entries import RouteHeader
from otel_residency.core.facts import DEFAULT_PORTS, Hop

WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
"""Methods of requests that carry one."""
_HOST = b"host"
_PORT = re.compile(rb":\d*$")
TARGET = "target"
"""Extension of a request that the HTTP libraries send in the place of its path."""
NAME_IN_TLS = "sni_hostname"
"""Extension of a request with the host that the certificate is asked of."""
HEADER_LIMIT = 128
"""Characters of a header that tell something; longer is no name and no host."""
_PROJECT = b"openai-project"
_NO_PROJECT = "unreadable"
"""In the place of a project that can't be one."""
TrackedHeaders = Mapping[bytes, RouteHeader | None]
"""Request headers that are read, by name as on the wire; what tells a gateway of its way on has an entry."""
TRACKED_HEADERS: TrackedHeaders = {_HOST: None, _PROJECT: None}
"""Those that are read of every request."""


class RoutingHeaders(NamedTuple):
    """What a request says of where it is to go, besides its URL."""

    host_header: str | None = None
    """Its `Host` header and its name in TLS, as far as they name another host than it dials."""
    route: tuple[tuple[str, str], ...] = ()
    """What it tells a gateway of where to send it on to."""
    project: str | None = None
    """The vendor's project that it names."""


_NOTHING = RoutingHeaders()


def read_routing_headers(
    request: Any, headers: list[tuple[bytes, bytes]], tracked_headers: TrackedHeaders = TRACKED_HEADERS
) -> RoutingHeaders:
    """Read those of the `headers` of `request` that are `tracked_headers`, and its name in TLS."""
    found = [(key, value) for name, value in headers if (key := name.lower()) in tracked_headers]
    if found == [(_HOST, request.url.netloc)] and not request.extensions.get(NAME_IN_TLS):
        return _NOTHING
    others = _other_names(request, [value for key, value in found if key == _HOST])
    projects = [value for key, value in found if key == _PROJECT]
    routes = [(header, value) for key, value in found if (header := tracked_headers[key]) is not None]
    return RoutingHeaders(
        b", ".join(others).decode("latin-1") if others else None,
        tuple(_told(header, value.decode("latin-1").strip()) for header, value in routes),
        _project(projects) if projects else None,
    )


def _project(named: list[bytes]) -> str:
    name = named[0].decode("latin-1")
    return name if len(named) == 1 and len(name) <= HEADER_LIMIT and name.isprintable() else _NO_PROJECT


def read_hop(request: Any, said: RoutingHeaders, *, redirected: bool = False) -> Hop:
    """Where `request`, of either HTTP library, goes: by its own word, since parsers differ."""
    url = request.url
    payload = request.method in WITH_BODY
    if redirected and payload:
        headers = request.headers
        payload = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return Hop(
        url.scheme,
        url.raw_host.decode("ascii"),
        url.port,
        _bytes(request.extensions.get(TARGET, url.raw_path)).partition(b"?")[0].decode("ascii"),
        said.host_header,
        payload,
        redirected,
        said.route,
    )


def _told(header: RouteHeader, text: str) -> tuple[str, str]:
    """Kind and value; what can't be read is a rule that is not known."""
    value = host_of(text) if header.shows == "upstream" else text
    if header.shows == "rules" or not value or len(value) > HEADER_LIMIT or not value.isprintable():
        return "rules", header.header
    return header.shows, value


def host_of(url: str) -> str:
    """The host of a URL that a header names, and nothing else of it."""
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname or ""
    except ValueError:
        return ""


def read_hosts(request: Any) -> list[str]:
    """The host that `request` dials, and those that it names besides."""
    named = [value for name, value in request.headers.raw if name.lower() == _HOST]
    others = (_PORT.sub(b"", name).decode("latin-1") for name in _other_names(request, named))
    return [request.url.raw_host.decode("ascii"), *others]


def _other_names(request: Any, named: list[bytes]) -> list[bytes]:
    """Those of the hosts `named`, and its name in TLS, that are not the host that `request` dials."""
    url = request.url
    in_tls = request.extensions.get(NAME_IN_TLS)
    # The client writes a hyphen there for an underscore, which no name in a certificate has.
    if in_tls and _bytes(in_tls) != url.raw_host.replace(b"_", b"-"):
        named = [*named, _bytes(in_tls)]
    if not named or named == [url.netloc]:
        return []
    host, port = _plain(url.raw_host), b":%d" % (url.port or DEFAULT_PORTS.get(url.scheme, 0))
    return [name for name in named if host not in (_plain(name), _plain(name.removesuffix(port)))]


def _plain(name: bytes) -> str:
    return canonical_host(name.decode("latin-1"))


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
