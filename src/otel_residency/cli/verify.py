"""The subcommand `verify`: whether a ledger is as it was written."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from otel_residency.audit.verify import Verified, checkpoint_files, ledger_files
from otel_residency.audit.verify import verify as follow
from otel_residency.cli.options import Json
from otel_residency.cli.output import as_document, console, stop
from otel_residency.errors import AuditError, PolicyError
from otel_residency.records.signing import Check, checker

_STEP = 1 << 20


def verify(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATHS...", help="Ledgers, or directories of ledgers.")
    ],
    *,
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", metavar="PUBLIC.pem", help="Demand signatures of this key; may be repeated."),
    ] = None,
    json: Json = False,
) -> None:
    """Find what was changed, removed, added, reordered or cut in a ledger, and say where.

    Files that were put aside, and the checkpoints beside a ledger, are read with it. Exit code: 0 if it is
    as it was written, 1 if it is not, 2 if a path or key can't be read.
    """
    keys = dict(_key(path) for path in key or ())
    try:
        verified = _shown(paths, keys)
    except OSError as error:
        stop(f"{error.filename or 'a ledger'}: can't be read: {error.strerror or error}")
    except AuditError as error:
        stop(str(error))
    if not verified.files and not verified.problems:
        stop("there is no ledger in: " + ", ".join(map(str, paths)))
    typer.echo(as_json(verified) if json else as_text(verified, signed=bool(keys)))
    raise typer.Exit(int(bool(verified.problems)))


def _key(path: Path) -> tuple[str, Check]:
    try:
        return checker(path.read_bytes())
    except OSError as error:
        stop(f"{path}: can't be read: {error.strerror}")
    except PolicyError as error:
        stop(f"{path}: {error}")


def _shown(paths: list[Path], keys: Mapping[str, Check]) -> Verified:
    """Read the ledgers, and show how far it is where somebody is looking."""
    files, beside = ledger_files(paths), checkpoint_files(paths)
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("Reading", total=sum(file.stat().st_size for file in files))
        return follow(files, keys, _in_steps(lambda size: progress.advance(task, size)), beside)


def _in_steps(advance: Callable[[int], None]) -> Callable[[int], None]:
    """`advance`, told less often."""
    read = 0

    def advanced(size: int) -> None:
        nonlocal read
        read += size
        if read >= _STEP:
            advance(read)
            read = 0

    return advanced


def as_json(verified: Verified) -> str:
    """One document."""
    return as_document("verify", {"sound": not verified.problems, **verified._asdict()})


def as_text(verified: Verified, *, signed: bool) -> str:
    """A line for each thing found, and one that sums it up."""
    counted = f"{verified.lines} lines of {verified.writers} writers in {verified.files} files"
    signatures = f", {verified.signed} signed checkpoints" if signed else ", signatures were not asked for"
    if verified.problems:
        count = len(verified.problems) + verified.unknown
        total = Text(f"NOT as it was written: {counted}, {count} problems", style="bold red")
    else:
        total = Text(f"as it was written: {counted}{signatures}", style="green")
    if verified.dropped:
        total.append(f"; {verified.dropped} calls are not in it, by its writers' own word")
    problems = [Text(str(problem), style="red") for problem in verified.problems]
    notes = [Text(f"note: {note}", style="yellow") for note in verified.notes]
    out = console()
    with out.capture() as captured:
        for line in (*problems, *notes, total):
            out.print(line, soft_wrap=True)  # a place is found by file and line, which stand together
    return captured.get().rstrip("\n")
