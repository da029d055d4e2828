"""What every patch here goes through: a failure of ours stays with us; in block mode a doubt is a refusal."""

from collections.abc import Callable
from typing import TypeVar

from otel_residency.errors import RefusalError
from otel_residency.patches.install import switch

T = TypeVar("T")


def judged(judge: Callable[[], T], kind: type[Exception]) -> T | None:
    """What `judge` finds; `None` if it failed.

    Raises:
        RefusalError: in block mode; an error of `kind` too, which users of the library are prepared for.
    """
    state = switch.state
    if state is None:
        return None
    try:
        return judge()
    except RefusalError as error:
        refusal = error
    except Exception as error:
        state.failed("judging a request", error)
        if not state.blocks:
            return None
        from otel_residency.calls.violation import guard_failure

        refusal = guard_failure()
    from otel_residency.patches.http import refusal_of

    raise refusal_of(refusal, kind) from None
