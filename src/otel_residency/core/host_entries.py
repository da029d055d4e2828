"""The entries about where requests and telemetry go: hosts, networks, and the regions of clouds.

The fields are the keys of the data files; named tuples, for the reason that `core.entries` gives.
"""

from datetime import date
from typing import Literal, NamedTuple

from otel_residency.core.revision import Strings


class HostPeriod(NamedTuple):
    """The regions of a host for some time. Several regions: the sources of that time disagree."""

    regions: Strings
    why: str
    since: date | None = None
    until: date | None = None


class Host(NamedTuple):
    """A host, matched by equality. Without regions its name does not show one."""

    host: str
    provider: str
    regions: Strings
    sources: Strings
    kind: Literal["api", "azure-private-link", "sip", "control-plane", "not-api", "loopback", "local"] = "api"
    since: date | None = None
    periods: tuple[HostPeriod, ...] = ()
    storage: str | None = None
    processing: str | None = None
    notes: str | None = None


class HostPattern(NamedTuple):
    """A family of hosts, matched on whole labels.

    `*` as the first label stands for one or more labels, `{name}` for one label or for the rest of a
    label after or before literal text.
    """

    pattern: str
    provider: str
    regions: Strings
    sources: Strings
    region_from: Literal["policy", "label", "nothing"] = "nothing"
    kind: Literal["api", "local"] = "api"
    behind: str | None = None
    """For a gateway, the provider that a policy names: the one behind the gateway."""
    notes: str | None = None


class Sender(NamedTuple):
    """A library that sends prompts to its own back end, not through base URLs or OpenTelemetry exporters."""

    name: str
    paths: Strings
    """Paths of its requests, with placeholders for ids."""
    fix: str
    sources: Strings
    host: str | None = None
    """The vendor's host that it sends to, if any."""
    operator: str | None = None
    """Otherwise the operator of its back end, whose hosts and regions are in `telemetry_hosts`."""


class TelemetryHost(NamedTuple):
    """A host that receives telemetry, matched by equality. Without regions its documentation names none."""

    host: str
    operator: str
    regions: Strings
    """Region codes of the vendor's table, or `other` for a country in none of these regions."""
    sources: Strings
    notes: str | None = None


class TelemetryPattern(NamedTuple):
    """A family of hosts that receive telemetry, matched like a `HostPattern`."""

    pattern: str
    operator: str
    regions: Strings
    sources: Strings
    notes: str | None = None


class Network(NamedTuple):
    """A range of addresses within the machine (loopback) or the organization (private)."""

    network: str
    kind: Literal["loopback", "private"]


class BogusHost(NamedTuple):
    """A host that is cited as an endpoint of the vendor, although no official source names it."""

    host: str
    claimed: str
    claimed_by: str
    truth: str
    severity: Literal["critical", "high", "medium"]
    status: Literal["bogus", "lookalike"]
    sources: Strings


class CloudRegion(NamedTuple):
    """A region of a cloud, and the region code that it belongs to."""

    names: str
    """The naming scheme, a placeholder of host patterns: `azure_region`, `aws_region`, `location`."""
    name: str
    region: str
    """A region code, or `other` for a country without one."""
    sources: Strings


class InferenceProfile(NamedTuple):
    """A prefix of model ids with which a cloud may route a request to its other regions."""

    provider: str
    prefix: str
    """The part of the id before the first dot."""
    zones: Strings
    """The regions that a request may reach; empty for any."""
    sources: Strings


class Deployment(NamedTuple):
    """A deployment type of a cloud, and where it may process."""

    provider: str
    name: str
    stays_in: Literal["anywhere", "zone", "region"]
    processing: str
    sku: str | None = None
    zones: Strings = ()
    """The regions that are a zone, for types that stay in a zone."""
