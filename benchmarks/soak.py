"""`python -m benchmarks.soak`: very many calls in one process, whose memory, files and threads stay level.

The calls go to a server on loopback: answers, streams that are read, streams that are left, and calls to
another region. In each mode there is one span, one count and one record for each of them.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.calls import ROOT
from tools.machine import commit, measured, record

PAGE: Final = Path(__file__).with_name("SOAK.md")
MODES: Final = ("flag", "block", "ledger", "redact")
KINDS: Final = ("threads", "asyncio")
GROWTH: Final = 8 * 2**20
"""Bytes of memory that the last quarter of a run, and its end, may have more than the third."""
LEFT: Final = {"files": 8, "threads": 4, "tasks": 0}
"""What may be left when all calls are over; meanwhile pools and dropped streams hold what they need."""
HEAD: Final = """# The last results of `make soak`

Each row is a process with 500 calls in flight. The columns from memory (in MiB) to tasks have the highest
value in each quarter of the run, and then the value at its end.

| mode | result | calls | seconds | memory | files | threads | tasks | commit | measured |
|---|---|--:|--:|---|---|---|---|---|---|
"""


class Sample(NamedTuple):
    """What a process holds at one time."""

    calls: int
    memory: int
    files: int
    threads: int
    tasks: int


class Run(NamedTuple):
    """What a process reports of its run."""

    calls: int
    seconds: float
    problems: Sequence[str]
    samples: Sequence[Sample]
    """While calls are made, and the last one after all of them."""


def quarters(run: Run, name: str) -> list[int]:
    """The highest value in each quarter, and the one at the end."""
    *during, end = run.samples
    size = max(len(during) // 4, 1)
    parts = [during[start : start + size] for start in range(0, 4 * size, size)]
    return [max((getattr(each, name) for each in part), default=0) for part in parts] + [getattr(end, name)]


def problems(run: Run) -> list[str]:
    """What is wrong with a run."""
    found = list(run.problems)
    _, _, third, fourth, end = quarters(run, "memory")
    if max(fourth, end) - third > GROWTH:
        found.append(f"memory grew from {third} to {max(fourth, end)}")
    for name, allowed in LEFT.items():
        if quarters(run, name)[-1] > allowed:
            found.append(f"{quarters(run, name)[-1]} {name} are left")
    return found


def row(name: str, run: Run) -> str:
    """A run in the page of the last results."""
    mebibytes = [each // 2**20 for each in quarters(run, "memory")]
    values = (mebibytes, *(quarters(run, name) for name in ("files", "threads", "tasks")))
    cells = (
        f"`{name}`",
        "; ".join(problems(run)) or "level",
        f"{run.calls:,}",
        f"{run.seconds:.0f}",
        *(", ".join(map(str, value)) for value in values),
        commit(),
        measured(),
    )
    return f"| {' | '.join(cells)} |"


@contextmanager
def server() -> Iterator[int]:
    """The port of the server, which runs until the block is left."""
    command = (sys.executable, "-m", "benchmarks.soak_server")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield int(next(iter(process.stdout or ())))
        finally:
            process.terminate()


def soak(mode: str, kind: str, calls: int, port: int) -> Run:
    """Make the calls in a process of their own, which prints its progress."""
    command = (sys.executable, "-m", "benchmarks.soak_worker", mode, kind, str(calls), str(port))
    environment = {**os.environ, "NO_PROXY": "*"}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    calls, seconds, wrong, samples = json.loads(done.stdout)
    return Run(calls, seconds, wrong, [Sample(*each) for each in samples])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every mode with threads and with asyncio; 1 if one of them did not stay level."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=200_000, help="calls of all processes (%(default)s)")
    parser.add_argument("--mode", action="append", choices=MODES, help="run these modes only")
    parser.add_argument("--record", action="store_true", help=f"write the results to {PAGE.name}")
    options = parser.parse_args(arguments)
    chosen = [(mode, kind) for mode in options.mode or MODES for kind in KINDS]
    failed = False
    with server() as port:
        for mode, kind in chosen:
            run = soak(mode, kind, options.calls // len(chosen), port)
            result = row(f"{mode}, {kind}", run)
            print(result, flush=True)
            failed |= bool(problems(run))
            if options.record:
                record(PAGE, HEAD, [result])
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
