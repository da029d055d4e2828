"""Time added per call: the variants take turns, burst by burst, in warm processes of their own.

Switching ours on and off inside one process would flatter it: the patches stay in place when switched
off, so what they cost by being there would count as plain. So each variant has a process that holds
nothing of the others. That two processes are never quite equal (memory layout, neighbours on the machine)
is met in three ways: short bursts in turns, differences taken within a round, and several sets of fresh
processes; and it is shown, by a second plain process.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Final, NamedTuple, Self, cast

from benchmarks.cases import CASES
from benchmarks.variants import VARIANTS

ROOT: Final = Path(__file__).parent.parent
NAMES: Final = tuple(f"{prefix}{name}" for name in CASES for prefix in ("", "async "))
ADDED: Final = VARIANTS[1:]
_WARM: Final = 8
"""Bursts before the first one that counts: the interpreter specialises, caches fill."""


class Size(NamedTuple):
    """How long to measure."""

    sets: int = 5
    """Sets of fresh processes."""
    rounds: int = 20
    """Rounds per set."""


class Added(NamedTuple):
    """What a variant adds to a plain call, in microseconds."""

    wall: float
    """Median over all rounds of the difference between the medians of two bursts."""
    low: float
    """The least that a set of processes says."""
    high: float
    """The most that a set of processes says."""
    processor: float
    """Of processor time, in all threads: garbage collection and export too."""


class Row(NamedTuple):
    """The result for one case."""

    name: str
    title: str
    plain: float
    """A plain call, in microseconds."""
    added: Mapping[str, Added]

    @property
    def ratio(self) -> float | None:
        """What ours adds over what the floor adds; `None` where the floor is lost in the noise."""
        return _over(*(self.added[variant].wall for variant in ("ours", "floor", "control")))

    @property
    def processor_ratio(self) -> float | None:
        """The same of processor time."""
        return _over(*(self.added[variant].processor for variant in ("ours", "floor", "control")))


def _over(ours: float, floor: float, noise: float) -> float | None:
    return ours / floor if floor > 2 * abs(noise) else None


class Chunks(NamedTuple):
    """What a chunk of a stream costs, in microseconds."""

    title: str
    plain: float
    added: Mapping[str, float]


class Results(NamedTuple):
    """Everything about calls."""

    size: Size
    rows: tuple[Row, ...]
    chunks: tuple[Chunks, ...]
    eligible: int
    """Calls that ours judged eligible: proof that it was at work."""


class Burst(NamedTuple):
    """What a call took in one burst, in microseconds."""

    wall: float
    """Median."""
    processor: float
    """Mean."""
    gap: float
    """Median time from one chunk of a stream to the next; `0` if it is no stream."""


Samples = dict[str, dict[str, list[list[Burst]]]]
"""By case, variant, set of processes and round."""


class _Child:
    """A worker process."""

    def __init__(self, variant: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", variant],
            cwd=ROOT,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(timeout=30)

    def ask(self, name: str, count: int = 0) -> object:
        """One line to the worker, one line back."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the worker has no pipes")
        self._process.stdin.write(json.dumps([name, count]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def burst(self, name: str) -> Burst:
        """Time one burst of the case."""
        count = CASES[name.removeprefix("async ")].burst
        wall, processor, gaps = cast("tuple[list[int], int, list[int]]", self.ask(name, count))
        return Burst(median(wall) / 1000, processor / count / 1000, median(gaps or [0]) / 1000)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OPENAI_"))}
    return kept | {"OTEL_BSP_SCHEDULE_DELAY": "1000"}


def measure(size: Size, names: tuple[str, ...] = NAMES, tell: Callable[[str], None] = print) -> Results:
    """Run everything, telling how far it is."""
    samples: Samples = {name: {variant: [] for variant in VARIANTS} for name in names}
    order = random.Random(0)  # noqa: S311 - the order only has to differ
    eligible = 0
    for number in range(size.sets):
        tell(f"calls: set {number + 1} of {size.sets}")
        with _children() as children:
            for name in names:
                for variant in VARIANTS:
                    samples[name][variant].append([])
                    for _ in range(_WARM):
                        children[variant].burst(name)
            for _ in range(size.rounds):
                for name in names:
                    for variant in order.sample(VARIANTS, len(VARIANTS)):
                        samples[name][variant][-1].append(children[variant].burst(name))
            counted = children["ours"].ask("eligible")
            eligible += counted if isinstance(counted, int) else 0
    rows = tuple(_row(name, samples[name]) for name in names)
    chunks = tuple(_chunks(name, samples[name]) for name in names if name.endswith("stream"))
    return Results(size, rows, chunks, eligible)


@contextmanager
def _children() -> Iterator[dict[str, _Child]]:
    with ExitStack() as stack:
        yield {variant: stack.enter_context(_Child(variant)) for variant in VARIANTS}


def _title(name: str) -> str:
    return CASES[name.removeprefix("async ")].title + (", async" if name.startswith("async ") else "")


def _row(name: str, samples: dict[str, list[list[Burst]]]) -> Row:
    plain = samples["plain"]
    added = {variant: _added(plain, samples[variant]) for variant in ADDED}
    return Row(name, _title(name), median(burst.wall for bursts in plain for burst in bursts), added)


def _added(plain: list[list[Burst]], variant: list[list[Burst]]) -> Added:
    by_set = [
        [theirs.wall - ours.wall for ours, theirs in zip(*bursts, strict=True)]
        for bursts in zip(plain, variant, strict=True)
    ]
    medians = [median(differences) for differences in by_set]
    processor = median(theirs.processor - ours.processor for ours, theirs in _rounds(plain, variant))
    return Added(median(each for set_ in by_set for each in set_), min(medians), max(medians), processor)


def _chunks(name: str, samples: dict[str, list[list[Burst]]]) -> Chunks:
    plain = samples["plain"]
    added = {
        variant: median(theirs.gap - ours.gap for ours, theirs in _rounds(plain, samples[variant]))
        for variant in ADDED
    }
    return Chunks(_title(name), median(burst.gap for bursts in plain for burst in bursts), added)


def _rounds(plain: list[list[Burst]], variant: list[list[Burst]]) -> Iterator[tuple[Burst, Burst]]:
    for bursts in zip(plain, variant, strict=True):
        yield from zip(*bursts, strict=True)
