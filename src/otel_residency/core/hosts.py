"""The region of a host, by the catalogue and the policy.

Hosts are matched by exact names and whole labels. A part of a name proves nothing: anybody can register
`eu.api.openai.com.example`.
"""

import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from ipaddress import IPv4Address, IPv6Address, ip_address
from string import ascii_lowercase, ascii_uppercase
from typing import Literal, NamedTuple, TypeVar

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.host_entries import Host, HostPattern
from otel_residency.core.interruption import reraise_interruption
from otel_residency.core.policy import ConfiguredHost
from otel_residency.core.regions import UNKNOWN

T = TypeVar("T")

VENDOR = "openai"

HostKind = Literal[
    "listed", "configured", "bogus", "lookalike", "loopback", "local", "control-plane", "unknown"
]


class HostMatch(NamedTuple):
    """What the catalogue and the policy say about a host."""

    host: str
    kind: HostKind
    provider: str = UNKNOWN
    regions: tuple[str, ...] = ()
    """Regions that the host may belong to; exactly one when its region is known."""
    note: str = ""
    configured: ConfiguredHost | None = None
    loopback: bool = False
    to_configure: str = ""
    """Provider to suggest for the policy, where only the policy can name the region; else empty."""
    link: bool = False
    """The host is a private link: its region is not necessarily that of the project behind it."""
    port: int | None = None
    """`None` for the default port."""

    @property
    def vendors(self) -> bool:
        """Whether the catalogue lists it as a host of the vendor's API."""
        return self.kind == "listed" and self.provider == VENDOR

    @property
    def place(self) -> str:
        """The host, with its port unless that is the default."""
        return with_port(self.host, self.port)

    @property
    def region(self) -> str:
        """The region, or `unknown`."""
        return self.regions[0] if len(self.regions) == 1 else UNKNOWN


_LONGEST = 253
"""Characters of the longest name that there can be (RFC 1035, 2.3.4)."""
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def canonical_host(host: str) -> str:
    """`host` in lower case, without brackets around an address and without one trailing dot."""
    # Only ASCII letters are lowered. `str.lower` makes a plain k of a Kelvin sign (U+212A), which would turn
    # an imitation into the listed host. Of two trailing dots one stays: such a name does not resolve.
    name = host.translate(_LOWER)
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    return name.removesuffix(".")


def with_port(host: str, port: int | None) -> str:
    """Host and port as in a URL; the host alone where `port` is `None`, the default."""
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
    """Look up `host`. A policy can't give another region to a host that the catalogue lists."""
    return _match(catalogue, configured, canonical_host(host), port, on)._replace(port=port)


def _match(
    catalogue: Catalogue,
    configured: Mapping[str, ConfiguredHost],
    name: str,
    port: int | None,
    on: date,
) -> HostMatch:
    listed = catalogue.hosts.get(name)
    # Equality of whole names first, and before the policy: a part of a name proves nothing, and a policy
    # can't move what the vendor documents. A loopback name is the exception, since a gateway may listen
    # there.
    if listed is not None and listed.kind != "loopback":
        return _listed(listed, on)
    if bogus := catalogue.bogus_hosts.get(name):
        return HostMatch(name, bogus.status, note=bogus.truth)
    address = _address(name)
    network = _network_kind(catalogue, address) if address is not None else None
    loopback = listed is not None or network == "loopback"
    entry = configured_for(configured, name, port)
    if entry is not None:
        return HostMatch(
            host=name,
            kind="configured",
            provider=entry.provider,
            regions=(entry.region,),
            configured=entry,
            loopback=loopback,
        )
    if loopback:
        return HostMatch(host=name, kind="loopback", loopback=True, to_configure=VENDOR)
    if address is not None:
        kind: HostKind = "local" if network else "unknown"
        note = "the region of an address is not known"
        return HostMatch(host=name, kind=kind, note=note, to_configure=VENDOR)
    return _by_shape(catalogue, name)


def configured_for(configured: Mapping[str, T], name: str, port: int | None) -> T | None:
    """The value configured for the canonical host `name` and this port, else for the host alone."""
    value = configured.get(with_port(name, port))
    return configured.get(name) if value is None else value


def is_loopback(catalogue: Catalogue, name: str) -> bool:
    """Whether requests to the canonical host `name` stay on this machine."""
    listed = catalogue.hosts.get(name)
    if listed is not None:
        return listed.kind == "loopback"
    address = _address(name)
    return address is not None and _network_kind(catalogue, address) == "loopback"


def _by_shape(catalogue: Catalogue, name: str) -> HostMatch:
    """A member of a family of hosts, a lookalike, or neither."""
    if len(name) > _LONGEST:
        return HostMatch(name, "bogus", note="no host name is as long as this one")
    # The placeholder of a family accepts any letters. Outside ASCII they may spell another host, for example
    # with full-width dots, so imitations are looked for first.
    plain = name.isascii() and "xn--" not in name
    original = None if plain else lookalike_of(catalogue, name)
    if original is None:
        for pattern, labels in catalogue.patterns:
            if matches(labels, name.split(".")):
                kind: HostKind = "local" if pattern.kind == "local" else "listed"
                regions = pattern.regions or _labelled(catalogue, pattern, labels, name)
                return HostMatch(
                    host=name,
                    kind=kind,
                    provider=pattern.provider,
                    regions=regions,
                    note=pattern.notes or "",
                    to_configure=pattern.behind
                    or (pattern.provider if pattern.region_from == "policy" else ""),
                )
        original = lookalike_of(catalogue, name)
    if original is None:
        return HostMatch(host=name, kind="unknown", to_configure=VENDOR)
    return HostMatch(host=name, kind="lookalike", note=f"it resembles {original} and is another host")


def _labelled(
    catalogue: Catalogue, pattern: HostPattern, labels: tuple[str, ...], name: str
) -> tuple[str, ...]:
    """The region of the cloud region that a label names."""
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
        return HostMatch(host=host.host, kind=kind, provider=host.provider, note=host.notes or "")
    regions, note = host.regions, host.notes or ""
    for period in host.periods:
        if (period.since or date.min) <= on <= (period.until or date.max):
            regions, note = period.regions, period.why
            break
    return HostMatch(
        host=host.host,
        kind="listed",
        provider=host.provider,
        regions=regions,
        note=note,
        link=host.kind == "azure-private-link",
    )


def _address(name: str) -> IPv4Address | IPv6Address | None:
    # Without the zone id of a link-local address, which names an interface of this machine.
    try:
        address = ip_address(name.partition("%")[0])
    except ValueError:
        reraise_interruption()
        return None
    # ::ffff:127.0.0.1 connects to 127.0.0.1, but is in no IPv4 network.
    return getattr(address, "ipv4_mapped", None) or address


def _network_kind(catalogue: Catalogue, address: IPv4Address | IPv6Address) -> str | None:
    for network, kind in catalogue.networks:
        if address in network:
            return kind
    return None


def matches(pattern: tuple[str, ...], labels: list[str]) -> bool:
    """Whether a host with these labels belongs to the family that `pattern` describes."""
    if pattern[0] == "*":
        rest = pattern[1:]
        # `all(labels)`: a name with an empty label does not resolve.
        return len(labels) > len(rest) and tuple(labels[-len(rest) :]) == rest and all(labels)
    return len(pattern) == len(labels) and all(map(_label_matches, pattern, labels))


def _label_matches(pattern: str, label: str) -> bool:
    if "{" not in pattern:
        return pattern == label
    before, _, rest = pattern.partition("{")
    after = rest.partition("}")[2]
    return len(label) > len(before) + len(after) and label.startswith(before) and label.endswith(after)


def lookalike_of(catalogue: Catalogue, name: str) -> str | None:
    """The listed host that `name` imitates: by similar letters, moved dots or hyphens, or another ending."""
    skeleton = _skeleton(catalogue, name)
    squashed = _squash(skeleton)
    labels = skeleton.split(".")
    for listed, entry in catalogue.hosts.items():
        if entry.kind == "loopback":
            continue
        original = _skeleton(catalogue, listed)
        if skeleton == original or squashed == _squash(original):
            return listed
        parts = original.split(".")
        size = len(parts)
        if size > 2 and labels[:-1] == parts[:-1]:  # noqa: PLR2004 - a name of two labels is too common
            return listed
        if any(labels[at : at + size] == parts for at in range(len(labels) - size)):
            return listed
    return None


def _skeleton(catalogue: Catalogue, name: str) -> str:
    # NFKC, as IDNA maps letters: full-width letters and dots become plain ones.
    letters = unicodedata.normalize("NFKC", ".".join(map(_readable, name.split(".")))).casefold()
    return letters.translate(catalogue.confusables)


def _readable(label: str) -> str:
    if label.startswith("xn--"):
        with suppress(UnicodeError):
            # As an encoded name is shown to people: that is what an imitation looks like.
            return label.encode("ascii").decode("idna")
    return label


def _squash(skeleton: str) -> str:
    return skeleton.replace(".", "").replace("-", "")
