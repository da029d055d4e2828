"""The subcommand `verify`: checks the hash chains of ledgers."""

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
        return checker(path.read_bytes())
    except OSError as error:
        stop(f"{path}: can't be read: {error.strerror}")
    except PolicyError as error:
        stop(f"{path}: {error}")


def _verify_with_progress(paths: list[Path], keys: Mapping[str, Check]) -> Verified:
    """Verify the ledgers, with a progress bar if standard error is a terminal."""
    files, checkpoints = ledger_files(paths), checkpoint_files(paths)
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("Reading", total=sum(file.stat().st_size for file in files))
        return follow(files, keys, _in_steps(lambda size: progress.advance(task, size)), checkpoints)


def _in_steps(advance: Callable[[int], None]) -> Callable[[int], None]:
    """`advance`, called less often."""
    read = 0

    def advanced(size: int) -> None:
        nonlocal read
        read += size
        if read >= _STEP:
            advance(read)
            read = 0

    return advanced


def as_json(verified: Verified) -> str:
    """The JSON document."""
    return as_document("verify", {"sound": not verified.problems, **verified._asdict()})


def as_text(verified: Verified, *, signed: bool) -> str:
    """A line for each problem and note, and a summary."""
    counted = ", ".join(
        (
            _plural(verified.lines, "record"),
            _plural(verified.writers, "process", "processes"),
            _plural(verified.files, "file"),
        )
    )
    signatures = (
        f"{_plural(verified.signed, 'signed checkpoint')}."
        if signed
        else "Signatures not checked (pass --key)."
    )
    if verified.problems:
        count = _plural(len(verified.problems) + verified.unknown, "problem")
        total = Text(f"NOT OK: {count}; {counted}.", style="bold red")
    else:
        total = Text(f"OK: {counted}. Hash chain intact. {signatures}", style="green")
    if verified.dropped:
        total.append(f" {_plural(verified.dropped, 'call')} could not be recorded, as the processes report.")
    problems = [Text(str(problem), style="red") for problem in verified.problems]
    notes = [Text(f"note: {note}", style="yellow") for note in verified.notes]
    out = console()
    with out.capture() as captured:
        for line in (*problems, *notes, total):
            out.print(line, soft_wrap=True)  # file and line must stay together
    return captured.get().rstrip("\n")


def _plural(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or one + 's'}"
