"""Where our time goes within a call: each function of ours is timed in place, amid all that the client does.

A profiler would slow each function by its own share and shift the picture; a timer per function costs a
third of a microsecond, which the parents of a function carry. The patches themselves are not seen.
"""

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isfunction, isgeneratorfunction
from statistics import median
from time import perf_counter_ns
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.cases import CASES
from benchmarks.variants import prepare

_WATCHED: Final = (
    "otel_residency.calls",
    "otel_residency.patches",
    "otel_residency.telemetry",
    "otel_residency.guard",
)
_WARM: Final = 200
_LEAST: Final = 0.05
"""Microseconds below which a function is not shown."""


class Stage(NamedTuple):
    """One function of ours, per call of the client."""

    name: str
    times: float
    total: float
    """Microseconds with everything that it calls."""
    own: float
    """Microseconds without the functions of ours that it calls; those of the SDK are its own."""


class _Timers:
    """Time spent in each function during one call of the client."""

    def __init__(self) -> None:
        self.calls: list[dict[str, list[int]]] = []
        self._stack = [0]

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, adding what it takes to the current call."""

        @wraps(function)
        def timer(*args: Any, **kwargs: Any) -> Any:
            self._stack.append(0)
            before = perf_counter_ns()
            try:
                return function(*args, **kwargs)
            finally:
                taken = perf_counter_ns() - before
                inner = self._stack.pop()
                self._stack[-1] += taken
                seen = self.calls[-1].setdefault(name, [0, 0, 0])
                seen[0] += 1
                seen[1] += taken
                seen[2] += taken - inner

        return timer

    def stages(self) -> Iterator[Stage]:
        """The median call, by function."""
        for name in sorted({name for call in self.calls for name in call}):
            seen = [call.get(name, [0, 0, 0]) for call in self.calls]
            times, total, own = (median(column) for column in zip(*seen, strict=True))
            yield Stage(name, times, total / 1000, own / 1000)


def profile(name: str, calls: int = 500) -> list[Stage]:
    """Time the functions of ours over `calls` calls of the case `name`, the longest first."""
    case = CASES[name]
    client = case.client()
    prepare("ours")
    for _ in range(_WARM):
        case.call(client)
    timers = _Timers()
    timers.calls.append({})
    _put_in_place(timers)
    for _ in range(calls):
        timers.calls.append({})
        case.call(client)
    del timers.calls[0]
    return sorted(timers.stages(), key=lambda stage: -stage.own)


def _put_in_place(timers: _Timers) -> None:
    modules = [module for name, module in sys.modules.items() if name.startswith(_WATCHED)]
    for module in modules:
        for name, thing in list(vars(module).items()):
            if getattr(thing, "__module__", None) != module.__name__:
                continue
            if isinstance(thing, type):
                _time_methods(timers, thing)
            elif _plain(thing):
                timed = timers.timed(name, thing)
                for user in modules:
                    if vars(user).get(name) is thing:
                        setattr(user, name, timed)


def _time_methods(timers: _Timers, kind: type) -> None:
    for name, thing in list(vars(kind).items()):
        function = thing.__func__ if isinstance(thing, staticmethod) else thing
        if _plain(function) and (not name.startswith("__") or name == "__init__"):
            timed = timers.timed(f"{kind.__name__}.{name}", function)
            setattr(kind, name, staticmethod(timed) if isinstance(thing, staticmethod) else timed)


def _plain(thing: object) -> bool:
    return (
        isfunction(thing)
        and not isgeneratorfunction(thing)
        and not iscoroutinefunction(thing)
        and not isasyncgenfunction(thing)
    )


def show(name: str, stages: list[Stage], console: Console) -> None:
    """One line per function."""
    table = Table(title=f"{CASES[name].title}: microseconds per call, by function of ours")
    table.add_column("function")
    for column in ("times", "with what it calls", "own"):
        table.add_column(column, justify="right")
    for stage in stages:
        if stage.own >= _LEAST:
            table.add_row(stage.name, f"{stage.times:g}", f"{stage.total:.1f}", f"{stage.own:.1f}")
    table.add_section()
    table.add_row("all of them", "", "", f"{sum(stage.own for stage in stages):.1f}")
    console.print(table)
