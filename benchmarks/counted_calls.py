"""The process that callgrind counts: warm calls of one case with one variant, between two marks."""

import asyncio
import gc
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Final

from benchmarks import wire
from benchmarks.bodies import LARGE
from benchmarks.cases import CASES, Case
from benchmarks.variants import Around, AsyncCall, Call, inside, inside_async, prepare

WARM: Final = 100
"""Calls before the counted ones: the interpreter specialises, caches fill."""
MARK: Final = "getpgrp"
"""A function of the C library that nothing else in this process calls: valgrind can watch for it by name."""


def main(variant_name: str, case_name: str, count: int) -> None:
    """Run the calls; print what ours counted of them."""
    gc.disable()
    sys.setswitchinterval(1e6)  # no other thread may run between the marks
    variant = prepare(variant_name)
    run = _runner(case_name, variant.around)
    run(WARM)
    random.seed(0)  # of the SDK's ids
    _start_counting()
    os.getpgrp()
    run(count)
    os.getpgrp()
    print(json.dumps(variant.counted()))


def _runner(name: str, around: Around) -> Callable[[int], None]:
    case = _case(name.removeprefix("async "))
    if name.startswith("async "):
        call = inside_async(around, partial(case.call_async, case.client_async()))
        loop = asyncio.new_event_loop()
        return lambda count: loop.run_until_complete(_run_async(call, count))
    return partial(_run, inside(around, partial(case.call, case.client())))


def _case(name: str) -> Case:
    if name == "stream of 10":
        return CASES["stream"]._replace(answer=wire.chat_stream(10))
    return (CASES | LARGE)[name]


def _run(call: Call, count: int) -> None:
    for _ in range(count):
        call()


async def _run_async(call: AsyncCall, count: int) -> None:
    for _ in range(count):
        await call()


def _start_counting() -> None:
    """Have valgrind count from now on: a process starts several times as fast while it does not."""
    command = ("vgdb", f"--pid={os.getpid()}", "instrumentation", "on")
    with subprocess.Popen(command, stdout=sys.stderr) as sent:
        while sent.poll() is None:
            pass  # a process that waits reads no commands of vgdb, unless it may be traced


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
