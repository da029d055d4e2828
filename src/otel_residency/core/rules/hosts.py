"""Hosts and hops: whose region, over which transport, and whether a redirect left it."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.classify import UNKNOWN, VENDOR, HostMatch, canonical_host, match_host
from otel_residency.core.entries import Revision
from otel_residency.core.facts import Answer, CallFacts, Hop
from otel_residency.core.policy import Policy
from otel_residency.core.rules.case import GLOBAL, needs_findings
from otel_residency.core.verdict import INDETERMINATE, INELIGIBLE, Finding, Verdict


def _optional_prefix_region(host: HostMatch, policy: Policy, revision: Revision) -> str | None:
    """A required region that only stores, and whose storage did not need the host prefix in this revision.

    Which one it is for a policy is so for each of its calls: nothing at the host tells customers apart.
    """
    if policy.scope != "storage" or host.kind != "listed" or host.provider != "openai":
        return None
    for code in policy.require if policy.stated is None else policy.stated:
        terms = revision.regions.get(code)
        if terms is not None and terms.processing == "no" and not terms.prefix_required:
            return code if code in policy.require else None
    return None


def target_region(host: HostMatch, policy: Policy, revision: Revision) -> str | None:
    """The region whose terms apply at this host; `None` where the requirement does not allow it."""
    if host.region == GLOBAL:
        return _optional_prefix_region(host, policy, revision)
    if host.region == UNKNOWN or (policy.require and host.region not in policy.require):
        return None
    return host.region


def hop_findings(
    hop: Hop, host: HostMatch, policy: Policy, revision: Revision | None, *, content: bool
) -> Iterator[Finding]:
    """What one request on the wire shows: host, Host header and name in TLS, transport."""
    if content or host.kind != "control-plane":
        yield from _host_findings(host, policy, revision)
    if hop.host_header is not None:
        yield Finding(
            "host.header_mismatch",
            INELIGIBLE,
            f"the request to {host.place} names {canonical_host(hop.host_header)} in Host header or TLS",
        )
    yield from transport_findings(hop, host)


def transport_findings(hop: Hop, host: HostMatch) -> Iterator[Finding]:
    """Whether a request goes over TLS, where it leaves the machine."""
    if hop.scheme not in ("https", "wss"):
        if not host.loopback:
            yield Finding("transport.insecure", INELIGIBLE, f"{hop.scheme} to {host.place}")
        elif host.kind != "configured":
            yield Finding("transport.insecure", INDETERMINATE, f"{hop.scheme} to {host.place}")


def _host_findings(host: HostMatch, policy: Policy, revision: Revision | None) -> Iterator[Finding]:
    required = ", ".join(policy.require)
    if host.kind == "bogus":
        yield Finding("host.bogus", INELIGIBLE, f"{host.place}: {host.note}")
    elif host.kind == "lookalike":
        yield Finding("host.lookalike", INELIGIBLE, f"{host.place}: {host.note}")
    elif host.region == UNKNOWN:
        if policy.require and host.regions and not set(host.regions) & set(policy.require):
            candidates = " or ".join(host.regions)
            yield Finding("host.region_mismatch", INELIGIBLE, f"{host.place} is {candidates}, not {required}")
        else:
            which = f"; it is {' or '.join(host.regions)}" if host.regions else ""
            lines = f"; if you know it, put into the policy: {_lines(host)}" if host.to_configure else ""
            yield Finding(
                "host.unknown", INDETERMINATE, f"the region of {host.place} is not known{which}{lines}"
            )
    elif host.region == GLOBAL:
        if not policy.require:
            yield Finding("host.global", INDETERMINATE, f"{host.place} has no region")
        elif revision is None or _optional_prefix_region(host, policy, revision) is None:
            yield Finding("host.global", INELIGIBLE, f"{host.place} has no region, required: {required}")
        else:
            yield from needs_findings(
                (("region_approval",),), policy, "host.global", f"{host.place} shows no project geography"
            )
    elif policy.require and host.region not in policy.require:
        yield Finding("host.region_mismatch", INELIGIBLE, f"{host.place} is {host.region}, not {required}")
    elif host.link:
        why = f"{host.place} shows the region of a private link, not that of the project"
        yield from needs_findings((("region_approval",),), policy, "attestation.missing", why)


def _lines(host: HostMatch) -> str:
    """What a policy has to say of a gateway or cloud resource, to be filled in."""
    lines = f'[hosts."{host.host}"] region = "…" provider = "{host.to_configure}"'
    if host.to_configure != VENDOR:
        lines += ' deployments = { your-deployment = "its type, such as DataZoneStandard" }'
    return lines


def _elsewhere(region: str, host: HostMatch, policy: Policy) -> Verdict | None:
    """How bad it is that a call reached `region`; `None` if that does not contradict its host."""
    if region == host.region:
        return None
    if region != UNKNOWN and policy.require and region not in policy.require:
        return INELIGIBLE
    return None if host.region == UNKNOWN else INDETERMINATE


def _cloud_findings(
    answer: Answer, host: HostMatch, catalogue: Catalogue, policy: Policy
) -> Iterator[Finding]:
    """Whether the region that a cloud names in its answer is that of the host.

    It is told to corroborate: which of its regions a cloud means by it is not documented.
    """
    if answer.cloud_region is None or host.provider not in ("azure", "azure-apim"):
        return
    name = answer.cloud_region.lower().replace(" ", "")
    region = catalogue.cloud_regions.get(("azure_region", name))
    verdict = None if region is None else _elsewhere(region, host, policy)
    if verdict is not None:
        yield Finding(
            "host.region_contradicted",
            verdict,
            f"{host.place} answered from {answer.cloud_region} ({region})",
        )


def route_findings(
    hop: Hop, host: HostMatch, on: date, catalogue: Catalogue, policy: Policy
) -> Iterator[Finding]:
    """Whether a request tells a gateway to send it on elsewhere. What it says never speaks for a call."""
    if host.kind != "configured" and not host.to_configure:
        return  # a vendor's own host is no gateway
    for kind, value in hop.route:
        way = _way_on(kind, value, on, catalogue, policy)
        yield from _way_findings(
            "gateway.route", f"{host.place} is to send the request on", way, host, policy
        )


def _gateway_findings(
    answer: Answer, host: HostMatch, on: date, catalogue: Catalogue, policy: Policy
) -> Iterator[Finding]:
    """Whether a gateway sent the request on to another region than its own, or to another provider."""
    told = {"upstream": answer.upstream, "provider": answer.provider}
    if answer.fallbacks and answer.upstream is None:
        told["rules"] = "its fallback"
    for kind, value in told.items():
        if value is not None:
            way = _way_on(kind, value, on, catalogue, policy)
            yield from _way_findings(
                "gateway.left_region", f"{host.place} sent the request on", way, host, policy
            )


class _Way(NamedTuple):
    """Where a gateway sends a request on to. What is not told of it does not contradict anything."""

    told: str
    region: str | None = None
    provider: str | None = None


def _way_on(kind: str, value: str, on: date, catalogue: Catalogue, policy: Policy) -> _Way:
    if kind == "upstream":
        upstream = match_host(catalogue, policy.hosts, value, None, on)
        provider = None if upstream.provider == UNKNOWN else upstream.provider
        return _Way(f"to {upstream.host}", upstream.region, provider)
    if kind == "provider":
        name = value.lower()
        return _Way(f"to {value}", None, catalogue.entries.provider_names.get(name, name))
    if kind == "rules":
        return _Way(f"as {value} says", UNKNOWN)
    return _Way(f"to {value}", catalogue.cloud_regions.get((kind, value.lower()), UNKNOWN))


def _way_findings(reason: str, says: str, way: _Way, host: HostMatch, policy: Policy) -> Iterator[Finding]:
    verdict = None if way.region is None else _elsewhere(way.region, host, policy)
    if verdict is not None:
        yield Finding(reason, verdict, f"{says} {way.told} ({way.region})")
    if host.kind == "configured" and way.provider not in (None, host.provider):
        why = f"{says} {way.told}, the policy says {host.provider}"
        yield Finding("gateway.provider_mismatch", INDETERMINATE, why)


def redirect_findings(hop: Hop, host: HostMatch, policy: Policy, home: HostMatch) -> Iterator[Finding]:
    """Whether a redirect left the required regions, or without a requirement the region of the first hop."""
    allowed = policy.require or (home.region,)
    bound = policy.require or home.region not in (UNKNOWN, GLOBAL)
    if bound and host.region not in allowed and host.host != home.host:
        code = "redirect.payload_left_region" if hop.payload else "redirect.left_region"
        yield Finding(code, INELIGIBLE, f"redirected to {host.place}")


def answer_findings(
    facts: CallFacts, hosts: tuple[HostMatch, ...], catalogue: Catalogue, policy: Policy
) -> Iterator[Finding]:
    """What the answer says about where it came from: the vendor, a cloud, or a gateway."""
    if facts.answer and hosts:
        yield from _cloud_findings(facts.answer, hosts[-1], catalogue, policy)
        yield from _gateway_findings(facts.answer, hosts[-1], facts.on, catalogue, policy)
    if facts.answer and facts.answer.refusal and hosts:
        yield Finding(
            "host.refused_by_vendor",
            INELIGIBLE,
            f"{hosts[-1].place} answered {facts.answer.refusal}: host and project do not belong together",
        )
