"""Findings in, a decision out. Pure and total: the same answer live and in an audit, and no exception.

Where a rule comes from is in the catalogue beside it. What no table states is decided here once, and
never in favour of `eligible`.
"""

from collections.abc import Iterator
from datetime import date, timedelta
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
from otel_residency.core.facts import CallFacts, Hop
from otel_residency.core.policy import Policy
from otel_residency.core.verdict import SEVERITY, Decision, Finding, Verdict

ELIGIBLE, CONDITIONAL, INDETERMINATE, INELIGIBLE = (
    Verdict.ELIGIBLE,
    Verdict.CONDITIONAL,
    Verdict.INDETERMINATE,
    Verdict.INELIGIBLE,
)
GLOBAL = "global"
STALE_AFTER = timedelta(days=180)
"""Age of the newest revision from which verdicts say that the catalogue may be outdated."""


class _Case(NamedTuple):
    """What the rules look at: the facts, and what they were classified as."""

    facts: CallFacts
    catalogue: Catalogue
    policy: Policy
    revision: Revision
    hosts: tuple[HostMatch, ...]
    endpoint: EndpointMatch
    rows: tuple[Row, ...]
    target: str | None
    """The region whose terms apply: that of the first hop, where the requirement allows it."""


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
    endpoint = _endpoint(facts, catalogue, hosts)
    findings = list(_policy_findings(facts, catalogue, policy, revision))
    for number, (hop, host) in enumerate(zip(facts.hops, hosts, strict=True)):
        findings += _hop_findings(hop, host, policy, revision, first=number == 0)
    findings += _answer_findings(facts, hosts)
    if revision is not None and hosts and endpoint.content:
        segments = endpoint.segments
        case = _Case(
            facts,
            catalogue,
            policy,
            revision,
            hosts,
            endpoint,
            catalogue.rows(revision, segments) if segments else (),
            _target(hosts[0], policy, revision),
        )
        findings += _table_findings(case)
    return _decision(facts, catalogue, policy, revision, hosts, endpoint, findings)


def _decision(
    facts: CallFacts,
    catalogue: Catalogue,
    policy: Policy,
    revision: Revision | None,
    hosts: tuple[HostMatch, ...],
    endpoint: EndpointMatch,
    findings: list[Finding],
) -> Decision:
    ordered = tuple(sorted(dict.fromkeys(findings), key=lambda finding: -SEVERITY[finding.verdict]))
    if not endpoint.content or any(host.kind == "control-plane" for host in hosts[:1]):
        verdict = Verdict.NOT_APPLICABLE
        violation = False
    else:
        verdict = ordered[0].verdict if ordered else (ELIGIBLE if hosts else INDETERMINATE)
        violation = bool(policy.require) and (
            verdict is INELIGIBLE or (policy.strict and verdict is not ELIGIBLE)
        )
        violation = violation or (policy.unreadable is not None and policy.on_call == "block")
    return Decision(
        verdict=verdict,
        findings=ordered,
        violation=violation,
        region=hosts[-1].region if hosts else UNKNOWN,
        hop_regions=tuple(host.region for host in hosts),
        endpoint=endpoint.template,
        snapshot=_snapshot(facts, catalogue, revision, endpoint),
        catalogue=revision.id if revision else "none",
        required=policy.require,
    )


def _endpoint(
    facts: CallFacts, catalogue: Catalogue, hosts: tuple[HostMatch, ...]
) -> EndpointMatch:
    if not hosts:
        return EndpointMatch(UNKNOWN, ())
    first = hosts[0]
    provider = first.provider if first.kind in ("listed", "configured") else "openai"
    gateway = None if first.kind == "listed" and provider == "openai" else facts.base_path
    return match_endpoint(catalogue, provider, facts.method, facts.hops[0].path, gateway)


def _snapshot(
    facts: CallFacts, catalogue: Catalogue, revision: Revision | None, endpoint: EndpointMatch
) -> str | None:
    if facts.answer and facts.answer.model:
        return facts.answer.model
    if facts.model and revision is not None:
        for row in catalogue.rows(revision, endpoint.segments):
            if _listed(row, facts.model):
                return facts.model
    return None


def _target(host: HostMatch, policy: Policy, revision: Revision) -> str | None:
    if host.region in (UNKNOWN, GLOBAL):
        storage = _optional_prefix_region(policy, revision)
        return storage if host.region == GLOBAL else None
    return host.region if not policy.require or host.region in policy.require else None


def _optional_prefix_region(policy: Policy, revision: Revision) -> str | None:
    """A required region whose storage did not need the host prefix in this revision."""
    if policy.scope != "storage":
        return None
    return next(
        (
            code
            for code in policy.require
            if (terms := revision.regions.get(code)) and not terms.prefix_required
        ),
        None,
    )


def _policy_findings(
    facts: CallFacts, catalogue: Catalogue, policy: Policy, revision: Revision | None
) -> Iterator[Finding]:
    if policy.unreadable is not None:
        yield Finding("policy.unreadable", INDETERMINATE, policy.unreadable)
    if revision is None:
        yield Finding("catalogue.no_revision", INDETERMINATE, f"no table is known for {facts.on}")
        return
    known_until = max(
        (catalogue.entries.generated or date.min, revision.effective_from),
    )
    age = facts.on - known_until
    if policy.catalogue_max_age is not None and age > timedelta(days=policy.catalogue_max_age):
        yield Finding("catalogue.stale", INDETERMINATE, f"{revision.id} is older than the policy allows")
    elif age > STALE_AFTER:
        yield Finding("catalogue.stale", ELIGIBLE, f"{revision.id} was last checked on {known_until}")


def _hop_findings(
    hop: Hop, host: HostMatch, policy: Policy, revision: Revision | None, *, first: bool
) -> Iterator[Finding]:
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
    if hop.redirected and not first and not _allowed(host, policy):
        code = "redirect.payload_left_region" if hop.payload else "redirect.left_region"
        yield Finding(code, INELIGIBLE, f"redirected to {host.host}")


def _allowed(host: HostMatch, policy: Policy) -> bool:
    return host.region in policy.require if policy.require else host.region not in (UNKNOWN, GLOBAL)


def _host_findings(host: HostMatch, policy: Policy, revision: Revision | None) -> Iterator[Finding]:
    required = ", ".join(policy.require)
    if host.kind == "bogus":
        yield Finding("host.bogus", INELIGIBLE, f"{host.host}: {host.note}")
    elif host.kind == "lookalike":
        yield Finding("host.lookalike", INELIGIBLE, f"{host.host}: {host.note}")
    elif host.kind == "control-plane":
        return
    elif host.region == UNKNOWN:
        if policy.require and host.regions and not set(host.regions) & set(policy.require):
            candidates = " or ".join(host.regions)
            yield Finding("host.region_mismatch", INELIGIBLE, f"{host.host} is {candidates}, not {required}")
        else:
            yield Finding("host.unknown", INDETERMINATE, f"the region of {host.host} is not known")
    elif host.region == GLOBAL:
        if not policy.require:
            yield Finding("host.global", INDETERMINATE, f"{host.host} has no region")
        elif revision is None or _optional_prefix_region(policy, revision) is None:
            yield Finding("host.global", INELIGIBLE, f"{host.host} has no region, required: {required}")
        else:
            yield from _needs_findings(
                (("region_approval",),), policy, "host.global", f"{host.host} shows no project geography"
            )
    elif policy.require and host.region not in policy.require:
        yield Finding("host.region_mismatch", INELIGIBLE, f"{host.host} is {host.region}, not {required}")


def _answer_findings(facts: CallFacts, hosts: tuple[HostMatch, ...]) -> Iterator[Finding]:
    if facts.answer and facts.answer.refusal and hosts:
        yield Finding(
            "host.refused_by_vendor",
            INELIGIBLE,
            f"{hosts[-1].host} answered {facts.answer.refusal}: host and project do not belong together",
        )


def _table_findings(case: _Case) -> Iterator[Finding]:
    provider = case.hosts[0].provider
    if case.hosts[0].kind in ("listed", "configured") and provider != "openai":
        yield from _other_provider_findings(case)
        return
    template = case.endpoint.template
    retired = _retired_endpoint(case)
    if retired is not None:
        yield Finding("endpoint.retired", INELIGIBLE, f"{template} was shut down on {retired}")
    if not case.rows:
        yield Finding(
            "endpoint.not_listed", INELIGIBLE, f"{template} is in no row of {case.revision.id}"
        )
        return
    row = case.rows[0]
    terms = case.revision.regions.get(case.target) if case.target else None
    if case.target is not None:
        yield from _region_findings(case, row, terms)
    yield from _model_findings(case, terms)
    if case.facts.body_unseen:
        yield Finding("request.unseen", INDETERMINATE, "the request body could not be read")
    yield from _feature_findings(case, terms)
    yield from _tier_findings(case)
    yield from _batch_findings(case)


def _other_provider_findings(case: _Case) -> Iterator[Finding]:
    host = case.hosts[0]
    own = host.configured
    if own is None or not own.deployments:
        yield Finding(
            "provider.not_covered",
            INDETERMINATE,
            f"{host.provider} is not covered by {case.revision.id}; its terms decide",
        )
        return
    name = case.endpoint.deployment or case.facts.model or ""
    kind = case.catalogue.deployments.get((host.provider, own.deployments.get(name, "")))
    if kind is None:
        yield Finding("deployment.unknown", INDETERMINATE, f"the type of deployment {name!r} is not known")
    elif kind.stays_in == "anywhere" and case.policy.scope == "processing":
        yield Finding("deployment.leaves_region", INELIGIBLE, f"{kind.sku}: {kind.processing}")


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
    if terms is None or not (stored or processed):
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
        elif (
            case.facts.method == "POST"
            and not case.facts.body_unseen
            and (endpoint is None or endpoint.model_at)
        ):
            yield Finding("model.not_stated", INDETERMINATE, "the request names no model")
        return
    if answered is None or answered.lower() == requested.lower():
        yield from _one_model_findings(case, requested, terms, answered=answered is not None)
        return
    yield from _changed_model_findings(case, requested, answered, terms)


def _changed_model_findings(
    case: _Case, requested: str, answered: str, terms: RegionTerms | None
) -> Iterator[Finding]:
    asked = requested.lower()
    planned = tuple(_one_model_findings(case, requested, terms))
    if any(finding.reason == "model.alias" for finding in planned):
        resolved = undated(answered.lower()) == asked or _alias_of(case, asked) in (None, answered.lower())
        yield Finding("model.alias_resolved", ELIGIBLE, f"{requested} was answered by {answered}")
        if not resolved:
            yield Finding("model.changed", INDETERMINATE, f"{answered} is not {requested}")
        yield from _one_model_findings(case, answered, terms, answered=True)
        return
    yield from planned
    if undated(answered.lower()) == asked:
        if any(_listed(row, answered) for row in case.rows):
            yield Finding("model.alias_resolved", ELIGIBLE, f"{requested} was answered by {answered}")
            yield from _one_model_findings(case, answered, terms, answered=True)
        else:
            yield Finding(
                "model.changed", INDETERMINATE, f"{answered} answered; listed is {requested} alone"
            )
        return
    yield Finding("model.changed", INDETERMINATE, f"{requested} was asked, {answered} answered")
    yield from _one_model_findings(case, answered, terms, answered=True)


def _alias_of(case: _Case, alias: str) -> str | None:
    entry = case.catalogue.aliases.get(alias)
    return entry.of if entry else None


def _one_model_findings(
    case: _Case, model: str, terms: RegionTerms | None, *, answered: bool = False
) -> Iterator[Finding]:
    name = model.lower()
    if name.startswith("ft:"):
        yield from _fine_tuned_findings(case, model)
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
    for row in listed:
        regions = _value(row.model_regions, name)
        offered = region in row.storage and (regions is None or region in regions)
        processed = row.processing_models.get(region)
        if not offered:
            continue
        if (
            case.policy.scope == "storage"
            or terms.processing != "yes"
            or region not in row.processing
            or processed is None
            or name in (each.lower() for each in processed)
        ):
            return
    yield Finding(
        "model.not_listed", INELIGIBLE, f"{model} is not listed for {case.policy.scope} in {region}"
    )


def _fine_tuned_findings(case: _Case, model: str) -> Iterator[Finding]:
    base = model.split(":")[1] if model.count(":") else ""
    tuning = case.catalogue.rows(case.revision, path_segments("/v1/fine_tuning/jobs"))
    if any(_listed(row, base) for row in case.rows) and any(_listed(row, base) for row in tuning):
        yield from _needs_findings(
            (("fine_tuned_inference",),),
            case.policy,
            "model.fine_tuned_undocumented",
            f"only training of {base} is documented",
        )
    else:
        yield Finding(
            "model.not_listed", INELIGIBLE, f"{base or model} is not listed as a base for fine-tuning here"
        )


def _listed(row: Row, model: str) -> bool:
    name = model.lower()
    return any(name == each.lower() for each in row.models or ())


def _value(mapping: object, name: str) -> tuple[str, ...] | None:
    items = getattr(mapping, "items", dict)()
    return next((value for key, value in items if key.lower() == name), None)


def _feature_findings(case: _Case, terms: RegionTerms | None) -> Iterator[Finding]:
    facts = case.facts
    features = facts.features
    if case.endpoint.endpoint and case.endpoint.endpoint.image_input and facts.method == "POST":
        features |= {"image_input"}
    if "structured_output" in features:
        yield Finding(
            "schema.system_data", ELIGIBLE, "the schema is system data and may leave the region"
        )
    if case.target is None or terms is None:
        return
    if "image_input" in features:
        yield from _needs_findings(
            terms.image_needs, case.policy, "image.needs_enhanced_zdr", "image input"
        )
    for rule in case.revision.feature_rules:
        if rule.feature in features and _applies(rule, case, terms):
            yield Finding(rule.reason, Verdict(rule.verdict), rule.text)
    yield from _cache_default_findings(case, terms)
    if "file_reference" in features:
        yield from _hosted_findings(
            case, case.catalogue.entries.file_reference_row, "feature.file_reference", "a file by id or URL"
        )
    for tool in sorted(facts.tools):
        yield from _tool_findings(case, tool)


def _applies(rule: FeatureRule, case: _Case, terms: RegionTerms) -> bool:
    service = path_segments(rule.service)
    if case.endpoint.segments[: len(service)] != service:
        return False
    if any(name in case.policy.attest and case.policy.attest[name].value for name in rule.unless):
        return False
    if rule.without_processing:
        return terms.processing == "no"
    if rule.regions:
        return case.target in rule.regions
    return case.target not in rule.outside_regions


def _cache_default_findings(case: _Case, terms: RegionTerms) -> Iterator[Finding]:
    default = case.catalogue.entries.prompt_cache_default
    if (
        default is None
        or terms.processing != "no"
        or case.facts.on < default.since
        or case.facts.method != "POST"
        or not any(
            rule.feature == "prompt_cache_24h" and _applies(rule, case, terms)
            for rule in case.revision.feature_rules
        )
    ):
        return
    yield from _needs_findings((default.unless,), case.policy, "feature.prompt_cache", default.text)


def _tool_findings(case: _Case, name: str) -> Iterator[Finding]:
    tool = case.catalogue.tools.get(name)
    if tool is None:
        yield Finding("feature.tool", INDETERMINATE, f"{name} is in no row of {case.revision.id}")
    elif tool.runs == "vendor":
        yield from _hosted_findings(case, tool.row, "feature.tool", name)
        if tool.third_party:
            yield Finding("feature.tool", INDETERMINATE, f"{name} sends data to a third party")


def _hosted_findings(
    case: _Case, row_id: str | None, reason: str, what: str
) -> Iterator[Finding]:
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
    models = {model.lower() for model in (facts.model, facts.answer and facts.answer.model) if model}
    tiers = {tier for tier in (facts.service_tier, facts.answer and facts.answer.service_tier) if tier}
    if case.endpoint.segments[:2] == ("v1", "batches"):
        tiers = {"batch"}
    tiers -= {"auto"}
    for rule in case.revision.tier_rules:
        if rule.models and not models & {model.lower() for model in rule.models}:
            continue
        if rule.services and not any(
            case.endpoint.segments[: len(service)] == service
            for service in map(path_segments, rule.services)
        ):
            continue
        if not rule.regions or case.target in rule.regions:
            yield from _tier_rule_findings(rule, tiers, case.target)
    if "scale" in tiers:
        yield from _hosted_findings(
            case, case.catalogue.entries.scale_tier_row, "tier.not_available", "Scale Tier"
        )


def _tier_rule_findings(rule: TierRule, tiers: set[str], region: str) -> Iterator[Finding]:
    if rule.allowed_regions:
        broken = region not in rule.allowed_regions and (rule.tier is None or rule.tier in tiers)
    else:
        broken = bool(tiers & set(rule.denied_tiers)) or (
            bool(rule.allowed_tiers) and bool(tiers - set(rule.allowed_tiers))
        )
    if broken:
        yield Finding("tier.not_available", INELIGIBLE, rule.text)


def _batch_findings(case: _Case) -> Iterator[Finding]:
    facts = case.facts
    if case.endpoint.segments != ("v1", "batches") or facts.method != "POST":
        return
    if facts.batch_lines is None:
        yield Finding("batch.contents_unseen", INDETERMINATE, "the lines of the input file were not seen")
        return
    batch_rows = case.rows
    for line in facts.batch_lines:
        segments = path_segments(line.path)
        rows = case.catalogue.rows(case.revision, segments)
        inner = case._replace(
            rows=rows, endpoint=EndpointMatch(line.path, segments, case.catalogue.endpoint(segments))
        )
        terms = case.revision.regions.get(case.target or "")
        if line.model is None:
            yield Finding("batch.contents_unseen", INDETERMINATE, f"a line for {line.path} names no model")
            continue
        found = [
            *(_one_model_findings(inner, line.model, terms) if rows else ()),
            *_one_model_findings(case._replace(rows=batch_rows), line.model, terms),
        ]
        worst = max((SEVERITY[finding.verdict] for finding in found), default=0)
        if not rows or worst == SEVERITY[INELIGIBLE]:
            yield Finding(
                "batch.line_ineligible",
                INELIGIBLE,
                f"{line.model} on {line.path} may not stand in a batch",
            )
        else:
            yield from found
    if len({line.model for line in facts.batch_lines}) > 1:
        yield Finding("batch.model_mixed", ELIGIBLE, "a batch file may hold one model only")
