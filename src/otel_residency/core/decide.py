"""Findings in, a decision out. Pure and total: the same answer live and in an audit, and no exception.

Where a rule comes from is in the catalogue beside it. What no table states is decided here once, and
never in favour of `eligible`.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from typing import NamedTuple

from otel_residency.core.catalogue import Catalogue, path_segments, undated
from otel_residency.core.classify import (
    UNKNOWN,
    EndpointMatch,
    HostMatch,
    canonical_host,
    match_endpoint,
    match_host,
)
from otel_residency.core.entries import FeatureRule, Needs, RegionTerms, Revision, Row, TierRule
from otel_residency.core.facts import Answer, BatchLine, CallFacts, Hop
from otel_residency.core.policy import Policy
from otel_residency.core.verdict import SEVERITY, Decision, Finding, Verdict

ELIGIBLE, CONDITIONAL, INDETERMINATE, INELIGIBLE = (
    Verdict.ELIGIBLE,
    Verdict.CONDITIONAL,
    Verdict.INDETERMINATE,
    Verdict.INELIGIBLE,
)
GLOBAL = "global"
STALE_AFTER = 180
"""Days after which verdicts note that the catalogue may be outdated."""
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
_SOCKETS = frozenset({"ws", "wss"})


class _Case(NamedTuple):
    """What the rules look at: the facts, and what one place that the call reached was classified as."""

    facts: CallFacts
    catalogue: Catalogue
    policy: Policy
    revision: Revision
    host: HostMatch
    endpoint: EndpointMatch
    rows: tuple[Row, ...]
    target: str | None
    """The region whose terms apply: that of the host, where the requirement allows it."""


def decide(facts: CallFacts, catalogue: Catalogue, policy: Policy) -> Decision:
    """Judge one call.

    Args:
        facts: what was seen, before the call or after it.
        catalogue: the dated tables; the revision in force on `facts.on` is used unless one is pinned.
        policy: the requirement, the attestations and the configured hosts, rules already applied.

    Returns:
        The verdict with its findings, worst first. Never raises.
    """
    revision = catalogue.revision_on(facts.on)
    hosts = tuple(match_host(catalogue, policy.hosts, hop.host, hop.port, facts.on) for hop in facts.hops)
    endpoints = tuple(map(partial(_endpoint, facts, catalogue), facts.hops, hosts))
    findings = list(_policy_findings(facts, catalogue, policy, revision))
    if not hosts:
        findings.append(Finding("host.unknown", INDETERMINATE, "no request was seen"))
    places = tuple(zip(facts.hops, hosts, endpoints, strict=True))
    for hop, host, endpoint in places:
        findings += _hop_findings(hop, host, policy, revision, content=endpoint.content)
        if hop.redirected:
            findings += _redirect_findings(hop, host, policy, hosts[0])
    findings += _answer_findings(facts, hosts)
    if revision is not None:
        for case in _cases(facts, catalogue, policy, revision, places):
            findings += _table_findings(case)
    ordered = tuple(sorted(dict.fromkeys(findings), key=lambda finding: -SEVERITY[finding.verdict]))
    applicable = not endpoints or endpoints[0].content
    verdict = ordered[0].verdict if ordered else ELIGIBLE
    return Decision(
        verdict=verdict if applicable else Verdict.NOT_APPLICABLE,
        findings=ordered,
        violation=applicable and _violates(verdict, policy),
        region=hosts[-1].region if hosts else UNKNOWN,
        hop_regions=tuple(host.region for host in hosts),
        endpoint=endpoints[0].template if endpoints else UNKNOWN,
        snapshot=_snapshot(facts, catalogue, revision, endpoints),
        catalogue=revision.id if revision else "none",
        required=policy.require,
    )


def _violates(verdict: Verdict, policy: Policy) -> bool:
    if policy.unreadable is not None and policy.on_call == "block":
        return True
    return bool(policy.require) and (verdict is INELIGIBLE or (policy.strict and verdict is not ELIGIBLE))


def _endpoint(facts: CallFacts, catalogue: Catalogue, hop: Hop, host: HostMatch) -> EndpointMatch:
    provider = host.provider if host.kind in ("listed", "configured") else "openai"
    vendor = host.kind == "listed" and provider == "openai"
    found = match_endpoint(catalogue, provider, facts.method, hop.path, None if vendor else facts.base_path)
    # A base URL can make any call look like administration; but what names a model is a prompt.
    if host.kind == "control-plane":
        content = found.endpoint is not None
    else:
        known = found.endpoint is not None and facts.method in found.endpoint.methods
        content = found.content or not (vendor or known)
    return found._replace(content=content or facts.model is not None)


def _cases(
    facts: CallFacts,
    catalogue: Catalogue,
    policy: Policy,
    revision: Revision,
    places: tuple[tuple[Hop, HostMatch, EndpointMatch], ...],
) -> Iterator[_Case]:
    """What the table has to judge: once each place that the call reached."""
    seen = set()
    for hop, host, endpoint in places:
        place = (hop.host, hop.port, hop.path)
        if endpoint.content and place not in seen:
            seen.add(place)
            rows = catalogue.rows(revision, endpoint.segments) if endpoint.segments else ()
            target = _target(host, policy, revision)
            yield _Case(facts, catalogue, policy, revision, host, endpoint, rows, target)


def _snapshot(
    facts: CallFacts, catalogue: Catalogue, revision: Revision | None, endpoints: tuple[EndpointMatch, ...]
) -> str | None:
    if facts.answer and facts.answer.model:
        return facts.answer.model
    if facts.model and revision is not None and endpoints:
        for row in catalogue.rows(revision, endpoints[0].segments):
            if _listed(row, facts.model):
                return facts.model
    return None


def _target(host: HostMatch, policy: Policy, revision: Revision) -> str | None:
    if host.region == GLOBAL:
        return _optional_prefix_region(host, policy, revision)
    if host.region == UNKNOWN or (policy.require and host.region not in policy.require):
        return None
    return host.region


def _optional_prefix_region(host: HostMatch, policy: Policy, revision: Revision) -> str | None:
    """A required region that only stores, and whose storage did not need the host prefix in this revision."""
    if policy.scope != "storage" or host.kind != "listed" or host.provider != "openai":
        return None
    for code in policy.require:
        terms = revision.regions.get(code)
        if terms is not None and terms.processing == "no" and not terms.prefix_required:
            return code
    return None


def _policy_findings(
    facts: CallFacts, catalogue: Catalogue, policy: Policy, revision: Revision | None
) -> Iterator[Finding]:
    if policy.unreadable is not None:
        yield Finding("policy.unreadable", INDETERMINATE, policy.unreadable)
    if revision is None:
        yield Finding("catalogue.no_revision", INDETERMINATE, f"no table is known for {facts.on}")
        return
    known_until = max(catalogue.entries.generated or date.min, revision.effective_from)
    age = (facts.on - known_until).days
    if policy.catalogue_max_age is not None and age > policy.catalogue_max_age:
        yield Finding("catalogue.stale", INDETERMINATE, f"{revision.id} is older than the policy allows")
    elif age > STALE_AFTER:
        yield Finding("catalogue.stale", ELIGIBLE, f"{revision.id} was last checked on {known_until}")


def _hop_findings(
    hop: Hop, host: HostMatch, policy: Policy, revision: Revision | None, *, content: bool
) -> Iterator[Finding]:
    if content or host.kind != "control-plane":
        yield from _host_findings(host, policy, revision)
    if hop.host_header is not None:
        yield Finding(
            "host.header_mismatch",
            INELIGIBLE,
            f"the request to {host.host} names {canonical_host(hop.host_header)} in its Host header",
        )
    if hop.scheme not in ("https", "wss"):
        if not host.loopback:
            yield Finding("transport.insecure", INELIGIBLE, f"{hop.scheme} to {host.host}")
        elif host.kind != "configured":
            yield Finding("transport.insecure", INDETERMINATE, f"{hop.scheme} to {host.host}")


def _redirect_findings(hop: Hop, host: HostMatch, policy: Policy, home: HostMatch) -> Iterator[Finding]:
    """Whether a redirect left the required regions, or without a requirement the region of the first hop."""
    allowed = policy.require or (home.region,)
    bound = policy.require or home.region not in (UNKNOWN, GLOBAL)
    if bound and host.region not in allowed and host.host != home.host:
        code = "redirect.payload_left_region" if hop.payload else "redirect.left_region"
        yield Finding(code, INELIGIBLE, f"redirected to {host.host}")


def _host_findings(host: HostMatch, policy: Policy, revision: Revision | None) -> Iterator[Finding]:
    required = ", ".join(policy.require)
    if host.kind == "bogus":
        yield Finding("host.bogus", INELIGIBLE, f"{host.host}: {host.note}")
    elif host.kind == "lookalike":
        yield Finding("host.lookalike", INELIGIBLE, f"{host.host}: {host.note}")
    elif host.region == UNKNOWN:
        if policy.require and host.regions and not set(host.regions) & set(policy.require):
            candidates = " or ".join(host.regions)
            yield Finding("host.region_mismatch", INELIGIBLE, f"{host.host} is {candidates}, not {required}")
        else:
            yield Finding("host.unknown", INDETERMINATE, f"the region of {host.host} is not known")
    elif host.region == GLOBAL:
        if not policy.require:
            yield Finding("host.global", INDETERMINATE, f"{host.host} has no region")
        elif revision is None or _optional_prefix_region(host, policy, revision) is None:
            yield Finding("host.global", INELIGIBLE, f"{host.host} has no region, required: {required}")
        else:
            yield from _needs_findings(
                (("region_approval",),), policy, "host.global", f"{host.host} shows no project geography"
            )
    elif policy.require and host.region not in policy.require:
        yield Finding("host.region_mismatch", INELIGIBLE, f"{host.host} is {host.region}, not {required}")
    elif host.link:
        why = f"{host.host} shows the region of a private link, not that of the project"
        yield from _needs_findings((("region_approval",),), policy, "attestation.missing", why)


def _answer_findings(facts: CallFacts, hosts: tuple[HostMatch, ...]) -> Iterator[Finding]:
    if facts.answer and facts.answer.refusal and hosts:
        yield Finding(
            "host.refused_by_vendor",
            INELIGIBLE,
            f"{hosts[-1].host} answered {facts.answer.refusal}: host and project do not belong together",
        )


def _table_findings(case: _Case) -> Iterator[Finding]:
    if case.facts.body_unseen:
        yield Finding("request.unseen", INDETERMINATE, "the request body could not be read")
    if case.host.kind in ("listed", "configured") and case.host.provider != "openai":
        yield from _other_provider_findings(case)
        return
    template = case.endpoint.template
    retired = _retired_endpoint(case)
    if retired is not None:
        yield Finding("endpoint.retired", INELIGIBLE, f"{template} was shut down on {retired}")
    if not case.rows:
        yield Finding("endpoint.not_listed", INELIGIBLE, f"{template} is in no row of {case.revision.id}")
        return
    row = case.rows[0]
    if case.endpoint.endpoint is None:
        below = row.services[0]
        yield Finding(
            "endpoint.not_listed", INDETERMINATE, f"no endpoint is known by this path below {below}"
        )
    terms = case.revision.regions.get(case.target) if case.target else None
    if case.target is not None:
        yield from _region_findings(case, row, terms)
    yield from _model_findings(case, terms)
    yield from _feature_findings(case, terms)
    yield from _tier_findings(case)
    yield from _batch_findings(case, terms)


def _other_provider_findings(case: _Case) -> Iterator[Finding]:
    host = case.host
    own = host.configured
    if own is None or not own.deployments:
        yield Finding(
            "provider.not_covered",
            INDETERMINATE,
            f"{host.provider} is not covered by {case.revision.id}; its terms decide",
        )
        return
    if case.endpoint.endpoint is None:
        yield Finding(
            "endpoint.not_listed", INDETERMINATE, f"the path is no known endpoint of {host.provider}"
        )
    name = case.endpoint.deployment or case.facts.model or ""
    kind = case.catalogue.deployments.get((host.provider, own.deployments.get(name, "")))
    if kind is None:
        yield Finding("deployment.unknown", INDETERMINATE, f"the type of deployment {name!r} is not known")
    elif case.policy.scope == "processing":
        detail = f"{kind.sku}: {kind.processing}"
        if kind.stays_in == "anywhere":
            yield Finding("deployment.leaves_region", INELIGIBLE, detail)
        elif kind.stays_in == "zone" and host.region not in kind.zones:
            yield Finding(
                "deployment.leaves_region", INDETERMINATE, f"{detail}; {host.region} is no such zone"
            )
    for name in sorted(case.facts.tools):
        tool = case.catalogue.tools.get(name)
        if tool is None or tool.runs == "vendor":
            yield Finding("feature.tool", INDETERMINATE, f"{name} of {host.provider} is in no table")


def _retired_endpoint(case: _Case) -> date | None:
    for path, day in case.catalogue.retired_endpoints:
        if case.endpoint.segments[: len(path)] == path and case.facts.on >= day:
            return day
    return None


def _region_findings(case: _Case, row: Row, terms: RegionTerms | None) -> Iterator[Finding]:
    region = case.target or UNKNOWN
    where = f"{row.services[0]} in {region}"
    stored = any(region in each.storage for each in case.rows)
    processed = any(region in each.processing for each in case.rows)
    kept = stored and terms is not None and terms.storage == "yes"
    if terms is None or not (kept or (processed and case.policy.scope == "processing")):
        yield Finding("region.not_offered", INELIGIBLE, f"{where}: not in {case.revision.id}")
        return
    if case.policy.scope == "processing" and not (processed and terms.processing == "yes"):
        if terms.processing == "models-unknown" and (row.processing or row.models):
            yield Finding(
                "catalogue.models_unknown",
                INDETERMINATE,
                f"{where}: regional processing exists, {case.revision.id} does not list for which models",
            )
        else:
            yield Finding("endpoint.storage_only", INELIGIBLE, f"{where}: storage, no processing")
    yield from _needs_findings(terms.needs, case.policy, "attestation.missing", f"{terms.name} asks for it")


def _needs_findings(needs: Needs, policy: Policy, reason: str, why: str) -> Iterator[Finding]:
    for group in needs:
        said = [policy.attest[name].value for name in group if name in policy.attest]
        if any(said):
            continue
        refused = len(said) == len(group)
        names = " or ".join(group)
        yield Finding(
            reason,
            INELIGIBLE if refused else CONDITIONAL,
            f"{'not attested' if refused else 'needs attestation'}: {names}; {why}",
        )


def _model_findings(case: _Case, terms: RegionTerms | None) -> Iterator[Finding]:
    if not any(row.models is not None for row in case.rows):
        return
    answered = case.facts.answer.model if case.facts.answer else None
    requested = case.facts.model
    endpoint = case.endpoint.endpoint
    if requested is None:
        if answered is not None:
            yield from _one_model_findings(case, answered, terms)
        elif _sends(case.facts) and not case.facts.body_unseen and (endpoint is None or endpoint.model_at):
            yield Finding("model.not_stated", INDETERMINATE, "the request names no model")
        return
    if answered is None or answered.lower() == requested.lower():
        yield from _one_model_findings(case, requested, terms, answered=answered is not None)
        return
    yield from _changed_model_findings(case, requested, answered, terms)


def _sends(facts: CallFacts) -> bool:
    """Whether the request carries a prompt: in its body, or over the socket that it opens."""
    return facts.method not in _WITHOUT_BODY or any(hop.scheme in _SOCKETS for hop in facts.hops)


def _changed_model_findings(
    case: _Case, requested: str, answered: str, terms: RegionTerms | None
) -> Iterator[Finding]:
    asked = requested.lower()
    planned = tuple(_one_model_findings(case, requested, terms))
    if any(finding.reason == "model.alias" for finding in planned):
        yield Finding("model.alias_resolved", ELIGIBLE, f"{requested} was answered by {answered}")
        if not _answers(case, asked, answered.lower()):
            yield Finding("model.changed", INDETERMINATE, f"{answered} is not {requested}")
        yield from _one_model_findings(case, answered, terms, answered=True)
        return
    yield from planned
    if undated(answered.lower()) == asked:
        if any(_listed(row, answered) for row in case.rows):
            yield Finding("model.alias_resolved", ELIGIBLE, f"{requested} was answered by {answered}")
            yield from _one_model_findings(case, answered, terms, answered=True)
        else:
            yield Finding("model.changed", INDETERMINATE, f"{answered} answered; listed is {requested} alone")
        return
    yield Finding("model.changed", INDETERMINATE, f"{requested} was asked, {answered} answered")
    yield from _one_model_findings(case, answered, terms, answered=True)


def _answers(case: _Case, alias: str, answered: str) -> bool:
    """Whether `answered` may be what `alias` points to; any may, where neither name nor catalogue tells."""
    entry = case.catalogue.aliases.get(alias)
    if undated(answered) == alias or (entry is not None and entry.of == answered):
        return True
    told = entry is None or entry.of is not None
    return not told and not any(
        undated(each.lower()) == alias for row in case.rows for each in row.models or ()
    )


def _one_model_findings(
    case: _Case, model: str, terms: RegionTerms | None, *, answered: bool = False
) -> Iterator[Finding]:
    name = model.lower()
    if name.startswith("ft:"):
        yield from _fine_tuned_findings(case, model, terms)
        return
    listed = [row for row in case.rows if _listed(row, model)]
    if not listed:
        yield _unlisted_finding(case, model, name)
        return
    if case.target is not None and terms is not None:
        yield from _model_region_findings(case, listed, model, terms)
    retired = case.catalogue.retired_models.get(name)
    if retired is not None and case.facts.on >= retired:
        yield Finding(
            "model.retired",
            ELIGIBLE if answered else INDETERMINATE,
            f"{model} was shut down on {retired}; the vendor may answer with another",
        )


def _unlisted_finding(case: _Case, model: str, name: str) -> Finding:
    if name in (unknown.lower() for unknown in case.revision.models_unknown):
        entry = case.catalogue.aliases.get(name)
        if entry is None:
            return Finding(
                "catalogue.models_unknown", INDETERMINATE, f"{case.revision.id} does not cover {model}"
            )
    if any(case.catalogue.is_alias(row, name) for row in case.rows):
        return Finding("model.alias", INDETERMINATE, f"{model} may point to any snapshot")
    return Finding(
        "model.not_listed",
        INELIGIBLE,
        f"{model} is not listed for {case.rows[0].services[0]} in {case.revision.id}",
    )


def _model_region_findings(
    case: _Case, listed: list[Row], model: str, terms: RegionTerms
) -> Iterator[Finding]:
    region = case.target or UNKNOWN
    name = model.lower()
    processes = any(region in row.processing for row in case.rows)
    for row in listed:
        regions = _value(row.model_regions, name)
        offered = region in row.storage and (regions is None or region in regions)
        if not offered:
            continue
        if case.policy.scope == "storage" or terms.processing != "yes" or not processes:
            return
        processed = row.processing_models.get(region, (name,))
        if region in row.processing and name in (each.lower() for each in processed):
            return
    yield Finding(
        "model.not_listed", INELIGIBLE, f"{model} is not listed for {case.policy.scope} in {region}"
    )


def _fine_tuned_findings(case: _Case, model: str, terms: RegionTerms | None) -> Iterator[Finding]:
    base = model.split(":")[1]
    tuning = case.catalogue.rows(case.revision, path_segments("/v1/fine_tuning/jobs"))
    if any(_listed(row, base) for row in case.rows) and any(_listed(row, base) for row in tuning):
        yield from _one_model_findings(case, base, terms)
        yield from _needs_findings(
            (("fine_tuned_inference",),),
            case.policy,
            "model.fine_tuned_undocumented",
            f"only training of {base} is documented",
        )
    else:
        yield Finding("model.not_listed", INELIGIBLE, f"{model} has no base that is listed here")


def _listed(row: Row, model: str) -> bool:
    name = model.lower()
    return any(name == each.lower() for each in row.models or ())


def _value(mapping: Mapping[str, tuple[str, ...]], name: str) -> tuple[str, ...] | None:
    return next((value for key, value in mapping.items() if key.lower() == name), None)


def _feature_findings(case: _Case, terms: RegionTerms | None) -> Iterator[Finding]:
    facts = case.facts
    features = facts.features
    if case.endpoint.endpoint and case.endpoint.endpoint.image_input and _sends(facts):
        features |= {"image_input"}
    if "structured_output" in features:
        yield Finding("schema.system_data", ELIGIBLE, "the schema is system data and may leave the region")
    if case.target is None or terms is None:
        return
    if "image_input" in features:
        yield from _needs_findings(terms.image_needs, case.policy, "image.needs_enhanced_zdr", "image input")
    for rule in case.revision.feature_rules:
        if rule.feature in features and _applies(rule, case, terms):
            unknown = rule.without_processing and terms.processing == "models-unknown"
            yield Finding(rule.reason, INDETERMINATE if unknown else Verdict(rule.verdict), rule.text)
    yield from _cache_default_findings(case, terms)
    yield from _file_findings(case)
    for tool in sorted(facts.tools):
        yield from _tool_findings(case, tool)


def _file_findings(case: _Case) -> Iterator[Finding]:
    files = case.catalogue.entries.file_reference_row
    if "file_reference" in case.facts.features:
        yield from _hosted_findings(case, files, "feature.file_reference", "a file by id or URL")
    elif "file_input" in case.facts.features:
        for finding in _hosted_findings(case, files, "feature.file_input", "a file in the prompt"):
            yield finding._replace(verdict=INDETERMINATE)


def _applies(rule: FeatureRule, case: _Case, terms: RegionTerms) -> bool:
    service = path_segments(rule.service)
    if case.endpoint.segments[: len(service)] != service:
        return False
    if any(name in case.policy.attest and case.policy.attest[name].value for name in rule.unless):
        return False
    if rule.without_processing:
        return terms.processing != "yes"
    if rule.regions:
        return case.target in rule.regions
    return case.target not in rule.outside_regions


def _cache_default_findings(case: _Case, terms: RegionTerms) -> Iterator[Finding]:
    default = case.catalogue.entries.prompt_cache_default
    if (
        default is None
        or case.facts.on < default.since
        or not _sends(case.facts)
        or "prompt_cache_in_memory" in case.facts.features
        or not any(
            rule.feature == "prompt_cache_24h" and _applies(rule, case, terms)
            for rule in case.revision.feature_rules
        )
    ):
        return
    for finding in _needs_findings((default.unless,), case.policy, "feature.prompt_cache", default.text):
        unknown = terms.processing == "models-unknown" and finding.verdict is INELIGIBLE
        yield finding._replace(verdict=INDETERMINATE) if unknown else finding


def _tool_findings(case: _Case, name: str) -> Iterator[Finding]:
    tool = case.catalogue.tools.get(name)
    if tool is None:
        yield Finding("feature.tool", INDETERMINATE, f"{name} is in no row of {case.revision.id}")
    elif tool.runs == "vendor":
        yield from _hosted_findings(case, tool.row, "feature.tool", name)
        if tool.third_party:
            yield Finding("feature.tool", INDETERMINATE, f"{name} sends data to a third party")


def _hosted_findings(case: _Case, row_id: str | None, reason: str, what: str) -> Iterator[Finding]:
    row = case.catalogue.feature_row(case.revision, row_id)
    if row is None:
        yield Finding(reason, INDETERMINATE, f"{what} is in no row of {case.revision.id}")
        return
    regions = row.processing if case.policy.scope == "processing" else row.storage
    if case.target not in regions:
        terms = case.revision.regions.get(case.target or "")
        unknown = terms is not None and terms.processing == "models-unknown" and bool(row.processing)
        yield Finding(
            reason,
            INDETERMINATE if unknown else INELIGIBLE,
            f"{what}: no {case.policy.scope} in {case.target}",
        )


def _tier_findings(case: _Case) -> Iterator[Finding]:
    if case.target is None:
        return
    facts = case.facts
    answer = facts.answer or Answer()
    named = (facts.model, answer.model, *(line.model for line in facts.batch_lines or ()))
    models = {model.lower() for model in named if model}
    tiers = {tier for tier in (facts.service_tier, answer.service_tier) if tier}
    if case.endpoint.segments[:2] == ("v1", "batches"):
        tiers = {"batch"}
    tiers -= {"auto"}
    for rule in case.revision.tier_rules:
        if rule.models and not models & {model.lower() for model in rule.models}:
            continue
        if rule.services and not any(
            case.endpoint.segments[: len(service)] == service for service in map(path_segments, rule.services)
        ):
            continue
        if not rule.regions or case.target in rule.regions:
            yield from _tier_rule_findings(rule, tiers, case.target)
    for tier in sorted(tiers - _known_tiers(case)):
        yield Finding("tier.not_available", INDETERMINATE, f"{case.revision.id} says nothing about {tier}")
    if "scale" in tiers:
        yield from _hosted_findings(
            case, case.catalogue.entries.scale_tier_row, "tier.not_available", "Scale Tier"
        )


def _known_tiers(case: _Case) -> set[str]:
    known = set(case.catalogue.entries.service_tiers)
    for rule in case.revision.tier_rules:
        known |= {*rule.allowed_tiers, *rule.denied_tiers, *((rule.tier,) if rule.tier else ())}
    return known


def _tier_rule_findings(rule: TierRule, tiers: set[str], region: str) -> Iterator[Finding]:
    if rule.allowed_regions:
        broken = region not in rule.allowed_regions and (rule.tier is None or rule.tier in tiers)
    else:
        broken = bool(tiers & set(rule.denied_tiers)) or (
            bool(rule.allowed_tiers) and bool(tiers - set(rule.allowed_tiers))
        )
    if broken:
        about_models = bool(rule.allowed_regions) and rule.tier is None
        yield Finding("model.not_listed" if about_models else "tier.not_available", INELIGIBLE, rule.text)


def _batch_findings(case: _Case, terms: RegionTerms | None) -> Iterator[Finding]:
    facts = case.facts
    if case.endpoint.segments != ("v1", "batches") or not _sends(facts):
        return
    if not facts.batch_lines:
        yield Finding("batch.contents_unseen", INDETERMINATE, "the lines of the input file were not seen")
        return
    for line in facts.batch_lines:
        yield from _line_findings(case, line, terms)
    if len({line.model for line in facts.batch_lines}) > 1:
        yield Finding("batch.model_mixed", ELIGIBLE, "a batch file may hold one model only")


def _line_findings(case: _Case, line: BatchLine, terms: RegionTerms | None) -> Iterator[Finding]:
    """What a line says: its model must stand in the row of batches and in that of its own endpoint."""
    segments = path_segments(line.path)
    endpoint = EndpointMatch(line.path, segments, case.catalogue.endpoint(segments))
    inner = case._replace(
        facts=case.facts._replace(features=line.features, tools=line.tools),
        endpoint=endpoint,
        rows=case.catalogue.rows(case.revision, segments) if endpoint.endpoint else (),
    )
    found: list[Finding] = []
    if line.model is None:
        yield Finding("batch.contents_unseen", INDETERMINATE, f"a line for {line.path} names no model")
    else:
        found += _one_model_findings(inner, line.model, terms) if inner.rows else ()
        found += _one_model_findings(case, line.model, terms)
    if not inner.rows or any(finding.verdict is INELIGIBLE for finding in found):
        detail = f"{line.model or 'a line'} on {line.path} may not stand in a batch"
        yield Finding("batch.line_ineligible", INELIGIBLE, detail)
        return
    yield from found
    yield from _feature_findings(inner, terms)
