"""Rules for libraries that send prompts to their own back end, whatever the client's base URL is."""

from collections.abc import Iterator

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.host_entries import Sender
from otel_residency.core.hosts import HostMatch
from otel_residency.core.policy import Policy
from otel_residency.core.regions import UNKNOWN
from otel_residency.core.verdict import ELIGIBLE, INDETERMINATE, INELIGIBLE, Finding


def sender_host(catalogue: Catalogue, host: HostMatch) -> HostMatch:
    """The host of another operator's back end, with the regions that the operator documents."""
    listed = catalogue.telemetry_hosts[host.host]
    return HostMatch(host=host.host, kind="listed", provider=listed.operator, regions=listed.regions)


def sender_findings(sender: Sender, host: HostMatch, policy: Policy) -> Iterator[Finding]:
    """Whether the prompts stay in the regions that content may be exported to, and how to fix it."""
    allowed = policy.telemetry.content_regions or policy.require
    verdict = ELIGIBLE
    if host.region == UNKNOWN:
        verdict = INDETERMINATE
    elif allowed and host.region not in allowed:
        verdict = INELIGIBLE
    where = f"{host.host} ({host.region})"
    yield Finding("endpoint.trace_export", verdict, f"{sender.name} sends prompts to {where}; {sender.fix}")
