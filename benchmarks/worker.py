"""A warm child process: reads which case to time and how often, answers with what each call took."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from time import perf_counter_ns, process_time_ns
from typing import NamedTuple

from benchmarks.cases import CASES
from benchmarks.variants import Around, inside, inside_async, prepare

Timed = Callable[[int], "Burst"]


class Burst(NamedTuple):
    """What a few calls in a row took, in nanoseconds."""

    wall: tuple[int, ...]
    """Each call."""
    processor: int
    """All of them, in all threads of the process, garbage collection and export included."""


def main(variant_name: str) -> None:
    """Serve bursts until standard input ends."""
    variant = prepare(variant_name)
    loop = asyncio.new_event_loop()
    timed: dict[str, Timed] = {}
    for line in sys.stdin:
        name, count = json.loads(line)
        if name == "eligible":
            print(json.dumps(variant.eligible()), flush=True)
            continue
        if name not in timed:
            timed[name] = timer(name, variant.around, loop)
        print(json.dumps(timed[name](count)), flush=True)
    loop.close()


def timer(name: str, around: Around, loop: asyncio.AbstractEventLoop) -> Timed:
    """What times the case `name`; `async ` before its name asks for the asynchronous client."""
    case = CASES[name.removeprefix("async ")]
    if name.startswith("async "):
        call = inside_async(around, partial(case.call_async, case.client_async()))
        return lambda count: loop.run_until_complete(_burst_async(call, count))
    return partial(_burst, inside(around, partial(case.call, case.client())))


def _burst(call: Callable[[], None], count: int) -> Burst:
    wall = []
    begun = process_time_ns()
    for _ in range(count):
        before = perf_counter_ns()
        call()
        wall.append(perf_counter_ns() - before)
    return Burst(tuple(wall), process_time_ns() - begun)


async def _burst_async(call: Callable[[], Awaitable[None]], count: int) -> Burst:
    wall = []
    begun = process_time_ns()
    for _ in range(count):
        before = perf_counter_ns()
        await call()
        wall.append(perf_counter_ns() - before)
    return Burst(tuple(wall), process_time_ns() - begun)


if __name__ == "__main__":
    main(sys.argv[1])
