"""The subcommand `check-batch`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import open as open_with_progress

from otel_residency.calls.batches import Contents, read_batch
from otel_residency.calls.body import BodyReader
from otel_residency.calls.state import State
from otel_residency.cli.base_url import base_url_or_usual
from otel_residency.cli.check_batch.report import judge
from otel_residency.cli.check_batch.show import as_json, as_text
from otel_residency.cli.in_force import in_force
from otel_residency.cli.options import Json, Require, Strict
from otel_residency.cli.plain import printable
from otel_residency.cli.stop import stop
from otel_residency.guard import Guard


def check_batch(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The batch's input, JSON Lines.")],
    *,
    require: Require = "",
    base_url: Annotated[
        str, typer.Option("--base-url", metavar="URL", help="Where the batch would be created.")
    ] = "",
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Judge the lines of a batch's input file, offline.

    The settings of the environment hold, unless an option says otherwise. Without --base-url it is
    OPENAI_BASE_URL, or else the vendor's host of the first required region. It makes no call. Exit code: 0
    if nothing violates the policy, 1 if something does, 2 if the file or a setting can't be read.
    """
    settings, problems, _ = in_force(require=require, strict=strict)
    if problems:
        stop("; ".join(problems))
    guard = Guard(settings)
    today = datetime.now(UTC).date()
    base = base_url_or_usual(base_url, guard.settings.policy, guard.catalogue, today)
    report = judge(_read(file, guard), base, guard, today)
    typer.echo(as_json(report, base) if json else as_text(report, base))
    raise typer.Exit(int(report.decision.violation))


def _read(file: Path, guard: Guard) -> Contents:
    """Read the file, and show how far it is where somebody is looking."""
    limits = guard.catalogue.entries.batch_files
    if limits is None:
        stop("the catalogue says nothing of batch_files")
    screen = Console(stderr=True)
    try:
        with open_with_progress(
            file,
            "rb",
            description=escape(printable(file.name)),
            console=screen,
            transient=True,
            disable=not screen.is_terminal,
        ) as opened:
            if not opened.seekable():
                stop(f"{file}: can't be read: it is no file on a disk")
            bodies, region_of = BodyReader(guard.catalogue.entries), State(guard.settings).region_of
            return read_batch(opened, bodies, limits, region_of)
    except OSError as error:
        stop(f"{file}: can't be read: {error.strerror}")
