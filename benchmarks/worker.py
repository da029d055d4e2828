"""A warm child process: reads which case to time and how often, answers with what each call took."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from time import perf_counter_ns, process_time_ns
from typing import NamedTuple

from benchmarks.cases import CASES, Moments
from benchmarks.variants import Around, AsyncCall, Call, inside, inside_async, prepare

Timed = Callable[[int], "Burst"]


class Burst(NamedTuple):
    """What a few calls in a row took, in nanoseconds."""

    wall: tuple[int, ...]
    """Each call."""
    processor: int
    """All of them, in all threads of the process, garbage collection and export included."""
    gaps: tuple[int, ...]
    """Between the chunks of a stream, but for the first and the last."""


def main(variant_name: str) -> None:
    """Serve bursts until standard input ends."""
    variant = prepare(variant_name)
    loop = asyncio.new_event_loop()
    timed: dict[str, Timed] = {}
    for line in sys.stdin:
        name, count = json.loads(line)
        if name == "eligible":
            print(json.dumps(variant.counted().get("eligible", 0)), flush=True)
            continue
        if name not in timed:
            timed[name] = timer(name, variant.around, loop)
        print(json.dumps(timed[name](count)), flush=True)
    loop.run_until_complete(asyncio.sleep(0))  # the client leaves generators to the loop
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def timer(name: str, around: Around, loop: asyncio.AbstractEventLoop) -> Timed:
    """What times the case `name`; `async ` before its name asks for the asynchronous client."""
    case = CASES[name.removeprefix("async ")]
    if name.startswith("async "):
        call = inside_async(around, partial(case.call_async, case.client_async()))
        return lambda count: loop.run_until_complete(_burst_async(call, count))
    return partial(_burst, inside(around, partial(case.call, case.client())))


def _burst(call: Call, count: int) -> Burst:
    wall, arrived = [], []
    begun = process_time_ns()
    for _ in range(count):
        before = perf_counter_ns()
        arrived.append(call())
        wall.append(perf_counter_ns() - before)
    return Burst(tuple(wall), process_time_ns() - begun, tuple(_gaps(arrived)))


async def _burst_async(call: AsyncCall, count: int) -> Burst:
    wall, arrived = [], []
    begun = process_time_ns()
    for _ in range(count):
        before = perf_counter_ns()
        arrived.append(await call())
        wall.append(perf_counter_ns() - before)
    return Burst(tuple(wall), process_time_ns() - begun, tuple(_gaps(arrived)))


def _gaps(arrived: list[Moments]) -> Iterator[int]:
    for moments in arrived:
        if moments:
            yield from (after - before for before, after in pairwise(moments[1:-1]))


if __name__ == "__main__":
    main(sys.argv[1])
