"""What a piece of work takes, in counts that are the same on every machine: steps, and bytes of memory."""

import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any

FEW, TIMES = 30, 8
ALLOWED = 1.3
"""How much more than in proportion, for what is done once and for rounding."""


def steps(work: Callable[[], object]) -> int:
    """The lines of Python that are run, those of libraries too."""
    count = 0

    def trace(_: FrameType, event: str, __: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def peak(work: Callable[[], object]) -> int:
    """The most bytes that are allocated at once."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
