"""The outcome of a call: did it meet its residency requirement. Every table of the report is by outcome."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from otel_residency.audit.rows import listed
from otel_residency.audit.sql import Kind
from otel_residency.core.verdict import Verdict
from otel_residency.telemetry import names


class Outcome(StrEnum):
    """Whether calls met their residency requirement, in the order of every table."""

    BROKEN = "broken"
    """They did not, and were made."""
    STOPPED = "stopped"
    """They would not have met it, and were blocked."""
    UNKNOWN = "unknown"
    """They could not be judged."""
    CONDITIONAL = "conditional"
    """They met it if an attestation holds that the policy does not state."""
    KEPT = "kept"
    NO_CONTENT = "no content"
    """They carried no customer content."""
    NO_PROMISE = "no promise"
    """No region was required."""


Counts = Mapping[str, int]
"""Calls by outcome."""
EXPLAINED: Final = (Outcome.BROKEN, Outcome.STOPPED, Outcome.UNKNOWN, Outcome.CONDITIONAL)
"""Outcomes whose reasons are findings, in the order of the report."""
_OF_VERDICT: Final[Mapping[str, Outcome]] = {
    Verdict.ELIGIBLE: Outcome.KEPT,
    Verdict.CONDITIONAL: Outcome.CONDITIONAL,
    Verdict.INELIGIBLE: Outcome.BROKEN,
}


def outcome_of(kind: Kind) -> Outcome:
    """The outcome of calls of one kind. A verdict that this release does not know counts as unknown."""
    if kind.action == names.BLOCKED:
        return Outcome.STOPPED
    if kind.verdict == Verdict.NOT_APPLICABLE:
        return Outcome.NO_CONTENT
    if not listed(kind.required) and kind.violation != "true":
        return Outcome.NO_PROMISE
    return _OF_VERDICT.get(kind.verdict, Outcome.UNKNOWN)


def ordered(counts: Counts) -> Counts:
    """The counts that are not zero, in the order of the outcomes."""
    return {str(outcome): counts[outcome] for outcome in Outcome if counts.get(outcome)}
