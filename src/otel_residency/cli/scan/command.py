"""The subcommand `scan`."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from otel_residency.cli.active_settings import sound_settings
from otel_residency.cli.base_url import BASE_URL
from otel_residency.cli.environ import variables
from otel_residency.cli.options import Json, Require
from otel_residency.cli.output import as_document, as_json, stop
from otel_residency.cli.scan.files import files_below
from otel_residency.core.base_url import read_base_url
from otel_residency.errors import CatalogueError
from otel_residency.guard import Guard


class ScanFormat(StrEnum):
    """How the findings are printed."""

    text = "text"
    json = "json"
    sarif = "sarif"


def scan(
    paths: Annotated[list[Path], typer.Argument(metavar="PATHS", help="Files and directories to read.")],
    *,
    require: Require = "",
    base_url: Annotated[
        str,
        typer.Option(
            "--base-url", metavar="URL", help="Base URL of clients that name none (default: OPENAI_BASE_URL)."
        ),
    ] = "",
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Fail on everything but eligible, and on files that can't be read."),
    ] = False,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="GLOB", help="Files to skip (repeatable)."),
    ] = None,
    format: Annotated[  # noqa: A002 - the name of the option
        ScanFormat, typer.Option("--format", help="Output format; sarif is for code hosts.")
    ] = ScanFormat.text,
    json: Json = False,
) -> None:
    """Find policy violations in source code and configuration.

    Reads Python, notebooks, .env, YAML, JSON, TOML, .ini, shell and container files. Checks literal base
    URLs, models, features, service tiers and settings as if a call used them. Values that a program computes
    are listed as not known, so no finding is no proof. Uses the settings of the environment; options override
    them. A comment `# otel-residency: ignore[CODE] reason` ignores a finding. Exit code: 0 if nothing
    violates the policy, 1 if something does, 2 if the command can't run.
    """
    if json and format is ScanFormat.sarif:
        stop("pass either --json or --format sarif, not both")
    settings = sound_settings(require=require, strict=strict)
    if not settings.policy.require:
        stop("no region is required: pass --require, or set OTEL_RESIDENCY_REQUIRE")
    missing = [path for path in paths if not path.exists()]
    if missing:
        stop(f"{missing[0]}: does not exist")
    url = base_url or variables().get(BASE_URL, "").strip()
    if url and read_base_url(url) is None:
        stop("the base URL is not one that the client can call: write it like https://HOST/v1")
    from otel_residency.cli.scan import sarif, scanner, show  # noqa: PLC0415
    from otel_residency.cli.scan.findings import PolicyChecker  # noqa: PLC0415

    try:
        checker = PolicyChecker(Guard(settings), datetime.now(UTC).date(), url)
        found = scanner.scan(_counted(files_below(paths, exclude or ())), checker)
    except CatalogueError as error:
        stop(str(error))
    except ImportError as error:
        stop(f"scan needs {error.name}: pip install 'otel-residency[cli]'")
    if not found.files and not found.unread:
        stop("no file of a supported kind found: docs/cli.md lists the kinds")
    if format is ScanFormat.sarif:
        typer.echo(as_json(sarif.as_sarif(found)))
    elif format is ScanFormat.text and not json:
        typer.echo(show.as_text(found))
    else:
        document = {"violations": found.violations, **found._asdict()}
        typer.echo(as_document("scan", document))
    raise typer.Exit(int(bool(found.violations or (settings.policy.strict and found.unread))))


def _counted(files: Iterable[Path]) -> Iterator[Path]:
    """The files, counted on standard error if it is a terminal."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    screen = Console(stderr=True)
    texts = (SpinnerColumn(), TextColumn("{task.completed} files"), TimeElapsedColumn())
    with Progress(*texts, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        yield from progress.track(files, total=None)
