"""What a signal handler raises while our code runs: it is the application's, and no failure of ours.

A handler runs between two instructions of the main thread, whoever's they are. Timeouts are made so: the
soft limit of celery and the limit of rq are an `Exception` that a handler raises.
"""

import sys
from types import FrameType
from typing import Any


def reraise_interruption() -> None:
    """Raise the exception that is being handled again if a signal handler raised it.

    Call it in each `except Exception` that keeps failures of ours from the application.
    """
    error = sys.exc_info()[1]
    # `__cause__` alone: what the application itself is handling would be a `__context__` too.
    while error is not None:
        if _is_interruption(error):
            raise error
        error = error.__cause__


def _is_interruption(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        interrupted, trace = trace.tb_frame, trace.tb_next
        if _is_handler_of(interrupted, trace.tb_frame):
            return True
    return False


def _is_handler_of(interrupted: FrameType, frame: FrameType) -> bool:
    """Whether a frame is that of a signal handler, which is called with the frame that it interrupts.

    Not by `signal.getsignal`: a handler may put back the earlier one before it raises, or be wrapped.
    """
    values: list[Any] = list(frame.f_locals.values())
    given = (each for value in values for each in (value if type(value) is tuple else (value,)))
    return any(each is interrupted for each in given)
