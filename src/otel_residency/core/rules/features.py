"""Rules for features of a request: footnotes, images, files, caching and tools."""

from collections.abc import Iterator

from otel_residency.core.catalogue import path_segments
from otel_residency.core.revision import FeatureRule, RegionTerms
from otel_residency.core.rules.case import Case, sends
from otel_residency.core.rules.terms import holds_here, needs_here
from otel_residency.core.verdict import ELIGIBLE, INDETERMINATE, INELIGIBLE, Finding, Verdict


def feature_findings(case: Case, terms: RegionTerms | None) -> Iterator[Finding]:
    """Findings about the features of the request in the region."""
    facts = case.facts
    features = facts.features
    if case.endpoint.endpoint and case.endpoint.endpoint.image_input and sends(facts):
        features |= {"image_input"}
    always_cached = _always_cached(case)
    if always_cached is not None:
        features |= {"prompt_cache_24h"}
    if "structured_output" in features:
        yield Finding("schema.system_data", ELIGIBLE, "the schema is system data and may leave the region")
    yield from unknown_type_findings(case)
    if case.target is None or terms is None:
        return
    if "image_input" in features:
        yield from needs_here(case, terms.image_needs, "image.needs_enhanced_zdr", "image input")
    for rule in case.revision.feature_rules:
        if rule.feature in features and _applies(rule, case, terms):
            unknown = rule.without_processing and terms.processing == "models-unknown"
            by_model = always_cached is not None and rule.feature == "prompt_cache_24h"
            detail = f"{always_cached} knows no other caching; {rule.text}" if by_model else rule.text
            yield Finding(rule.reason, INDETERMINATE if unknown else Verdict(rule.verdict), detail)
    if "prompt_cache_24h" not in features:
        yield from _cache_default_findings(case, terms)
    yield from _file_findings(case)
    for tool in sorted(facts.tools):
        yield from _tool_findings(case, tool)


def unknown_type_findings(case: Case) -> Iterator[Finding]:
    """A doubt for each type of a part, item or parameter that the catalogue does not know."""
    for name in sorted(case.facts.unknown_types):
        yield Finding("feature.unknown_type", INDETERMINATE, f"the catalogue does not know the type {name}")


def _always_cached(case: Case) -> str | None:
    """The model of request or response that knows only extended caching, if any."""
    default, answer = case.catalogue.entries.prompt_cache_default, case.facts.answer
    models = (case.facts.model, *(answer.values("model") if answer is not None else ()))
    always = default.always if default is not None else ()
    return next((model for model in models if model is not None and model.lower() in always), None)


def _file_findings(case: Case) -> Iterator[Finding]:
    files = case.catalogue.entries.file_reference_row
    if "file_reference" in case.facts.features:
        yield from hosted_findings(case, files, "feature.file_reference", "a file by id or URL")
    elif "file_input" in case.facts.features:
        for finding in hosted_findings(case, files, "feature.file_input", "a file in the prompt"):
            yield finding._replace(verdict=INDETERMINATE)


def _applies(rule: FeatureRule, case: Case, terms: RegionTerms) -> bool:
    service = path_segments(rule.service)
    if case.endpoint.segments[: len(service)] != service:
        return False
    if any(holds_here(case, name) for name in rule.unless):
        return False
    if rule.without_processing:
        return terms.processing != "yes"
    if rule.regions:
        return case.target in rule.regions
    return case.target not in rule.outside_regions


def _cache_default_findings(case: Case, terms: RegionTerms) -> Iterator[Finding]:
    default = case.catalogue.entries.prompt_cache_default
    if (
        default is None
        or case.facts.on < default.since
        or not sends(case.facts)
        or "prompt_cache_in_memory" in case.facts.features
        or not any(
            rule.feature == "prompt_cache_24h" and _applies(rule, case, terms)
            for rule in case.revision.feature_rules
        )
    ):
        return
    for finding in needs_here(case, (default.unless,), "feature.prompt_cache", default.text):
        unknown = terms.processing == "models-unknown" and finding.verdict is INELIGIBLE
        yield finding._replace(verdict=INDETERMINATE) if unknown else finding


def _tool_findings(case: Case, name: str) -> Iterator[Finding]:
    tool = case.catalogue.tools.get(name)
    if tool is None:
        yield Finding("feature.tool", INDETERMINATE, f"{name} is in no row of {case.revision.id}")
    elif tool.runs == "vendor":
        yield from hosted_findings(case, tool.row, "feature.tool", name)
        if tool.third_party:
            yield Finding("feature.tool", INDETERMINATE, f"{name} sends data to a third party")


def hosted_findings(case: Case, row_id: str | None, reason: str, what: str) -> Iterator[Finding]:
    """Whether a feature that the vendor hosts is offered in the region, by its row."""
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
