"""Runs a judgement for the patch of an HTTP client: failures stay here, refusals get the client's type.

Nothing that a call needs is imported here: a process that never calls a vendor runs this for its requests
too.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from otel_residency.calls.state import runtime
from otel_residency.errors import RefusalError

T = TypeVar("T")


def run_guarded(judge: Callable[[], T], kind: type[Exception]) -> T | None:
    """What `judge` returns; `None` if it failed.

    Raises:
        RefusalError: in block mode; also an error of `kind`, which the users of the library are prepared for.
    """
    state = runtime.state
    if state is None:
        return None
    try:
        return judge()
    except RefusalError as error:
        refusal = error
    except Exception as error:
        state.log_failure("judging a request", error)
        if not state.blocks:
            return None
        from otel_residency.calls.violation import guard_failure

        refusal = guard_failure()
    # Outside of the `except` blocks: raised within, it would carry our own error as its context.
    raise refusal_like(refusal, kind) from None


def refusal_like(error: RefusalError, kind: type[Exception]) -> Exception:
    """The refusal as an error of `kind` too."""
    from otel_residency.calls.violation import violation_like  # imports openai

    like = violation_like(kind)  # type: ignore[arg-type]  # a class is hashable
    return like(str(error), getattr(error, "decision", None))


def non_vendor_hosts() -> Any:
    """The hosts that are known to belong to no vendor; requests to them are not looked at."""
    state = runtime.state
    return () if state is None else state.non_vendor_hosts
