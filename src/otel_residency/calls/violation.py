"""The error that a refused call raises. Importing it imports openai, so nothing does before a refusal."""

from functools import cache
from typing import TYPE_CHECKING

from otel_residency.core.reasons import REASONS
from otel_residency.core.verdict import Decision, Finding, Verdict
from otel_residency.errors import RefusalError

if TYPE_CHECKING:
    from openai import OpenAIError
else:
    try:
        from openai import OpenAIError
    except ImportError:  # calls of HTTP clients are refused without it too
        OpenAIError = Exception


class ResidencyViolationError(RefusalError, OpenAIError):
    """The call was refused before any byte of it left, because it would break the residency policy.

    Attributes:
        decision: the verdict with its findings; `None` when the guard itself failed.
    """

    def __init__(self, message: str, decision: Decision | None = None) -> None:
        """Carry `message` and the decision behind it."""
        super().__init__(message)
        self.decision = decision

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the decision when pickled."""
        # Also of a class that `violation_like` made: pickle finds classes by name, and that one has none
        # (tests/calls/test_unchanged.py, test_a_refusal_can_be_pickled_and_copied).
        return ResidencyViolationError, (str(self), self.decision)


@cache
def violation_like(base: type[Exception]) -> type[ResidencyViolationError]:
    """The error as a subclass of `base` too, the error that users of an HTTP library are prepared for."""
    # Cached: else each refusal would make a class, and a class is freed only by the cyclic collector.
    return type("ResidencyViolationError", (ResidencyViolationError, base), {"__module__": "otel_residency"})


# The name under which it is caught, in tracebacks, in telemetry and when pickled.
ResidencyViolationError.__module__ = "otel_residency"


def violation(decision: Decision, target: str) -> ResidencyViolationError:
    """The error for a call to `target` (a host and endpoint, without query) that was judged a violation."""
    required = ", ".join(decision.required) or "a requirement that can be read and met"
    findings = [finding for finding in decision.findings if finding.verdict is not Verdict.ELIGIBLE]
    lines = [
        f"call to {target} refused, {required} is required: {decision.verdict}",
        *(_line(finding) for finding in findings),
    ]
    return ResidencyViolationError("\n".join(lines), decision)


def guard_failure() -> ResidencyViolationError:
    """The error for a call that could not be judged while the policy says block."""
    reason = REASONS["guard.failed"]
    return ResidencyViolationError(f"call refused: guard.failed: {reason.meaning} {reason.fix}")


def _line(finding: Finding) -> str:
    reason = REASONS.get(finding.reason)
    fix = f" {reason.fix}" if reason else ""
    return f"  {finding.reason}: {finding.detail}.{fix}"
