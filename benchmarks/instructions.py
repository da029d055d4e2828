"""`python -m benchmarks.instructions`: the instructions that a warm call takes, and what is added to them.

Callgrind counts them, in fresh processes for each row, with the garbage collector off. They do not depend on
what else the machine does, but a little on where objects lie in memory (collisions in dictionaries and in the
interpreter's cache of methods): two processes differ by some 0.1 % of a call even in a fixed environment.
For finer differences take the median of several, with `--processes`.
What other threads do, such as writing the ledger, is not counted.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.bodies import LARGE
from benchmarks.calls import ROOT
from benchmarks.counted_calls import MARK, WARM
from benchmarks.show import versions

_ENVIRONMENT: Final = {
    "PYTHONHASHSEED": "0",
    # Nothing is exported while calls are counted.
    "OTEL_BSP_SCHEDULE_DELAY": "1000000000",
    "OTEL_BSP_MAX_QUEUE_SIZE": "1000000",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1000000",
    "OTEL_METRIC_EXPORT_INTERVAL": "1000000000",
}
_NO_VALGRIND: Final = "valgrind is not installed; on Debian: apt-get install valgrind"


class Setup(NamedTuple):
    """What is in place while a call is made."""

    title: str
    variant: str = "ours"
    proof: str | None = "eligible"
    """What every call must be counted as, by verdict or by what was done to the span around it."""
    variable: tuple[str, str] | None = None
    """Name and value of an environment variable; `{folder}` stands for a temporary folder."""


SETUPS: Final = {
    "plain": Setup("plain client", variant="plain", proof=None),
    "floor": Setup("floor: an SDK span with 12 attributes", variant="floor", proof=None),
    "flag": Setup("ours, flag"),
    "block": Setup("ours, block", variable=("OTEL_RESIDENCY_ON_CALL", "block")),
    "ledger": Setup("ours, ledger", variable=("OTEL_RESIDENCY_LEDGER", "{folder}/ledger.jsonl")),
    "unsampled": Setup("ours, not sampled", variable=("OTEL_TRACES_SAMPLER", "always_off")),
    "redact": Setup("ours, on_export = redact", variable=("OTEL_RESIDENCY_ON_EXPORT", "redact")),
    "content": Setup("an SDK span with content", variant="content", proof=None),
    "redacting": Setup(
        "ours redacting that span",
        variant="violating",
        proof="redacted",
        variable=("OTEL_RESIDENCY_ON_EXPORT", "redact"),
    ),
}
ROWS: Final = (
    *(("chat", setup) for setup in SETUPS),
    *(
        (case, setup)
        for case in ("async chat", "responses", "embeddings", "stream of 10")
        for setup in ("plain", "floor", "flag")
    ),
    *((case, setup) for case in ("long", *LARGE) for setup in ("plain", "flag")),
)


class Row(NamedTuple):
    """One kind of call with one setup."""

    case: str
    setup: str
    instructions: int
    """Per call."""
    added: int
    """What the plain client does not run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, print the table, and write it as JSON if asked to."""
    options = _parser().parse_args(arguments)
    if shutil.which("valgrind") is None:
        print(_NO_VALGRIND, file=sys.stderr)
        return 1
    chosen = [
        (case, setup)
        for case, setup in ROWS
        if case in (options.case or [case]) and setup in (*(options.setup or SETUPS), "plain")
    ]
    rows = measure(chosen, options.calls, options.processes, options.jobs)
    _show(rows, options.calls)
    if options.json:
        used = {**versions(), "interpreter": sys.version, "valgrind": _output(("valgrind", "--version"))}
        results = {"versions": used, "calls": options.calls, "rows": [row._asdict() for row in rows]}
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


def measure(rows: Sequence[tuple[str, str]], calls: int, processes: int, jobs: int) -> list[Row]:
    """Count each of `rows`, which are pairs of a case and a setup; the plain setups must be among them."""
    with ThreadPoolExecutor(jobs) as pool:
        started = [
            [pool.submit(_count, case, SETUPS[setup], calls) for _ in range(processes)]
            for case, setup in rows
        ]
        counts = [round(median(each.result() for each in same)) for same in started]
    plain = {case: count for (case, setup), count in zip(rows, counts, strict=True) if setup == "plain"}
    return [
        Row(case=case, setup=setup, instructions=count, added=count - plain[case])
        for (case, setup), count in zip(rows, counts, strict=True)
    ]


def _count(case: str, setup: Setup, calls: int) -> int:
    """Instructions per call."""
    print(f"{case}: {setup.title}", file=sys.stderr, flush=True)
    with TemporaryDirectory() as folder:
        callgrind = (
            "valgrind",
            "--tool=callgrind",
            "--instr-atstart=no",
            "--separate-threads=yes",
            f"--dump-before={MARK}",
            f"--callgrind-out-file={folder}/out",
        )
        worker = (sys.executable, "-m", "benchmarks.counted_calls", setup.variant, case, str(calls))
        variables = {**_ENVIRONMENT, "PATH": os.environ["PATH"]}
        if setup.variable:
            name, value = setup.variable
            variables[name] = value.format(folder=folder)
        counted = json.loads(_output((*callgrind, *worker), variables))
        proof = LARGE[case].verdict if setup.proof == "eligible" and case in LARGE else setup.proof
        if proof and counted.get(proof) != WARM + calls:
            raise RuntimeError(f"{case}, {setup.title}: not every call was {proof}, but {counted}")
        # There is a part for what ran before each mark and a file for each thread.
        between = Path(folder, "out.2-01").read_text(encoding="utf-8")
    (total,) = (line for line in between.splitlines() if line.startswith("totals: "))
    return round(int(total.split()[1]) / calls)


def _output(command: Sequence[str], variables: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout.strip()


def _show(rows: Sequence[Row], calls: int) -> None:
    table = Table(title=f"Instructions per warm call, mean of {calls}", title_justify="left")
    table.add_column("call")
    table.add_column("with")
    table.add_column("instructions", justify="right")
    table.add_column("added", justify="right")
    for row in rows:
        added = "" if row.setup == "plain" else f"{row.added:+,}"
        table.add_row(row.case, SETUPS[row.setup].title, f"{row.instructions:,}", added)
    console = Console()
    (console if console.is_terminal else Console(width=110)).print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--calls", type=int, default=50, help="counted calls per row (%(default)s)")
    parser.add_argument("--processes", type=int, default=1, help="processes per row (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time (%(default)s)")
    cases = tuple(dict.fromkeys(case for case, _ in ROWS))
    parser.add_argument("--case", action="append", choices=cases, help="count these calls only")
    parser.add_argument("--setup", action="append", choices=SETUPS, help="with these setups only, and plain")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows and the versions there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
