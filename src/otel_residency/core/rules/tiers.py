"""Rules for service tiers, by the footnotes of the table."""

from collections.abc import Iterator

from otel_residency.core.catalogue import path_segments
from otel_residency.core.facts import Answer
from otel_residency.core.revision import TierRule
from otel_residency.core.rules.case import Case
from otel_residency.core.rules.features import hosted_findings
from otel_residency.core.verdict import INDETERMINATE, INELIGIBLE, Finding


def tier_findings(case: Case, default: str = "") -> Iterator[Finding]:
    """Whether the tiers of request and response are offered for the model and region.

    `default` is the tier of a request that names none, as far as it is known.
    """
    if case.target is None:
        return
    facts = case.facts
    answer = facts.answer or Answer()
    named = (
        facts.model,
        *answer.values("model"),
        *(second.model for second in facts.second_models),
        *(line.model for line in facts.batch_lines or ()),
    )
    models = {model.lower() for model in named if model}
    tiers = {
        tier for tier in (facts.service_tier, *answer.values("service_tier"), *facts.second_tiers) if tier
    }
    if default and facts.service_tier in (None, "auto"):
        tiers.add(default)
    if case.endpoint.segments[:2] == ("v1", "batches"):
        tiers = {"batch"}
    # "auto" leaves the choice to the vendor, whose answer names the tier.
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
    listed = _listed_tiers(case)
    for tier in sorted(tiers - listed):
        detail = f"unknown service tier {tier!r}; {case.revision.id} covers: {', '.join(sorted(listed))}"
        yield Finding("tier.unknown", INDETERMINATE, detail)
    if "scale" in tiers:
        yield from hosted_findings(
            case, case.catalogue.entries.scale_tier_row, "tier.not_available", "Scale Tier"
        )


def _listed_tiers(case: Case) -> set[str]:
    listed = set(case.catalogue.entries.service_tiers)
    for rule in case.revision.tier_rules:
        listed |= {*rule.allowed_tiers, *rule.denied_tiers, *((rule.tier,) if rule.tier else ())}
    return listed


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
