"""Rules for models: listed snapshots, aliases, fine-tuned models, and models that replaced them."""

from collections.abc import Iterator, Mapping
from datetime import date

from otel_residency.core.catalogue import path_segments, undated
from otel_residency.core.regions import UNKNOWN
from otel_residency.core.revision import RegionTerms, Row
from otel_residency.core.rules.case import Case, listed, sends
from otel_residency.core.rules.terms import needs_here
from otel_residency.core.verdict import ELIGIBLE, INDETERMINATE, INELIGIBLE, Finding


def model_findings(case: Case, terms: RegionTerms | None) -> Iterator[Finding]:
    """Findings about the models of request and response together."""
    if not any(row.models is not None for row in case.rows):
        return
    answered = () if case.facts.answer is None else case.facts.answer.values("model")
    requested = case.facts.model
    endpoint = case.endpoint.endpoint
    if requested is None:
        for model in answered:
            yield from one_model_findings(case, _listed_spelling(case, model), terms, answered=True)
        if not answered and (
            sends(case.facts) and not case.facts.body_unseen and (endpoint is None or endpoint.model_at)
        ):
            yield Finding("model.not_stated", INDETERMINATE, "the request names no model")
        return
    name = requested.lower()
    others = [model for model in answered if name not in (model.lower(), _listed_spelling(case, model))]
    if not others:
        yield from one_model_findings(case, requested, terms, answered=bool(answered))
    for model in others:
        yield from _changed_model_findings(case, requested, model, terms)


def _listed_spelling(case: Case, answered: str) -> str:
    """The listed id of a model that answers in another spelling, unless a table lists that one, too."""
    if any(listed(row, answered) for row in case.rows):
        return answered
    return case.catalogue.spellings.get(answered.lower(), answered)


def _changed_model_findings(
    case: Case, requested: str, answered: str, terms: RegionTerms | None
) -> Iterator[Finding]:
    """Findings where another name than the requested one answered."""
    name = requested.lower()
    planned = tuple(one_model_findings(case, requested, terms))
    if any(finding.reason == "model.alias" for finding in planned):
        yield _alias_finding(case, requested, answered)
        yield from one_model_findings(case, answered, terms, answered=True)
        return
    yield from planned
    # A name without a date may be listed itself: then only snapshots that are listed too are the same model.
    if undated(answered.lower()) == name:
        if any(listed(row, answered) for row in case.rows):
            yield Finding("model.alias_resolved", ELIGIBLE, f"{requested} was answered by {answered}")
            yield from one_model_findings(case, answered, terms, answered=True)
        else:
            yield Finding("model.changed", INDETERMINATE, f"{answered} answered; only {requested} is listed")
        return
    yield Finding("model.changed", INDETERMINATE, f"{requested} was requested, {answered} answered")
    yield from one_model_findings(case, answered, terms, answered=True)


def _alias_finding(case: Case, alias: str, answered: str) -> Finding:
    """Whether an answer resolves an alias, by its family or its name; a model of another family does not."""
    name, model = alias.lower(), answered.lower()
    entry = case.catalogue.aliases.get(name)
    family = () if entry is None else entry.family
    if undated(model) == name or model in (each.lower() for each in family):
        return Finding("model.alias_resolved", ELIGIBLE, f"{alias} was answered by {answered}")
    # The snapshots of its own name are a family, too, if the table lists them.
    if family or any(undated(each.lower()) == name for row in case.rows for each in row.models or ()):
        return Finding("model.changed", INDETERMINATE, f"{alias} was answered by {answered}, another model")
    return Finding(
        "model.alias", INDETERMINATE, f"whether {alias} may be answered by {answered} is not known"
    )


def one_model_findings(
    case: Case, model: str, terms: RegionTerms | None, *, answered: bool = False
) -> Iterator[Finding]:
    """Findings about one model for this endpoint and region."""
    name = model.lower()
    # What follows "ft:" is the base model, and a table lists that.
    if name.startswith("ft:"):
        yield from _fine_tuned_findings(case, model, terms)
        return
    rows = [row for row in case.rows if listed(row, model)]
    if not rows:
        yield _unlisted_finding(case, model, name)
        return
    if case.target is not None and terms is not None:
        yield from _model_region_findings(case, rows, model, terms)
    retired = case.catalogue.retired_models.get(name)
    if retired is not None and case.facts.on >= retired:
        yield Finding(
            "model.retired",
            ELIGIBLE if answered else INDETERMINATE,
            f"{model} was shut down on {retired}; the vendor may answer with another",
        )


def _unlisted_finding(case: Case, model: str, name: str) -> Finding:
    if not _is_left_open(case, name) and any(case.catalogue.is_alias(row, name) for row in case.rows):
        return Finding("model.alias", INDETERMINATE, f"{model} may point to any snapshot")
    detail = f"{model} is not listed for {case.endpoint.template} in {case.revision.id}"
    return _unread_finding(case, model) or Finding("model.not_listed", INELIGIBLE, detail)


def _is_left_open(case: Case, name: str) -> bool:
    """Whether the table is known to be partial just where it would list this model."""
    left_open = (each.lower() for each in case.revision.models_unknown)
    return name in left_open and name not in case.catalogue.aliases


def _unread_finding(case: Case, model: str) -> Finding | None:
    """That the unread part of a partial table may list `model`, which the newest complete one could not."""
    revision, name = case.revision, model.lower()
    if revision.is_complete:
        return None
    complete = case.catalogue.newest_complete(revision)
    until = case.catalogue.last_seen(complete) if complete is not None else date.min
    if not _is_left_open(case, name) and case.catalogue.was_known(name, until):
        return None
    tables = f"{revision.id}, which is partial"
    if complete is not None:
        tables = f"{complete.id}, complete until {until}, and {tables}"
    return Finding("catalogue.models_unknown", INDETERMINATE, f"{model} is not listed in {tables}")


def _model_region_findings(case: Case, rows: list[Row], model: str, terms: RegionTerms) -> Iterator[Finding]:
    region = case.target or UNKNOWN
    name = model.lower()
    processes = any(region in row.processing for row in case.rows)
    for row in rows:
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


def _fine_tuned_findings(case: Case, model: str, terms: RegionTerms | None) -> Iterator[Finding]:
    base = model.split(":")[1]
    tuning = case.catalogue.rows(case.revision, path_segments("/v1/fine_tuning/jobs"))
    if any(listed(row, base) for row in case.rows) and any(listed(row, base) for row in tuning):
        yield from one_model_findings(case, base, terms)
        yield from needs_here(
            case,
            (("fine_tuned_inference",),),
            "model.fine_tuned_undocumented",
            f"only training of {base} is documented",
        )
        return
    unlisted = Finding("model.not_listed", INELIGIBLE, f"the base model of {model} is not listed here")
    yield _unread_finding(case, base) or unlisted


def _value(mapping: Mapping[str, tuple[str, ...]], name: str) -> tuple[str, ...] | None:
    return next((value for key, value in mapping.items() if key.lower() == name), None)
