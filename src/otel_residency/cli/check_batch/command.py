"""The subcommand `check-batch`."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, NoReturn
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.progress import open as open_with_progress

from otel_residency.cli import USAGE
from otel_residency.cli.check_batch.report import BaseUrl, judge
from otel_residency.cli.check_batch.show import as_json, as_text
from otel_residency.cli.in_force import in_force
from otel_residency.cli.surroundings import variables
from otel_residency.core.policy import Policy
from otel_residency.guard import Guard, in_use
from otel_residency.openai_client.batches import Contents, read_batch
from otel_residency.openai_client.facts import BodyReader
from otel_residency.openai_client.state import State

_URL = "OPENAI_BASE_URL"


def check_batch(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The batch's input, JSON Lines.")],
    *,
    require: Annotated[
        str, typer.Option("--require", metavar="REGIONS", help="Regions, separated by commas.")
    ] = "",
    base_url: Annotated[
        str, typer.Option("--base-url", metavar="URL", help="Where the batch would be created.")
    ] = "",
    strict: Annotated[
        bool, typer.Option("--strict", help="Treat everything but eligible as a violation.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
) -> None:
    """Judge the lines of a batch's input file, offline.

    The settings of the environment hold, unless an option says otherwise. Without --base-url it is
    OPENAI_BASE_URL, or else the vendor's host of the first required region. It makes no call. Exit code: 0
    if nothing violates the policy, 1 if something does, 2 if the file or a setting can't be read.
    """
    settings, problems, _ = in_force()
    if require or strict:
        policy = settings.policy
        regions = tuple(each.strip().lower() for each in require.split(",")) if require else policy.require
        settings = settings._replace(policy=policy._replace(require=regions, strict=strict or policy.strict))
        if not policy.unreadable:
            problems = in_use(settings)[1]
    if problems:
        _stop("; ".join(problems))
    guard = Guard(settings)
    today = datetime.now(UTC).date()
    base = _base(base_url or variables().get(_URL, "").strip(), guard, today)
    report = judge(_read(file, guard), base, guard, today)
    typer.echo(as_json(report, base) if json else as_text(report, base))
    raise typer.Exit(int(report.decision.violation))


def _base(said: str, guard: Guard, today: date) -> BaseUrl:
    """What was said, or the vendor's base URL for the first required region by the table of today."""
    url = said or _usual(guard.settings.policy, guard, today)
    if not url:
        _stop(f"no region is required: say --require or --base-url, or set {_URL}")
    try:
        parts = urlsplit(url)
        base = BaseUrl(parts.scheme, parts.hostname or "", parts.port, parts.path.rstrip("/"))
    except ValueError:
        base = BaseUrl("", "", None, "")
    if base.scheme not in ("http", "https") or not base.host:
        _stop("the base URL is not one that the client can call: write it like https://HOST/v1")
    return base


def _usual(policy: Policy, guard: Guard, today: date) -> str:
    revision = guard.catalogue.revision_on(today)
    terms = revision.regions.get(next(iter(policy.require), "")) if revision else None
    return f"https://{terms.host}/v1" if terms and terms.host else ""


def _read(file: Path, guard: Guard) -> Contents:
    """Read the file, and show how far it is where somebody is looking."""
    limits = guard.catalogue.entries.batch_files
    if limits is None:
        _stop("the catalogue says nothing of batch_files")
    screen = Console(stderr=True)
    try:
        with open_with_progress(
            file, "rb", description=file.name, console=screen, transient=True, disable=not screen.is_terminal
        ) as opened:
            if not opened.seekable():
                _stop(f"{file}: can't be read: it is no file on a disk")
            bodies, region_of = BodyReader(guard.catalogue.entries), State(guard.settings).region_of
            return read_batch(opened, bodies, limits, region_of)
    except OSError as error:
        _stop(f"{file}: can't be read: {error.strerror}")


def _stop(line: str) -> NoReturn:
    typer.echo(f"otel-residency: {line}", err=True)
    raise typer.Exit(USAGE)
