"""The call is made in another process, or by what is older than the guard."""

import subprocess
import sys
from pathlib import Path

import otel_residency
from tests.cli.command import COMMAND, environment
from tests.evasion.bypasses import processes
from tests.evasion.table import IN_CODE, PROGRAMS, Program, each
from tests.internet import US, Internet

POLICY = {"OTEL_RESIDENCY_REQUIRE": "eu", "OTEL_RESIDENCY_ON_CALL": "block"}
RUN = (*COMMAND, "run", sys.executable, "-c")
PYTHON = (sys.executable, "-c")


def output(command: tuple[str, ...], code: str, **variables: str) -> str:
    """What a program writes to standard output and error."""
    place = str(Path(otel_residency.__file__).parents[1])
    done = subprocess.run(
        [*command, code],
        env=environment(PYTHONPATH=place, **variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout + done.stderr


@each(PROGRAMS)
def test_without_run_it_arrives(bypass: Program, internet: Internet) -> None:
    """Started without the guard, the program sends a request that arrives."""
    output(PYTHON, bypass.code)
    assert internet.hosts == [US]


@each(PROGRAMS)
def test_under_run_nothing_arrives(bypass: Program, internet: Internet) -> None:
    """Started by `otel-residency run`, it is refused in each Python process that makes the call."""
    assert "ResidencyViolationError" in output(RUN, bypass.code, **POLICY)
    assert internet.requests == []


def test_under_the_launcher_the_processes_of_a_program_are_guarded_too(internet: Internet) -> None:
    """A Python that a program starts under `opentelemetry-instrument` is refused likewise."""
    launcher = str(Path(sys.executable).with_name("opentelemetry-instrument"))
    code = processes.STARTED
    assert "ResidencyViolationError" in output((launcher, *PYTHON), code, **POLICY)
    assert internet.requests == []


@each(IN_CODE)
def test_without_the_guard_what_is_older_arrives(bypass: Program, internet: Internet) -> None:
    """Where nothing is switched on, the request of the program arrives."""
    output(PYTHON, f"GUARDED = STRICT = False\n{bypass.code}")
    assert internet.requests


@each(IN_CODE)
def test_what_is_older_than_the_guard_is_refused(bypass: Program, internet: Internet) -> None:
    """Functions that a program fetched before `instrument()` are guarded too."""
    assert "ResidencyViolationError" in output(PYTHON, f"GUARDED, STRICT = True, False\n{bypass.code}")
    assert internet.requests == []
