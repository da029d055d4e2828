"""The hosts that an exporter's endpoint names, as exporters over HTTP and over gRPC write it."""

import re
from urllib.parse import unquote, urlsplit

# The schemes of gRPC's names (https://grpc.github.io/grpc/core/md_doc_naming.html), which takes `dns` for a
# target without one. Others ask a service of their own where to send to.
_LOCAL = ("unix", "unix-abstract")
_LISTS = ("ipv4", "ipv6")
_NAMES = ("dns", "passthrough")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(?!\d+(?:[/,]|\Z))", re.IGNORECASE)
"""A scheme; what a port follows is a host."""
_AUTHORITY = re.compile(r"//[^/]*/")

Target = tuple[str, int | None]
"""A host and its port, if one is named."""


def read_targets(endpoint: str) -> tuple[Target, ...]:
    """Every host that `endpoint` names; `()` if one of them can't be read."""
    text = endpoint.strip()
    found = _SCHEME.match(text)
    scheme, rest = (found[1].lower(), text[found.end() :]) if found else ("", text)
    if scheme in _LOCAL:
        return (("localhost", None),)
    if scheme in (*_LISTS, *_NAMES):
        # `dns://authority/name`: the authority is the name server.
        rest = unquote(_AUTHORITY.sub("", rest)).lstrip("/")
    elif scheme and not rest.startswith("//"):
        return ()
    elif scheme:
        return _known([_read(text)])
    return _known([_read(f"//{name}") for name in rest.removeprefix("//").split(",")])


def _known(targets: list[Target | None]) -> tuple[Target, ...]:
    known = tuple(target for target in targets if target is not None)
    return known if len(known) == len(targets) else ()


def _read(url: str) -> Target | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    return (host, port) if host else None
