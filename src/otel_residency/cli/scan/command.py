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


class Format(StrEnum):
    """How the findings are printed."""

    text = "text"
    json = "json"
    sarif = "sarif"


def scan(
    paths: Annotated[list[Path], typer.Argument(metavar="PATHS", help="Files, and directories to walk.")],
    *,
    require: Require = "",
    base_url: Annotated[
        str, typer.Option("--base-url", metavar="URL", help="Where clients call that name no URL.")
    ] = "",
    strict: Annotated[
        bool, typer.Option("--strict", help="Whatever is not eligible fails, and a file that can't be read.")
    ] = False,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="GLOB", help="Files to leave out; may be repeated."),
    ] = None,
    format: Annotated[Format, typer.Option("--format", help="sarif is for code hosts.")] = Format.text,  # noqa: A002
    json: Json = False,
) -> None:
    """Find what will violate the policy, before it runs.

    Looks in Python, notebooks, .env, YAML, JSON, TOML, .ini, shell and container files for base URLs, models,
    features, service tiers and settings that stand there literally, and judges each as a call with it would
    be. What a program computes is not known here, and said to be so: no finding is no proof. The settings of
    the environment hold, unless an option says otherwise; without --base-url clients call OPENAI_BASE_URL.
    A comment `# otel-residency: ignore[CODE] reason` takes a finding out of the count. Exit code: 0 if
    nothing violates the policy, 1 if something does, 2 if the command can't be carried out.
    """
    if json and format is Format.sarif:
        stop("say --json or --format sarif, not both")
    settings = sound_settings(require=require, strict=strict)
    if not settings.policy.require:
        stop("no region is required: say --require, or set OTEL_RESIDENCY_REQUIRE")
    missing = [path for path in paths if not path.exists()]
    if missing:
        stop(f"{missing[0]}: does not exist")
    url = base_url or variables().get(BASE_URL, "").strip()
    if url and read_base_url(url) is None:
        stop("the base URL is not one that the client can call: write it like https://HOST/v1")
    from otel_residency.cli.scan import report, sarif, show  # noqa: PLC0415
    from otel_residency.cli.scan.judge import Judge  # noqa: PLC0415

    try:
        judge = Judge(Guard(settings), datetime.now(UTC).date(), url)
        found = report.scan(_shown(files_below(paths, exclude or ())), judge)
    except CatalogueError as error:
        stop(str(error))
    except ImportError as error:
        stop(f"scan needs {error.name}: pip install 'otel-residency[cli]'")
    if not found.files and not found.unread:
        stop("there is no file of a known kind: see docs/cli.md for those that are read")
    if format is Format.sarif:
        typer.echo(as_json(sarif.as_sarif(found)))
    elif format is Format.text and not json:
        typer.echo(show.as_text(found))
    else:
        document = {"violations": found.violations, **found._asdict()}
        typer.echo(as_document("scan", document))
    raise typer.Exit(int(bool(found.violations or (settings.policy.strict and found.unread))))


def _shown(files: Iterable[Path]) -> Iterator[Path]:
    """The files, counted on standard error where somebody is looking."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    screen = Console(stderr=True)
    texts = (SpinnerColumn(), TextColumn("{task.completed} files"), TimeElapsedColumn())
    with Progress(*texts, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        yield from progress.track(files, total=None)
