"""Rules for hosts: region, Host header, encryption, redirects, and the routes of gateways."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.facts import Answer, CallFacts, Hop
from otel_residency.core.hosts import VENDOR, HostMatch, canonical_host, match_host
from otel_residency.core.policy import Policy
from otel_residency.core.regions import UNKNOWN
from otel_residency.core.revision import Revision
from otel_residency.core.rules.case import GLOBAL
from otel_residency.core.rules.terms import needs_findings
from otel_residency.core.verdict import INDETERMINATE, INELIGIBLE, Finding, Verdict


def _optional_prefix_region(host: HostMatch, policy: Policy, revision: Revision) -> str | None:
    """The required storage-only region whose data this revision lets be stored through the global host.

    It is chosen by the requirement of the policy alone (`stated`), not by that for a customer: the host
    shows nothing by which calls for different customers could be stored in different regions.
    """
    if policy.scope != "storage" or host.kind != "listed" or host.provider != "openai":
        return None
    for code in policy.require if policy.stated is None else policy.stated:
        terms = revision.regions.get(code)
        if terms is not None and terms.processing == "no" and not terms.prefix_required:
            return code if code in policy.require else None
    return None


def target_region(host: HostMatch, policy: Policy, revision: Revision) -> str | None:
    """The region whose terms apply at this host; `None` if the requirement does not allow it."""
    if host.region == GLOBAL:
        return _optional_prefix_region(host, policy, revision)
    if host.region == UNKNOWN or (policy.require and host.region not in policy.require):
        return None
    return host.region


def hop_findings(
    hop: Hop, host: HostMatch, policy: Policy, revision: Revision | None, *, content: bool
) -> Iterator[Finding]:
    """Findings about one HTTP request: host, Host header, TLS server name, and encryption."""
    if content or host.kind != "control-plane":
        yield from _host_findings(host, policy, revision)
    if hop.host_header is not None:
        yield Finding(
            "host.header_mismatch",
            INELIGIBLE,
            f"the request to {host.place} names {canonical_host(hop.host_header)} in its Host header or TLS",
        )
    yield from transport_findings(hop, host)


def transport_findings(hop: Hop, host: HostMatch) -> Iterator[Finding]:
    """Whether a request that leaves the machine is encrypted."""
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
            lines = f"; if you know it, add to the policy: {_lines(host)}" if host.to_configure else ""
            yield Finding(
                "host.unknown", INDETERMINATE, f"the region of {host.place} is not known{which}{lines}"
            )
    elif host.region == GLOBAL:
        if not policy.require:
            yield Finding("host.global", INDETERMINATE, f"{host.place} has no data residency")
        elif revision is None or _optional_prefix_region(host, policy, revision) is None:
            detail = f"{host.place} has no data residency, required: {required}"
            yield Finding("host.global", INELIGIBLE, detail)
        else:
            yield from needs_findings(
                (("region_approval",),),
                policy,
                "host.global",
                f"{host.place} does not show the region of the project",
            )
    elif policy.require and host.region not in policy.require:
        yield Finding("host.region_mismatch", INELIGIBLE, f"{host.place} is {host.region}, not {required}")
    elif host.link:
        why = f"{host.place} shows the region of a private link, not that of the project"
        yield from needs_findings((("region_approval",),), policy, "attestation.missing", why)


def _lines(host: HostMatch) -> str:
    """The lines for a gateway or cloud resource to add to a policy, with placeholders."""
    lines = f'[hosts."{host.host}"] region = "…" provider = "{host.to_configure}"'
    if host.to_configure != VENDOR:
        lines += ' deployments = { your-deployment = "its type, such as DataZoneStandard" }'
    return lines


def _elsewhere(region: str, host: HostMatch, policy: Policy) -> Verdict | None:
    """The verdict for a call that reached `region`; `None` if that does not contradict its host."""
    if region == host.region:
        return None
    if region != UNKNOWN and policy.require and region not in policy.require:
        return INELIGIBLE
    return None if host.region == UNKNOWN else INDETERMINATE


def _cloud_findings(
    answer: Answer, host: HostMatch, catalogue: Catalogue, policy: Policy
) -> Iterator[Finding]:
    """Whether the region that a cloud names in its response contradicts that of the host.

    It never confirms one: clouds do not document which of their regions the header names.
    """
    if host.provider not in ("azure", "azure-apim"):
        return
    for named in answer.values("cloud_region"):
        region = catalogue.cloud_regions.get(("azure_region", named.lower().replace(" ", "")))
        verdict = None if region is None else _elsewhere(region, host, policy)
        if verdict is not None:
            detail = f"{host.place} answered from {named} ({region})"
            yield Finding("host.region_contradicted", verdict, detail)


def route_findings(
    hop: Hop, host: HostMatch, on: date, catalogue: Catalogue, policy: Policy
) -> Iterator[Finding]:
    """Whether routing headers direct a gateway elsewhere. They are never evidence in favour of a call."""
    if host.kind != "configured" and not host.to_configure:
        return  # a host of the vendor is not a gateway
    for kind, value in hop.route:
        route = _route(kind, value, on, catalogue, policy)
        verb = f"{host.place} is to route the request"
        yield from _gateway_route_findings("gateway.route", verb, route, host, policy)


def _gateway_findings(
    answer: Answer, host: HostMatch, on: date, catalogue: Catalogue, policy: Policy
) -> Iterator[Finding]:
    """Whether a gateway reports another region or provider than the policy configures for it."""
    reported = [(kind, value) for kind in ("upstream", "provider") for value in answer.values(kind)]
    if answer.fallbacks and answer.upstream is None:
        reported.append(("rules", "its fallback"))
    for kind, value in reported:
        route = _route(kind, value, on, catalogue, policy)
        verb = f"{host.place} routed the request"
        yield from _gateway_route_findings("gateway.left_region", verb, route, host, policy)


class _Route(NamedTuple):
    """Where a gateway routes a request. A region or provider of `None` contradicts nothing."""

    description: str
    region: str | None = None
    provider: str | None = None


def _route(kind: str, value: str, on: date, catalogue: Catalogue, policy: Policy) -> _Route:
    if kind == "upstream":
        upstream = match_host(catalogue, policy.hosts, value, None, on)
        provider = None if upstream.provider == UNKNOWN else upstream.provider
        return _Route(f"to {upstream.host}", upstream.region, provider)
    if kind == "provider":
        name = value.lower()
        return _Route(f"to {value}", None, catalogue.entries.provider_names.get(name, name))
    if kind == "rules":
        return _Route(f"by {value}", UNKNOWN)
    return _Route(f"to {value}", catalogue.cloud_regions.get((kind, value.lower()), UNKNOWN))


def _gateway_route_findings(
    reason: str, verb: str, route: _Route, host: HostMatch, policy: Policy
) -> Iterator[Finding]:
    verdict = None if route.region is None else _elsewhere(route.region, host, policy)
    if verdict is not None:
        yield Finding(reason, verdict, f"{verb} {route.description} ({route.region})")
    if host.kind == "configured" and route.provider not in (None, host.provider):
        detail = f"{verb} {route.description}, the policy names {host.provider}"
        yield Finding("gateway.provider_mismatch", INDETERMINATE, detail)


def redirect_findings(hop: Hop, host: HostMatch, policy: Policy, home: HostMatch) -> Iterator[Finding]:
    """Whether a redirect left the required regions or, without a requirement, the region of the first hop."""
    allowed = policy.require or (home.region,)
    bound = policy.require or home.region not in (UNKNOWN, GLOBAL)
    if bound and host.region not in allowed and host.host != home.host:
        if hop.refused:
            yield Finding("redirect.refused", INELIGIBLE, f"a redirect to {host.place} was blocked")
            return
        code = "redirect.payload_left_region" if hop.payload else "redirect.left_region"
        yield Finding(code, INELIGIBLE, f"redirected to {host.place}")


def answer_findings(
    facts: CallFacts, hosts: tuple[HostMatch, ...], catalogue: Catalogue, policy: Policy
) -> Iterator[Finding]:
    """Findings about where the response says that it came from: the vendor, a cloud, or a gateway."""
    if facts.answer and hosts:
        yield from _cloud_findings(facts.answer, hosts[-1], catalogue, policy)
        yield from _gateway_findings(facts.answer, hosts[-1], facts.on, catalogue, policy)
    if facts.answer and facts.answer.unread:
        yield Finding("response.unread", INDETERMINATE, "the response names more values than are read")
    if facts.answer and facts.answer.refusal and hosts:
        yield Finding(
            "host.refused_by_vendor",
            INELIGIBLE,
            f"{hosts[-1].place} answered {facts.answer.refusal}: host and project do not match",
        )
