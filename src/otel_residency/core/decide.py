"""Decide whether one call meets the policy: facts, catalogue and policy in, a decision out.

It is pure and never raises, so that the guard and an audit of the ledger give the same answer. What no
table states is decided here once, and never in favour of `eligible`.
"""

from collections.abc import Callable, Iterator
from functools import partial

from otel_residency.core.catalogue import Catalogue, path_segments
from otel_residency.core.facts import CallFacts, Hop
from otel_residency.core.hosts import HostMatch, match_host
from otel_residency.core.paths import EndpointMatch, match_endpoint, match_sender
from otel_residency.core.policy import Policy, PolicyOfCall
from otel_residency.core.regions import UNKNOWN
from otel_residency.core.revision import Revision, Row
from otel_residency.core.rules.age import age_findings, inherited_findings
from otel_residency.core.rules.case import WITHOUT_BODY, Case, listed
from otel_residency.core.rules.hosts import (
    answer_findings,
    hop_findings,
    redirect_findings,
    route_findings,
    target_region,
    transport_findings,
)
from otel_residency.core.rules.projects import project_findings, with_project
from otel_residency.core.rules.requirement import policy_of_call, required_of
from otel_residency.core.rules.senders import sender_findings, sender_host
from otel_residency.core.rules.table import table_findings
from otel_residency.core.rules.terms import terms_in_force
from otel_residency.core.verdict import (
    ELIGIBLE,
    INDETERMINATE,
    INELIGIBLE,
    SEVERITY,
    Decision,
    Finding,
    Verdict,
)


def decide(facts: CallFacts, catalogue: Catalogue, policy: Policy) -> Decision:
    """Check one call.

    Args:
        facts: what is known of the call, before it is sent or after it.
        catalogue: the dated tables; the revision in force on `facts.on` is used unless one is pinned.
        policy: the requirement, the attestations and the configured hosts; its rules for services are
            already applied, those for projects and endpoints are not.

    Returns:
        The verdict with its findings, worst first. Never raises.
    """
    revision = catalogue.revision_on(facts.on)
    policy = policy._replace(attest=terms_in_force(policy.attest, catalogue, facts.on))
    hosts = tuple(match_host(catalogue, policy.hosts, hop.host, hop.port, facts.on) for hop in facts.hops)
    endpoints = tuple(map(partial(_endpoint, facts, catalogue), facts.hops, hosts))
    policy_at = partial(policy_of_call, facts, policy)
    # By the first hop: a redirect must not lead to the rule of another endpoint.
    applied = policy_at(endpoints[0].segments if endpoints and endpoints[0].canonical else ())
    policy, required, requirement_findings = required_of(facts, catalogue, applied)
    hosts = tuple(
        sender_host(catalogue, host) if _is_foreign(endpoint) else host
        for endpoint, host in zip(endpoints, hosts, strict=True)
    )
    findings = [*requirement_findings, *_policy_findings(facts, catalogue, policy)]
    if not hosts:
        findings.append(Finding("host.unknown", INDETERMINATE, "no request was observed"))
    # For each hop by itself: at another host the settings of the project prove nothing.
    policies = tuple(with_project(facts, host, catalogue, policy, revision) for host in hosts)
    places = tuple(zip(facts.hops, hosts, endpoints, policies, strict=True))
    for hop, host, endpoint, policy_here in places:
        findings += project_findings(facts, host, catalogue, policy)
        if endpoint.sender is not None:
            findings += sender_findings(endpoint.sender, host, policy_here)
        if _is_foreign(endpoint):
            findings += transport_findings(hop, host)
            continue
        findings += hop_findings(hop, host, policy_here, revision, content=endpoint.content)
        findings += route_findings(hop, host, facts.on, catalogue, policy)
        if hop.redirected:
            findings += redirect_findings(hop, host, policy, hosts[0])
    findings += answer_findings(facts, hosts, catalogue, policy)
    if revision is not None:
        for case in _cases(facts, catalogue, revision, places, policy_at):
            findings += table_findings(case)
    findings += inherited_findings(revision)
    # `sorted` is stable: findings of the same severity stay in the order of the rules, so that equal facts
    # give equal records.
    ordered = tuple(sorted(dict.fromkeys(findings), key=lambda finding: -SEVERITY[finding.verdict]))
    # By the first hop, since what the client asked for says whether a prompt was sent; and by a later one, if
    # the body went along to a path with content.
    applicable = not endpoints or any(
        endpoint.content and (hop.payload or hop is facts.hops[0])
        for hop, endpoint in zip(facts.hops, endpoints, strict=True)
    )
    verdict = ordered[0].verdict if ordered else ELIGIBLE
    return Decision(
        verdict=verdict if applicable else Verdict.NOT_APPLICABLE,
        findings=ordered,
        violation=applicable and _is_violation(verdict, facts, policy),
        region=next((host.region for hop, host, *_ in reversed(places) if not hop.refused), UNKNOWN),
        hop_regions=tuple(host.region for host in hosts),
        endpoint=endpoints[0].template if endpoints else UNKNOWN,
        snapshot=_snapshot(facts, catalogue, revision, endpoints),
        catalogue=revision.id if revision else "none",
        required=required,
        on_call=policy.on_call,
        on_export=policy.on_export,
        exception=applied.exception,
    )


def _is_foreign(endpoint: EndpointMatch) -> bool:
    """Whether a request goes to the back end of another operator, by a program listed for that."""
    return endpoint.sender is not None and endpoint.sender.operator is not None


def _is_violation(verdict: Verdict, facts: CallFacts, policy: Policy) -> bool:
    unrecorded = facts.unrecorded and policy.on_call == "block"
    return unrecorded or violates(verdict, policy, bool(policy.require or facts.required))


def violates(verdict: Verdict, policy: Policy, required: bool) -> bool:  # noqa: FBT001 - one of three
    """Whether this verdict violates the policy; `required`: whether a region is required at all."""
    if policy.on_call == "block" and policy.unreadable is not None:
        return True
    # Without a requirement there is nothing to violate, whatever the verdict is.
    return required and (verdict is INELIGIBLE or (policy.strict and verdict is not ELIGIBLE))


def _endpoint(facts: CallFacts, catalogue: Catalogue, hop: Hop, host: HostMatch) -> EndpointMatch:
    provider = host.provider if host.kind in ("listed", "configured") else "openai"
    vendor = host.vendors
    found = match_endpoint(catalogue, provider, facts.method, hop.path, None if vendor else facts.base_path)
    # These hosts serve no model; but a path that could be an endpoint is judged as one.
    control_plane = host.kind == "control-plane" and found.endpoint is None and found.canonical
    sent = match_sender(catalogue, hop.host, hop.path)
    if sent is not None:
        return found._replace(template=sent[0], sender=sent[1], content=True)
    content = found.content and not control_plane
    return found._replace(content=content or _brings_content(facts, hop))


def _brings_content(facts: CallFacts, hop: Hop) -> bool:
    """Whether the request may carry content on any path: a base URL may make any path look harmless."""
    unexpected_body = hop.payload and facts.method in WITHOUT_BODY
    named = facts.model is not None or bool(facts.tools or facts.features)
    return unexpected_body or facts.body_unseen or named


def _cases(
    facts: CallFacts,
    catalogue: Catalogue,
    revision: Revision,
    places: tuple[tuple[Hop, HostMatch, EndpointMatch, Policy], ...],
    policy_at: Callable[[tuple[str, ...]], PolicyOfCall],
) -> Iterator[Case]:
    """One case for each distinct host, port and path that the call reached."""
    done = set()
    for hop, host, endpoint, policy in places:
        place = (hop.host, hop.port, hop.path)
        if endpoint.content and place not in done and not _is_foreign(endpoint):
            done.add(place)
            rows = _rows(catalogue, revision, endpoint)
            target = target_region(host, policy, revision)
            yield Case(
                facts=facts,
                catalogue=catalogue,
                policy=policy,
                revision=revision,
                host=host,
                endpoint=endpoint,
                rows=rows,
                target=target,
                policy_at=policy_at,
            )


def _rows(catalogue: Catalogue, revision: Revision, match: EndpointMatch) -> tuple[Row, ...]:
    """The rows of a path, and those of other services that the same endpoint offers."""
    if not match.segments or not (rows := catalogue.rows(revision, match.segments)):
        return ()
    also = match.endpoint.also if match.endpoint is not None else ()
    return (*rows, *(row for path in also for row in catalogue.rows(revision, path_segments(path))))


def _snapshot(
    facts: CallFacts, catalogue: Catalogue, revision: Revision | None, endpoints: tuple[EndpointMatch, ...]
) -> str | None:
    if facts.answer and facts.answer.model:
        return facts.answer.model
    if facts.model and revision is not None and endpoints:
        for row in _rows(catalogue, revision, endpoints[0]):
            if listed(row, facts.model):
                return facts.model
    return None


def _policy_findings(facts: CallFacts, catalogue: Catalogue, policy: Policy) -> Iterator[Finding]:
    if policy.unreadable is not None:
        yield Finding("policy.unreadable", INDETERMINATE, policy.unreadable)
    if policy.noted:
        yield Finding("policy.unknown_variable", ELIGIBLE, "; ".join(policy.noted))
    if facts.unrecorded:
        yield Finding("ledger.unavailable", INDETERMINATE, "no record of the call could be written")
    yield from age_findings(catalogue, policy, facts.on)
