"""Rules for models besides the one that a request is for: of its moderation, transcription, delegation."""

from collections.abc import Iterator

from otel_residency.core.catalogue import path_segments
from otel_residency.core.facts import MODEL, SecondModel
from otel_residency.core.revision import RegionTerms
from otel_residency.core.rules.case import Case, listed
from otel_residency.core.rules.models import one_model_findings
from otel_residency.core.verdict import INDETERMINATE, Finding


def second_model_findings(case: Case, terms: RegionTerms | None) -> Iterator[Finding]:
    """Findings about each model that does a part of the work, by the rows of the service that does it."""
    for second in sorted(case.facts.second_models):
        if second.at == MODEL:
            yield from one_model_findings(case, second.model, terms)
        else:
            yield from _findings(case, second, terms)


def _findings(case: Case, second: SecondModel, terms: RegionTerms | None) -> Iterator[Finding]:
    place = case.catalogue.second_models.get(second.at)
    services = place.services if place is not None else ()
    rows = tuple(
        row for service in services for row in case.catalogue.rows(case.revision, path_segments(service))
    )
    if place is None or not rows:
        detail = f"{case.revision.id} does not say where the model of {second.at} runs"
        yield Finding("model.second", INDETERMINATE, detail)
        return
    if place.doubt is not None:
        yield Finding("model.second", INDETERMINATE, f"{second.at}: {place.doubt}")
    if not any(listed(row, second.model) for row in rows) and _is_listed_elsewhere(case, second.model):
        detail = f"{case.revision.id} lists {second.model}, but not for {services[0]}"
        yield Finding("model.second", INDETERMINATE, detail)
        return
    yield from one_model_findings(case._replace(rows=rows), second.model, terms)


def _is_listed_elsewhere(case: Case, model: str) -> bool:
    """Whether any row lists the model: then the table covers it, only not at this place."""
    return any(listed(row, model) for row in case.revision.rows)
