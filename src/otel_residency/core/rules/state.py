"""Things that the vendor stored earlier: where they were created, and where they are used."""

from collections.abc import Container, Iterator

from otel_residency.core.classify import UNKNOWN
from otel_residency.core.rules.case import GLOBAL, Case
from otel_residency.core.verdict import ELIGIBLE, INDETERMINATE, INELIGIBLE, Finding, Verdict

_ABOUT_FILES = ("feature.file_reference", "batch.contents_unseen")
"""Reasons that tell of a file already that its contents are not known to be in the region."""


def state_findings(case: Case, told: Container[str]) -> Iterator[Finding]:
    """Whether what the request uses was created where it may be; `told` are the reasons found so far."""
    for kind, region in sorted(case.facts.references):
        if region == UNKNOWN:
            if kind != "file" or not any(reason in told for reason in _ABOUT_FILES):
                yield Finding("state.unseen", INDETERMINATE, f"where the {kind} was created was not seen")
        elif region != case.host.region:
            detail = f"the {kind} was created in {region} and is used in {case.host.region}"
            yield Finding("state.region_mismatch", _crossing(region, case), detail)


def _crossing(region: str, case: Case) -> Verdict:
    """How bad it is that something of `region` is used at a host of another one."""
    if region in case.policy.require:
        return ELIGIBLE
    bound = case.policy.require or case.host.region not in (UNKNOWN, GLOBAL)
    return INELIGIBLE if bound else INDETERMINATE
