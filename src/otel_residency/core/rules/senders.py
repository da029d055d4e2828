"""Programs that send prompts to a back end of their own, whatever the client's base URL."""

from collections.abc import Iterator

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.classify import UNKNOWN, HostMatch
from otel_residency.core.entries import Sender
from otel_residency.core.policy import Policy
from otel_residency.core.verdict import ELIGIBLE, INDETERMINATE, INELIGIBLE, Finding


def sender_host(catalogue: Catalogue, host: HostMatch) -> HostMatch:
    """The host of a back end that is not the vendor's, with the regions that its operator documents."""
    listed = catalogue.telemetry_hosts[host.host]
    return HostMatch(host.host, "listed", listed.operator, listed.regions)


def sender_findings(sender: Sender, host: HostMatch, policy: Policy) -> Iterator[Finding]:
    """Whether what it sends stays where telemetry with content may go, and how to make it."""
    allowed = policy.telemetry.content_regions or policy.require
    verdict = ELIGIBLE
    if host.region == UNKNOWN:
        verdict = INDETERMINATE
    elif allowed and host.region not in allowed:
        verdict = INELIGIBLE
    where = f"{host.host} ({host.region})"
    yield Finding("endpoint.trace_export", verdict, f"{sender.name} sends prompts to {where}; {sender.fix}")
