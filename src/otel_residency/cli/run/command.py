"""The subcommand `run`."""

import os
from pathlib import Path
from shutil import which
from typing import Annotated

import typer
from opentelemetry.instrumentation import auto_instrumentation

from otel_residency.cli.active_settings import active_settings
from otel_residency.cli.environ import import_path, set_import_path, variables
from otel_residency.cli.output import stop, tell
from otel_residency.cli.run.program import is_python, unguardable
from otel_residency.cli.run.refusal import refuse

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""Exit codes of a shell for a command that it can't start."""
_START = str(Path(__file__).with_name("start"))
_UPSTREAM = str(Path(auto_instrumentation.__file__).parent)
_LAUNCHER = "opentelemetry-instrument"


def run(
    command: Annotated[list[str], typer.Argument(metavar="COMMAND", help="The program and its arguments.")],
    *,
    allow_disabled: Annotated[
        bool, typer.Option("--allow-disabled", help="Start it also where OTEL_RESIDENCY_ENABLED is false.")
    ] = False,
) -> None:
    """Start a program guarded, or not at all.

    Like opentelemetry-instrument, but the guard comes first and telemetry after it. Where the guard can't
    be installed, or a setting can't be read, the program is not started and the exit code is 78. Python
    processes that it starts are guarded likewise.
    """
    settings, problems, _ = active_settings()
    if not settings.enabled and not allow_disabled:
        refuse("OTEL_RESIDENCY_ENABLED is false; unset it, or say --allow-disabled")
    if settings.enabled and problems:
        refuse("; ".join(map(str, problems)))
    found = which(command[0])
    if found is None:
        stop(f"{command[0]}: command not found", NOT_FOUND)
    program = Path(found)
    if program.name == _LAUNCHER:
        stop(f"leave {_LAUNCHER} out: run does its work, and would be put aside by it")
    option = unguardable(program, command[1:])
    if option is not None:
        refuse(f"{command[0]} {option} does not let anything in before the program; leave {option} out")
    if not is_python(program):
        tell(f"{command[0]} is not a Python program: only Python programs that it starts are guarded")
    _put_guard_first()
    try:
        os.execvpe(found, command, variables())  # noqa: S606 - to be replaced by the program is the task
    except OSError as error:
        stop(f"{command[0]}: can't be started: {error.strerror}", NOT_EXECUTABLE)


def _put_guard_first() -> None:
    """Our directory, then what `opentelemetry-instrument` would hand on, without its own."""
    given = [each for each in import_path() if each not in (_START, _UPSTREAM)]
    here = str(Path.cwd())
    set_import_path([_START, *([] if here in given else [here]), *given])
