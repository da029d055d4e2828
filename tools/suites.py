"""Run the suites behind a door, two at a time: `python -m tools.suites check|test|test-all [SUITE ...]`.

A suite that takes longer than it may, that is killed, or that ran no test fails, and says so. The last result
of `test-all` stands in tests/RESULTS.md. `python -m tools.docs` writes the table into CONTRIBUTING.md.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any, Final, NamedTuple

from tools.machine import commit, measured, record
from tools.needs import go

ROOT: Final = Path(__file__).parent.parent
LOGS: Final = ROOT / "build" / "suites"
RESULTS: Final = ROOT / "tests" / "RESULTS.md"
NOX: Final = Path(sys.executable).with_name("nox")
JOBS: Final = 2
CHECK, TEST, ALL = DOORS = ("check", "test", "test-all")
HEAD: Final = """# The last results of `make test-all`

Two suites ran at a time; the seconds are those of a suite beside another one.

| suite | result | seconds | tests | commit | measured |
|---|---|--:|---|---|---|
"""
_SUMMARY: Final = re.compile(r"^=* ?(\d+ (?:passed|failed|skipped|error).*?) in [\d.]+s.*$", re.MULTILINE)
_KILLED: Final = re.compile(r"exit code -9|signal: killed|MemoryError|[Cc]annot allocate memory")


class Suite(NamedTuple):
    """A session of noxfile.py, and the doors that it stands behind.

    Attributes:
        session: its name, without parameters.
        doors: what of it runs behind each door: the parameters that begin so.
        minutes: how long it may take, for each parameter.
        why: what could be wrong that it would find, and why it stands where it does.
    """

    session: str
    doors: dict[str, Sequence[str]]
    minutes: int
    why: str

    def stands_behind(self, door: str, parameters: str) -> bool:
        """Whether it runs there with these parameters."""
        return door in self.doors and parameters.startswith(tuple(self.doors[door]))


class Outcome(NamedTuple):
    """How a session ended."""

    session: str
    problem: str
    seconds: float
    summary: str


EVERY: Final = ("",)
SUITES: Final = (
    Suite(
        session="backends",
        doors={TEST: EVERY, ALL: EVERY},
        minutes=60,
        why="Our configuration of the Collector, Jaeger, Prometheus and Alertmanager, in the real programs",
    ),
    Suite(
        session="tests",
        doors={TEST: EVERY, ALL: EVERY},
        minutes=40,
        why="The client, HTTP libraries, commands, ledgers and ways round the guard, with the newest client",
    ),
    Suite(
        session="pythons",
        doors={ALL: EVERY},
        minutes=40,
        why="The same and `unit` with other Pythons: slow, and seldom different",
    ),
    Suite(
        session="conformance",
        doors={TEST: ("2.54.0",), ALL: EVERY},
        minutes=40,
        why="The client's own tests end as they do without us; the newest client has nine times as many",
    ),
    Suite(
        session="matrix",
        doors={TEST: ("1.40.0", "2.54.0"), ALL: EVERY},
        minutes=30,
        why="The patch works with other releases of the client: the oldest and the last of httpx come first",
    ),
    Suite(
        session="sockets",
        doors={TEST: ("17.4",), ALL: EVERY},
        minutes=15,
        why="Other releases of websockets: the newest, which openai does not allow, comes first",
    ),
    Suite(
        session="servers",
        doors={TEST: EVERY, ALL: EVERY},
        minutes=20,
        why="Processes that fork and spawn, and requests that interleave",
    ),
    Suite(
        session="green",
        doors={ALL: EVERY},
        minutes=10,
        why="Calls in greenlets of gevent and eventlet, which replace locks, queues and threads",
    ),
    Suite(
        session="clients",
        doors={TEST: ("langchain-openai",), ALL: EVERY},
        minutes=20,
        why="Libraries that call the client: the most used one comes first",
    ),
    Suite(
        session="packages",
        doors={TEST: ("openinference",), ALL: EVERY},
        minutes=20,
        why="Other instrumentations behind the export gate: one that puts content everywhere comes first",
    ),
    Suite(
        session="beside",
        doors={TEST: ("stock",), ALL: EVERY},
        minutes=20,
        why="Distributions and packages that export by themselves: OpenTelemetry's own comes first",
    ),
    Suite(
        session="neighbours",
        doors={TEST: EVERY, ALL: EVERY},
        minutes=20,
        why="Other instrumentations of the same client, in every order",
    ),
    Suite(
        session="oldest",
        doors={TEST: EVERY, ALL: EVERY},
        minutes=20,
        why="The oldest OpenTelemetry and wrapt that the package says it works with",
    ),
    Suite(
        session="wheel",
        doors={TEST: EVERY, ALL: EVERY},
        minutes=10,
        why="The wheel lacks nothing that the demo needs",
    ),
    Suite(
        session="lint",
        doors={CHECK: EVERY, TEST: EVERY, ALL: EVERY},
        minutes=10,
        why="Style, types and the directions of imports",
    ),
    Suite(
        session="unit",
        doors={CHECK: EVERY},
        minutes=10,
        why="The rules of the verdicts, their data and the report: nearly all in memory, so quick",
    ),
    Suite(
        session="coverage",
        doors={TEST: EVERY, ALL: EVERY},
        minutes=20,
        why="The same tests, which must reach every branch of the core: measuring takes twice as long",
    ),
    Suite(
        session="imports",
        doors={ALL: EVERY},
        minutes=120,
        why="Two threads that import a patched library at the same time, often enough to meet at every point",
    ),
    Suite(
        session="interruptions",
        doors={ALL: EVERY},
        minutes=60,
        why="A signal wherever a handler may run in our code: the other suites try one of seven",
    ),
    Suite(
        session="fuzz",
        doors={ALL: EVERY},
        minutes=60,
        why="The tests that make up their input, with ten times as many examples, others each time",
    ),
    Suite(
        session="guided",
        doors={TEST: EVERY, ALL: EVERY},
        minutes=10,
        why="What reads bytes of others raises nothing: inputs that reach new lines are changed further",
    ),
    Suite(
        session="bounds",
        doors={ALL: EVERY},
        minutes=20,
        why="Memory after a hundred thousand calls of as many kinds; `tests` makes a tenth of them",
    ),
)


@cache
def listed() -> list[dict[str, Any]]:
    """The sessions of noxfile.py."""
    command = (NOX, "--list", "--json")
    listing = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout  # noqa: S603
    return list(json.loads(listing))


def sessions(door: str) -> list[tuple[str, Suite]]:
    """The sessions behind a door, in the order in which they start, each with its suite."""
    this_python = "{}.{}".format(*sys.version_info)
    return [
        (session["session"], suite)
        for suite in SUITES
        for session in listed()
        if session["name"] == suite.session
        and session["python"] != this_python  # that of .venv, in which the same tests run
        and suite.stands_behind(door, session["python"] or "".join(session["call_spec"].values()))
    ]


def run(session: str, minutes: float) -> Outcome:
    """Run a session; what it prints goes to a file of its own."""
    started = monotonic()
    log = LOGS / f"{session}.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603
            [NOX, "--session", session], cwd=ROOT, stdout=output, stderr=output, start_new_session=True
        ) as process,
    ):
        try:
            code = process.wait(minutes * 60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            code = None
    text = log.read_text(encoding="utf-8", errors="replace")
    summaries = _SUMMARY.findall(text)
    if code is None:
        problem = f"short of time: not done after {minutes} minutes"
    elif code and (code == -signal.SIGKILL or _KILLED.search(text)):
        problem = "failed, and seems short of memory: a process was killed, or got none"
    elif code:
        problem = "failed"
    elif summaries and not any("passed" in each for each in summaries):
        problem = "no test ran"
    else:
        problem = ""
    return Outcome(session, problem, monotonic() - started, "; ".join(summaries))


def run_all(chosen: Iterable[tuple[str, Suite]]) -> list[Outcome]:
    """Run sessions, and print how each ends, with the end of what it printed if that is not well."""
    LOGS.mkdir(parents=True, exist_ok=True)
    outcomes = []
    with ThreadPoolExecutor(JOBS) as pool:
        running = [pool.submit(run, session, suite.minutes) for session, suite in chosen]
        for done in as_completed(running):
            outcome = done.result()
            outcomes.append(outcome)
            if outcome.problem:
                print(
                    (LOGS / f"{outcome.session}.log").read_text(encoding="utf-8", errors="replace")[-20_000:]
                )
            print(line(outcome), flush=True)
    return outcomes


def line(outcome: Outcome) -> str:
    """An outcome for people."""
    tests = f" ({outcome.summary})" if outcome.summary else ""
    return f"{outcome.session}: {outcome.problem or 'passed'}{tests}, {outcome.seconds:.0f} s"


def table() -> str:
    """The rows of the table in CONTRIBUTING.md."""

    def cell(suite: Suite, door: str) -> str:
        if door not in suite.doors:
            return ""
        return "all" if suite.doors[door] == EVERY else ", ".join(suite.doors[door])

    return "".join(
        f"| `{suite.session}` | {' | '.join(cell(suite, door) for door in DOORS)} | {suite.why}. |\n"
        for suite in SUITES
    )


def row(outcome: Outcome) -> str:
    """An outcome in the page of the last results."""
    cells = (
        f"`{outcome.session}`",
        outcome.problem or "passed",
        f"{outcome.seconds:.0f}",
        outcome.summary,
        commit(),
        measured(),
    )
    return f"| {' | '.join(cells)} |"


def main(door: str, *names: str) -> int:
    """Run what stands behind the door, or what of it is named; 1 if something failed."""
    chosen = sessions(door)
    if unknown := {*names} - {session for session, _ in chosen}:
        sys.exit(f"{door} has no suite {', '.join(sorted(unknown))}.")
    if names:
        chosen = [(session, suite) for session, suite in chosen if session in names]
    if go():
        chosen = [(session, suite) for session, suite in chosen if session != "backends"]
    started = monotonic()
    outcomes = run_all(chosen)
    seconds = monotonic() - started
    if door == ALL:
        record(RESULTS, HEAD, map(row, outcomes))
    failed = [outcome.session for outcome in outcomes if outcome.problem]
    print(f"{door}: {len(outcomes)} suites in {seconds / 60:.1f} minutes")
    print(f"failed: {', '.join(failed)}" if failed else "all passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
