"""The result of a check: a verdict, and the findings that it follows from."""

from enum import StrEnum
from typing import NamedTuple

from otel_residency.core.policy_rules import ExceptionRule, OnCall, OnExport


class Verdict(StrEnum):
    """Whether a call meets the requirement. The verdict of a call is the worst of its findings."""

    ELIGIBLE = "eligible"
    CONDITIONAL = "conditional"
    """Eligible only if a named attestation holds."""
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
# The worst finding is the verdict. Unknown is worse than conditional: there the missing term has a name, and
# whoever has the contract can check it; here nobody can say what is missing. `NOT_APPLICABLE` has no place,
# as it is no result of a rule.
SEVERITY = {
    Verdict.ELIGIBLE: 0,
    Verdict.CONDITIONAL: 1,
    Verdict.INDETERMINATE: 2,
    Verdict.INELIGIBLE: 3,
}


class Finding(NamedTuple):
    """One reason for a verdict. A finding whose verdict is `eligible` is only a note."""

    reason: str
    verdict: Verdict
    detail: str
    """What was found: hosts, models, endpoints, attestations; never content of a prompt."""


class Decision(NamedTuple):
    """The result of `decide` for the facts of one call."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    violation: bool
    region: str
    """Region of the last host that was called or is about to be called, or `unknown`."""
    hop_regions: tuple[str, ...]
    endpoint: str
    """The endpoint with placeholders for ids; `unknown` for a path that the catalogue does not list."""
    snapshot: str | None
    catalogue: str
    """Id of the revision that was used; `none` for a day before the first one."""
    required: tuple[str, ...]
    on_call: OnCall
    """What the policy says to do with a violation of this call."""
    on_export: OnExport
    """What it says to do with telemetry of such a violation."""
    exception: ExceptionRule | None = None
    """The exception of the policy that the call is made under."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """The codes of the findings, worst first, each once."""
        return tuple(dict.fromkeys(finding.reason for finding in self.findings))
