"""The result of a check: a verdict, the findings that it follows from, and what their codes say."""

from enum import StrEnum
from typing import Literal, NamedTuple

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


Topic = Literal[
    "batch",
    "catalogue",
    "cloud",
    "endpoint",
    "feature",
    "gateway",
    "guard",
    "host",
    "model",
    "policy",
    "project",
    "redirect",
    "request",
    "response",
    "state",
    "tier",
]


class Reason(NamedTuple):
    """What a reason code means, and what the rest of the package does about a finding with it.

    Every consequence of a code stands in its row, so that a new one needs its row and the rule that gives it.
    """

    meaning: str
    fix: str
    source: str
    """The section of the catalogue that it rests on, `policy`, or `call`."""
    verdicts: tuple[Verdict, ...]
    """The verdicts that a finding with this code may have."""
    topic: Topic
    """The part of a call that it is about. A base URL alone leads to those about its `host`, a path to those
    about its `endpoint`."""
    argument: str = ""
    """The argument of the client's method that it is about; empty where no single one is."""
    open_in_source: str = ""
    """What only the running program shows: `scan` reports this as open, and not the finding."""
    doubts_place: bool = False
    """What the call creates may be elsewhere than in the region of its host."""
    about_files: bool = False
    """The contents of a file that the request names are not known to be in the region."""
    logged: bool = False
    """Each detail is logged once, as a warning: the program that causes it may hide its errors."""
