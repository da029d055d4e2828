"""The subcommand `verify`: checks the hash chains of ledgers."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from otel_residency.audit.verify import Verification
from otel_residency.audit.verify import verify as follow
from otel_residency.cli.options import Json
from otel_residency.cli.output import as_document, stop
from otel_residency.cli.terminal import console
from otel_residency.errors import AuditError, PolicyError
from otel_residency.records.files import find_checkpoints, find_ledgers
from otel_residency.records.signing import Check, checker
from otel_residency.runtime.regular_file import read_bytes

_STEP = 1 << 20


def verify(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATHS...", help="Ledgers, or directories of ledgers.")
    ],
    *,
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", metavar="PUBLIC.pem", help="Require signatures of this key (repeatable)."),
    ] = None,
    json: Json = False,
) -> None:
    """Find records of a ledger that were changed, removed, added or reordered.

    Reads rotated files and checkpoints with the ledger. Exit code: 0 without problems, 1 with problems, 2 if
    a path or key can't be read.
    """
    keys = dict(_key(path) for path in key or ())
    try:
        verified = _verify_with_progress(paths, keys)
    except OSError as error:
        stop(f"{error.filename or 'a ledger'}: can't be read: {error.strerror or error}")
    except AuditError as error:
        stop(str(error))
    if not verified.files and not verified.problems:
        stop("no ledger found in: " + ", ".join(map(str, paths)))
    typer.echo(as_json(verified) if json else as_text(verified, signed=bool(keys)))
    raise typer.Exit(int(bool(verified.problems)))


def _key(path: Path) -> tuple[str, Check]:
    try:
        return checker(read_bytes(path, trusted=True))
    except OSError as error:
        stop(f"{path}: can't be read: {error.strerror}")
    except PolicyError as error:
        stop(f"{path}: {error}")


def _verify_with_progress(paths: list[Path], keys: Mapping[str, Check]) -> Verification:
    """Verify the ledgers, with a progress bar if standard error is a terminal."""
    files, checkpoints = find_ledgers(paths), find_checkpoints(paths)
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("Reading", total=sum(file.stat().st_size for file in files))
        return follow(files, keys, _in_steps(lambda size: progress.advance(task, size)), checkpoints)


def _in_steps(advance: Callable[[int], None]) -> Callable[[int], None]:
    """`advance`, called less often: to draw the bar for each line would take longer than to read it."""
    read = 0

    def advanced(size: int) -> None:
        nonlocal read
        read += size
        if read >= _STEP:
            advance(read)
            read = 0

    return advanced


def as_json(verified: Verification) -> str:
    """The JSON document."""
    return as_document("verify", {"sound": not verified.problems, **verified._asdict()})


def as_text(verified: Verification, *, signed: bool) -> str:
    """A line for each problem and note, and a summary."""
    counts = (verified.records, "record"), (verified.writers, "process"), (verified.files, "file")
    read = ", ".join(_count(*each) for each in counts)
    if verified.problems:
        problems = _count(len(verified.problems) + verified.unknown, "problem")
        total = Text(f"NOT OK: {read}. {problems}.", style="bold red")
    else:
        signatures = "Signatures not checked (pass --key)."
        if signed:
            signatures = f"{_count(verified.signed, 'signed checkpoint')}."
        total = Text(f"OK: {read}. Hash chain intact. {signatures}", style="green")
    if verified.dropped:
        total.append(f" {_count(verified.dropped, 'call')} could not be recorded, as the ledger reports.")
    lines = [Text(str(problem), style="red") for problem in verified.problems]
    lines += [Text(f"note: {note}", style="yellow") for note in verified.notes]
    out = console()
    with out.capture() as captured:
        for line in (*lines, total):
            out.print(line, soft_wrap=True)  # file and line stay on one line, to be clicked
    return captured.get().rstrip("\n")


def _count(value: int, unit: str) -> str:
    plural = f"{unit}es" if unit.endswith("s") else f"{unit}s"
    return f"{value} {unit if value == 1 else plural}"
