"""Rules for batches: each line of the input file is checked like a call."""

from collections.abc import Iterator

from otel_residency.core.catalogue import path_segments
from otel_residency.core.facts import BatchLine
from otel_residency.core.paths import EndpointMatch, is_canonical, raw_segments
from otel_residency.core.revision import RegionTerms
from otel_residency.core.rules.case import Case, sends
from otel_residency.core.rules.features import feature_findings
from otel_residency.core.rules.models import one_model_findings
from otel_residency.core.rules.second_models import second_model_findings
from otel_residency.core.rules.state import state_findings
from otel_residency.core.rules.tiers import tier_findings
from otel_residency.core.verdict import ELIGIBLE, INDETERMINATE, INELIGIBLE, Finding

_BATCHES = "/v1/batches"
_SEGMENTS = path_segments(_BATCHES)


def batch_of(case: Case) -> Case | None:
    """The batch that a file is uploaded for, if the call is such an upload.

    So the upload of a batch that may not run is a violation, before the file is sent.
    """
    if case.facts.batch_lines is None or case.endpoint.segments == _SEGMENTS:
        return None
    catalogue = case.catalogue
    # The scope may be that of stored files, to which the batch itself has no claim.
    return case.at_scope_of(_BATCHES)._replace(
        endpoint=EndpointMatch(template=_BATCHES, segments=_SEGMENTS, endpoint=catalogue.endpoint(_SEGMENTS)),
        rows=catalogue.rows(case.revision, _SEGMENTS),
    )


def at_scope_of_lines(case: Case) -> Case:
    """The case of a new batch with the strictest scope of its lines and its own, as it processes them."""
    if case.endpoint.segments == _SEGMENTS and case.policy.scope != "processing":
        for line in case.facts.batch_lines or ():
            inner = case.at_scope_of(line.path)
            if inner.policy.scope == "processing":
                return inner
    return case


def batch_findings(case: Case, terms: RegionTerms | None) -> Iterator[Finding]:
    """Findings about the lines of a new batch."""
    facts = case.facts
    if case.endpoint.segments != _SEGMENTS or not sends(facts):
        return
    if not facts.batch_lines:
        yield Finding("batch.contents_unseen", INDETERMINATE, "the lines of the input file are not known")
        return
    for line in facts.batch_lines:
        yield from _line_findings(case, line, terms)
    if len({line.model for line in facts.batch_lines if not line.unseen}) > 1:
        yield Finding("batch.model_mixed", ELIGIBLE, "a batch file may contain only one model")


def _line_findings(case: Case, line: BatchLine, terms: RegionTerms | None) -> Iterator[Finding]:
    """Findings about one line: its model must be listed for batches and for the endpoint of the line."""
    if line.unseen:
        yield Finding("batch.contents_unseen", INDETERMINATE, "some lines could not be read")
        return
    segments = raw_segments(line.path)
    listed_endpoint = case.catalogue.endpoint(segments) if is_canonical(line.path) else None
    endpoint = EndpointMatch(template=line.path, segments=segments, endpoint=listed_endpoint)
    inner = case.at_scope_of(line.path)._replace(
        facts=case.facts._replace(
            model=line.model,
            service_tier=line.service_tier,
            features=line.features,
            tools=line.tools,
            second_models=line.second_models,
            second_tiers=line.second_tiers,
            unknown_types=line.unknown_types,
            references=line.references,
            batch_lines=None,
            answer=None,
        ),
        endpoint=endpoint,
        rows=case.catalogue.rows(case.revision, segments) if endpoint.endpoint else (),
    )
    found: list[Finding] = []
    place = endpoint.endpoint.path if endpoint.endpoint else "an unknown path"
    if line.model is None:
        yield Finding("model.not_stated", INDETERMINATE, f"a line for {place} names no model")
    else:
        found += one_model_findings(inner, line.model, terms) if inner.rows else ()
        found += one_model_findings(case, line.model, terms)
    if not inner.rows or any(finding.verdict is INELIGIBLE for finding in found):
        detail = f"{line.model or 'a line'} on {place} is not eligible in a batch"
        yield Finding("batch.line_ineligible", INELIGIBLE, detail)
        return
    found += feature_findings(inner, terms)
    found += second_model_findings(inner, terms)
    yield from found
    yield from tier_findings(inner)
    yield from state_findings(inner, found)
