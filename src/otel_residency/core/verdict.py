"""The answer: a verdict, and the findings that it follows from."""

from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """What is known about a call. The verdict of a call is the worst of its findings."""

    ELIGIBLE = "eligible"
    CONDITIONAL = "conditional"
    """True only if a named attestation holds."""
    INDETERMINATE = "indeterminate"
    """Not enough is known."""
    INELIGIBLE = "ineligible"
    NOT_APPLICABLE = "not_applicable"
    """The endpoint carries no customer content."""


ELIGIBLE, CONDITIONAL, INDETERMINATE, INELIGIBLE = (
    Verdict.ELIGIBLE,
    Verdict.CONDITIONAL,
    Verdict.INDETERMINATE,
    Verdict.INELIGIBLE,
)
SEVERITY = {
    Verdict.ELIGIBLE: 0,
    Verdict.CONDITIONAL: 1,
    Verdict.INDETERMINATE: 2,
    Verdict.INELIGIBLE: 3,
}


class Finding(NamedTuple):
    """One reason for a verdict. A finding whose verdict is `eligible` is a note."""

    reason: str
    verdict: Verdict
    detail: str
    """What exactly was found, without content: hosts, models, endpoints, attestations."""


class Decision(NamedTuple):
    """What `decide` makes of a call's facts."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    violation: bool
    region: str
    """Region of the host that answered last, or of the one about to be called; `unknown` if not known."""
    hop_regions: tuple[str, ...]
    endpoint: str
    """The endpoint with ids templated; `unknown` for a path that the catalogue does not know."""
    snapshot: str | None
    catalogue: str
    """Id of the revision that the verdict rests on; `none` for a day before the first one."""
    required: tuple[str, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """The codes of the findings, worst first, each once."""
        return tuple(dict.fromkeys(finding.reason for finding in self.findings))
