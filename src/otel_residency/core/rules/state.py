"""Rules for objects stored at the vendor: where they were created, and where they are used."""

from collections.abc import Iterable, Iterator

from otel_residency.core.reasons import reason_of
from otel_residency.core.regions import UNKNOWN
from otel_residency.core.rules.case import GLOBAL, Case
from otel_residency.core.verdict import ELIGIBLE, INDETERMINATE, INELIGIBLE, Finding, Verdict


def state_findings(case: Case, found: Iterable[Finding]) -> Iterator[Finding]:
    """Whether the objects that the request uses were created in its region; `found`: the findings so far."""
    files_covered = any(reason_of(finding.reason).about_files for finding in found)
    for kind, region in sorted(case.facts.references):
        if region == UNKNOWN:
            if kind != "file" or not files_covered:
                yield Finding("state.unseen", INDETERMINATE, f"it is not known where the {kind} was created")
        elif region != case.host.region:
            detail = f"the {kind} was created in {region} and is used in {case.host.region}"
            yield Finding("state.region_mismatch", _crossing(region, case), detail)


def _crossing(region: str, case: Case) -> Verdict:
    """The verdict for an object of `region` that is used at a host of another region."""
    if region in case.policy.require:
        return ELIGIBLE
    bound = case.policy.require or case.host.region not in (UNKNOWN, GLOBAL)
    return INELIGIBLE if bound else INDETERMINATE
