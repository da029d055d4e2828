"""The verdict on an imagined call, with everything that it rests on."""

from datetime import date
from typing import Any, NamedTuple

from otel_residency.catalogue.citations import sources_for, table_sources
from otel_residency.core.catalogue import Catalogue, path_segments
from otel_residency.core.entries import Source
from otel_residency.core.facts import CallFacts
from otel_residency.core.reasons import REASONS
from otel_residency.core.verdict import Verdict
from otel_residency.guard import Guard

_BY_STRUCTURE = frozenset({"file_reference", "image_input"})
"""Features that show in the structure of a request, and not at a key."""


class Told(NamedTuple):
    """A finding, and what people are told about its code."""

    reason: str
    verdict: Verdict
    detail: str
    meaning: str
    fix: str
    rests_on: str
    sources: tuple[Source, ...]


class Rule(NamedTuple):
    """A row of the vendor's table that the endpoint stands in."""

    row: str
    services: tuple[str, ...]
    storage: tuple[str, ...]
    processing: tuple[str, ...]
    lists_model: bool | None
    """Whether it lists the model by this very id; absent for a row that lists none."""


class Judged(NamedTuple):
    """The answer."""

    verdict: Verdict
    violation: bool
    on: date
    method: str
    url: str
    endpoint: str
    model: str | None
    service_tier: str | None
    features: tuple[str, ...]
    tools: tuple[str, ...]
    region: str
    required: tuple[str, ...]
    scope: str
    strict: bool
    findings: tuple[Told, ...]
    rules: tuple[Rule, ...]
    catalogue: str
    sources: tuple[Source, ...]
    """Where the rows were read."""
    policy: str


def known_features(catalogue: Catalogue) -> frozenset[str]:
    """Every feature that the rules of the catalogue may speak of."""
    entries = catalogue.entries
    shown: tuple[Any, ...] = (*entries.features, *entries.part_types)
    ruled = (rule.feature for revision in catalogue.revisions for rule in revision.feature_rules)
    return frozenset((*(each.feature for each in shown), *ruled, *_BY_STRUCTURE))


def judge(facts: CallFacts, guard: Guard) -> Judged:
    """Judge a call of one hop."""
    decision = guard.judge(facts).decision
    catalogue, policy = guard.catalogue, guard.settings.policy
    revision = catalogue.revision_on(facts.on)
    rows = catalogue.rows(revision, path_segments(decision.endpoint)) if revision else ()
    (hop,) = facts.hops
    port = f":{hop.port}" if hop.port else ""
    return Judged(
        verdict=decision.verdict,
        violation=decision.violation,
        on=facts.on,
        method=facts.method,
        url=f"{hop.scheme}://{hop.host}{port}{hop.path}",
        endpoint=decision.endpoint,
        model=facts.model,
        service_tier=facts.service_tier,
        features=tuple(sorted(facts.features)),
        tools=tuple(sorted(facts.tools)),
        region=decision.region,
        required=decision.required,
        scope=policy.scope,
        strict=policy.strict,
        findings=tuple(
            Told(
                *finding,
                *REASONS[finding.reason][:3],
                sources_for(finding.reason, facts, catalogue, revision),
            )
            for finding in decision.findings
        ),
        rules=tuple(
            Rule(row.id, row.services, row.storage, row.processing, _lists(row.models, facts.model))
            for row in rows
        ),
        catalogue=decision.catalogue,
        sources=table_sources(catalogue, revision, "rows"),
        policy=guard.settings.policy_hash,
    )


def _lists(models: tuple[str, ...] | None, model: str | None) -> bool | None:
    if models is None or model is None:
        return None
    return model.lower() in (each.lower() for each in models)
