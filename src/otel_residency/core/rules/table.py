"""Rules of the vendor's table for one place that a call reached: endpoint, region, cloud deployment."""

from collections.abc import Iterator
from datetime import date

from otel_residency.core.regions import UNKNOWN
from otel_residency.core.revision import RegionTerms, Row
from otel_residency.core.rules.batches import at_scope_of_lines, batch_findings, batch_of
from otel_residency.core.rules.case import Case
from otel_residency.core.rules.features import feature_findings, unknown_type_findings
from otel_residency.core.rules.models import model_findings
from otel_residency.core.rules.projects import default_tier
from otel_residency.core.rules.second_models import second_model_findings
from otel_residency.core.rules.state import state_findings
from otel_residency.core.rules.terms import needs_here
from otel_residency.core.rules.tiers import tier_findings
from otel_residency.core.verdict import INDETERMINATE, INELIGIBLE, Finding

MISSING_TERM = "attestation.missing"
"""The code for a contract term that a region or endpoint requires and the policy does not state."""


def table_findings(case: Case) -> Iterator[Finding]:
    """All findings of the table about one place."""
    case = at_scope_of_lines(case)
    found = list(_row_findings(case))
    yield from found
    if case.facts.references:
        yield from state_findings(case, found)


def _row_findings(case: Case) -> Iterator[Finding]:
    """Findings from the rows and footnotes of the table."""
    if case.facts.body_unseen:
        yield Finding("request.unseen", INDETERMINATE, "the request body could not be read")
    if not case.endpoint.canonical:
        detail = (
            "servers read the path in different ways: it has an escaped slash, a dot segment, or the like"
        )
        yield Finding("endpoint.ambiguous", INDETERMINATE, detail)
    if case.host.kind in ("listed", "configured") and case.host.provider != "openai":
        yield from _other_provider_findings(case)
        return
    batch = batch_of(case)
    if batch is not None:
        yield from table_findings(batch)
    template = case.endpoint.template
    retired = _retired_endpoint(case)
    if retired is not None:
        yield Finding("endpoint.retired", INELIGIBLE, f"{template} was shut down on {retired}")
    if not case.rows:
        path = "the path" if template == UNKNOWN else template
        yield Finding("endpoint.not_listed", INELIGIBLE, f"{path} is in no row of {case.revision.id}")
        return
    row = case.rows[0]
    if case.endpoint.endpoint is None:
        below = row.services[0]
        yield Finding("endpoint.not_listed", INDETERMINATE, f"the path below {below} is not a known endpoint")
    terms = case.revision.regions.get(case.target) if case.target else None
    if case.target is not None:
        yield from _region_findings(case, row, terms)
    yield from model_findings(case, terms)
    yield from second_model_findings(case, terms)
    yield from feature_findings(case, terms)
    yield from tier_findings(case, default_tier(case.facts, case.host, case.policy))
    yield from batch_findings(case, terms)


def _other_provider_findings(case: Case) -> Iterator[Finding]:
    host = case.host
    configured = host.configured
    yield from _profile_findings(case)
    if configured is None or not configured.deployments:
        yield Finding(
            "provider.not_covered",
            INDETERMINATE,
            f"{host.provider} is not covered by {case.revision.id}; its terms decide",
        )
        return
    if case.endpoint.endpoint is None:
        yield Finding(
            "endpoint.not_listed", INDETERMINATE, f"the path is not a known endpoint of {host.provider}"
        )
    name = case.endpoint.deployment or case.facts.model or ""
    kind = case.catalogue.deployments.get((host.provider, configured.deployments.get(name, "")))
    if kind is None:
        yield Finding("deployment.unknown", INDETERMINATE, f"the type of deployment {name!r} is not known")
    elif case.policy.scope == "processing":
        detail = f"{kind.sku}: {kind.processing}"
        if kind.stays_in == "anywhere":
            yield Finding("deployment.leaves_region", INELIGIBLE, detail)
        elif kind.stays_in == "zone" and host.region not in kind.zones:
            yield Finding(
                "deployment.leaves_region", INDETERMINATE, f"{detail}; {host.region} is not such a zone"
            )
    for name in sorted(case.facts.tools):
        tool = case.catalogue.tools.get(name)
        if tool is None or tool.runs == "vendor":
            yield Finding("feature.tool", INDETERMINATE, f"{name} of {host.provider} is in no table")
    yield from unknown_type_findings(case)
    for second in sorted(case.facts.second_models):
        yield Finding("model.second", INDETERMINATE, f"{second.at} of {host.provider} is in no table")


def _profile_findings(case: Case) -> Iterator[Finding]:
    """Whether the prefix of the model's id lets the cloud route the request to other regions."""
    prefix, dot, _ = (case.facts.model or "").partition(".")
    profile = case.catalogue.inference_profiles.get((case.host.provider, prefix)) if dot else None
    if profile is None or case.policy.scope != "processing":
        return
    allowed = case.policy.require or (case.host.region,)
    if not profile.zones or not set(profile.zones) <= set(allowed):
        reach = ", ".join(profile.zones) or "any region"
        yield Finding(
            "deployment.leaves_region",
            INELIGIBLE,
            f"the model prefix {prefix}. lets the cloud route to {reach}",
        )


def _retired_endpoint(case: Case) -> date | None:
    for path, day in case.catalogue.retired_endpoints:
        if case.endpoint.segments[: len(path)] == path and case.facts.on >= day:
            return day
    return None


def _region_findings(case: Case, row: Row, terms: RegionTerms | None) -> Iterator[Finding]:
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
    yield from needs_here(case, terms.needs, MISSING_TERM, f"{terms.name} requires it")
