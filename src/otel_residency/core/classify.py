"""Host to region, path to endpoint. Exact values and whole labels only; what is not known stays unknown."""

import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from ipaddress import IPv4Address, IPv6Address, ip_address
from string import ascii_lowercase, ascii_uppercase
from typing import Literal, NamedTuple, TypeVar

from otel_residency.core.catalogue import Catalogue, path_segments
from otel_residency.core.entries import Endpoint, Host, HostPattern, Sender
from otel_residency.core.policy import ConfiguredHost

T = TypeVar("T")

UNKNOWN = "unknown"
VENDOR = "openai"

HostKind = Literal[
    "listed", "configured", "bogus", "lookalike", "loopback", "local", "control-plane", "unknown"
]


class HostMatch(NamedTuple):
    """What a host name proves."""

    host: str
    kind: HostKind
    provider: str = UNKNOWN
    regions: tuple[str, ...] = ()
    """Regions that the host may stand for; exactly one when it is known."""
    note: str = ""
    configured: ConfiguredHost | None = None
    loopback: bool = False
    to_configure: str = ""
    """Provider to begin with in a policy, which alone can tell the region; empty where it can't."""
    link: bool = False
    """The region is that of a private link; that of the project behind it does not show."""
    port: int | None = None
    """`None` is the default port."""

    @property
    def vendors(self) -> bool:
        """Whether it is a host of the vendor's own API, by the catalogue."""
        return self.kind == "listed" and self.provider == VENDOR

    @property
    def place(self) -> str:
        """The host, with its port unless that is the default."""
        return with_port(self.host, self.port)

    @property
    def region(self) -> str:
        """The region, or `unknown`."""
        return self.regions[0] if len(self.regions) == 1 else UNKNOWN


class EndpointMatch(NamedTuple):
    """What a path is."""

    template: str
    """The endpoint with ids templated, or `unknown`."""
    segments: tuple[str, ...]
    """Segments of the path as the vendor's tables write it (below /v1); empty if it is no such path."""
    endpoint: Endpoint | None = None
    content: bool = True
    deployment: str | None = None
    sender: Sender | None = None
    """The program that is known to send its prompts to this host and path."""


_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def canonical_host(host: str) -> str:
    """Lower case, no brackets around an address, no trailing dot. Two trailing dots stay: no such host.

    Only plain letters are lowered: the lower case of a Kelvin sign is a plain k, and it is another host.
    """
    name = host.translate(_LOWER)
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    return name.removesuffix(".")


def with_port(host: str, port: int | None) -> str:
    """Host and port as a URL has them; the host alone where `port` is `None`, the default one."""
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def match_host(
    catalogue: Catalogue,
    configured: Mapping[str, ConfiguredHost],
    host: str,
    port: int | None,
    on: date,
) -> HostMatch:
    """Look `host` up; a host that the catalogue lists can't be given another region by a policy."""
    return _match(catalogue, configured, canonical_host(host), port, on)._replace(port=port)


def _match(
    catalogue: Catalogue,
    configured: Mapping[str, ConfiguredHost],
    name: str,
    port: int | None,
    on: date,
) -> HostMatch:
    listed = catalogue.hosts.get(name)
    if listed is not None and listed.kind != "loopback":
        return _listed(listed, on)
    if bogus := catalogue.bogus_hosts.get(name):
        return HostMatch(name, bogus.status, note=bogus.truth)
    address = _address(name)
    network = _network_kind(catalogue, address) if address is not None else None
    loopback = listed is not None or network == "loopback"
    own = configured_for(configured, name, port)
    if own is not None:
        return HostMatch(name, "configured", own.provider, (own.region,), "", own, loopback)
    if loopback:
        return HostMatch(name, "loopback", loopback=True, to_configure=VENDOR)
    if address is not None:
        kind: HostKind = "local" if network else "unknown"
        return HostMatch(name, kind, note="an address names no region", to_configure=VENDOR)
    return _by_shape(catalogue, name)


def configured_for(configured: Mapping[str, T], name: str, port: int | None) -> T | None:
    """What is configured for the canonical host `name` and this port, else for the host alone."""
    own = configured.get(with_port(name, port))
    return configured.get(name) if own is None else own


def is_loopback(catalogue: Catalogue, name: str) -> bool:
    """Whether the canonical host `name` never leaves the machine."""
    listed = catalogue.hosts.get(name)
    if listed is not None:
        return listed.kind == "loopback"
    address = _address(name)
    return address is not None and _network_kind(catalogue, address) == "loopback"


def _by_shape(catalogue: Catalogue, name: str) -> HostMatch:
    """A member of a family of hosts, an imitation, or neither; foreign letters are looked at first."""
    plain = name.isascii() and "xn--" not in name
    original = None if plain else lookalike_of(catalogue, name)
    if original is None:
        for pattern, labels in catalogue.patterns:
            if matches(labels, name.split(".")):
                kind: HostKind = "local" if pattern.kind == "local" else "listed"
                regions = pattern.regions or _labelled(catalogue, pattern, labels, name)
                ours = pattern.behind or (pattern.provider if pattern.region_from == "policy" else "")
                return HostMatch(
                    name, kind, pattern.provider, regions, pattern.notes or "", to_configure=ours
                )
        original = lookalike_of(catalogue, name)
    if original is None:
        return HostMatch(name, "unknown", to_configure=VENDOR)
    return HostMatch(name, "lookalike", note=f"it resembles {original} and is another host")


def _labelled(
    catalogue: Catalogue, pattern: HostPattern, labels: tuple[str, ...], name: str
) -> tuple[str, ...]:
    """The region that a label names, where the cloud documents that it does."""
    if pattern.region_from != "label":
        return ()
    named = next(pair for pair in zip(labels, name.split("."), strict=True) if "{" in pair[0])
    before, _, rest = named[0].partition("{")
    names, _, after = rest.partition("}")
    region = catalogue.cloud_regions.get((names, named[1][len(before) : len(named[1]) - len(after)]))
    return (region,) if region else ()


def _listed(host: Host, on: date) -> HostMatch:
    if host.kind in ("control-plane", "not-api"):
        kind: HostKind = "control-plane" if host.kind == "control-plane" else "unknown"
        return HostMatch(host.host, kind, host.provider, note=host.notes or "")
    link = host.kind == "azure-private-link"
    for period in host.periods:
        if (period.since or date.min) <= on <= (period.until or date.max):
            return HostMatch(host.host, "listed", host.provider, period.regions, period.why, link=link)
    return HostMatch(host.host, "listed", host.provider, host.regions, host.notes or "", link=link)


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(name.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _network_kind(catalogue: Catalogue, address: IPv4Address | IPv6Address) -> str | None:
    for network, kind in catalogue.networks:
        if address in network:
            return kind
    return None


def matches(pattern: tuple[str, ...], labels: list[str]) -> bool:
    """Whether a host of these labels belongs to the family that the labels of `pattern` describe."""
    if pattern[0] == "*":
        rest = pattern[1:]
        return len(labels) > len(rest) and tuple(labels[-len(rest) :]) == rest and all(labels)
    return len(pattern) == len(labels) and all(
        map(_label_matches, pattern, labels),
    )


def _label_matches(pattern: str, label: str) -> bool:
    if "{" not in pattern:
        return pattern == label
    before, _, rest = pattern.partition("{")
    after = rest.partition("}")[2]
    return len(label) > len(before) + len(after) and label.startswith(before) and label.endswith(after)


def lookalike_of(catalogue: Catalogue, name: str) -> str | None:
    """The listed host that `name` imitates: other letters, other dots and hyphens, or a foreign ending."""
    skeleton = _skeleton(catalogue, name)
    squashed = _squash(skeleton)
    labels = skeleton.split(".")
    for listed, entry in catalogue.hosts.items():
        if entry.kind == "loopback":
            continue
        own = _skeleton(catalogue, listed)
        if skeleton == own or squashed == _squash(own):
            return listed
        parts = own.split(".")
        size = len(parts)
        if size > 2 and labels[:-1] == parts[:-1]:  # noqa: PLR2004 - two labels are anybody's name
            return listed
        if any(labels[at : at + size] == parts for at in range(len(labels) - size)):
            return listed
    return None


def _skeleton(catalogue: Catalogue, name: str) -> str:
    letters = unicodedata.normalize("NFKC", ".".join(map(_readable, name.split(".")))).casefold()
    return letters.translate(catalogue.confusables)


def _readable(label: str) -> str:
    if label.startswith("xn--"):
        with suppress(UnicodeError):
            return label.encode("ascii").decode("idna")
    return label


def _squash(skeleton: str) -> str:
    return skeleton.replace(".", "").replace("-", "")


_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def normal_path(path: str) -> str:
    """`path` in the normal form of RFC 3986, 6.2.2: escapes of plain letters read, dot segments applied.

    Empty segments stay: whether a server ignores them is not known.
    """

    def read(escape: re.Match[str]) -> str:
        letter = chr(int(escape[1], 16))
        return letter if letter in _UNRESERVED else escape[0].upper()

    kept: list[str] = []
    segments = path_segments(_ESCAPE.sub(read, path))
    for segment in segments:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def match_endpoint(
    catalogue: Catalogue, provider: str, method: str, path: str, gateway_base: str | None = None
) -> EndpointMatch:
    """Look a raw path up. `gateway_base` is the base path of a configured host, if it is one."""
    segments = path_segments(normal_path(path))
    deployment = None
    for base, _ in catalogue.base_paths(provider):
        found = _strip(base, segments)
        if found is not None:
            rest, deployment = found
            break
    else:
        own = path_segments(normal_path(gateway_base.rstrip("/"))) if gateway_base else None
        stripped = _strip(() if own == ("",) else own, segments) if own is not None else None
        if stripped is None:
            return EndpointMatch(UNKNOWN, ())
        rest = stripped[0]
    below = ("v1", *rest)
    endpoint = catalogue.endpoint(below)
    content = not any(
        (entry.method in ("*", method)) and _content_free(path_segments(entry.path), below, deep=entry.below)
        for entry in catalogue.entries.without_content
    )
    return EndpointMatch(endpoint.path if endpoint else UNKNOWN, below, endpoint, content, deployment)


def _strip(base: tuple[str, ...], segments: tuple[str, ...]) -> tuple[tuple[str, ...], str | None] | None:
    if len(segments) <= len(base):
        return None
    deployment = None
    for expected, actual in zip(base, segments, strict=False):
        if expected.startswith("{") and actual:
            deployment = actual
        elif expected != actual:
            return None
    return segments[len(base) :], deployment


def _content_free(path: tuple[str, ...], segments: tuple[str, ...], *, deep: bool) -> bool:
    if deep:
        return segments[: len(path)] == path and all(segments)
    return len(path) == len(segments) and all(
        expected == actual or (expected.startswith("{") and bool(actual))
        for expected, actual in zip(path, segments, strict=True)
    )


def match_sender(catalogue: Catalogue, host: str, path: str) -> tuple[str, Sender] | None:
    """The path with its ids as placeholders, and the program known to send prompts to it at this host."""
    paths = catalogue.senders.get(canonical_host(host))
    if paths is None:
        return None
    segments = path_segments(normal_path(path))
    for pattern, sender in paths:
        if len(pattern) == len(segments) and all(map(_segment_matches, pattern, segments)):
            return "/" + "/".join(pattern), sender
    return None


def _segment_matches(pattern: str, segment: str) -> bool:
    return bool(segment) if pattern.startswith("{") else pattern == segment
