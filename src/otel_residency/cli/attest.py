"""The subcommand `attest`: residency and retention of the vendor's projects, written to a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from otel_residency.cli.active_settings import active_settings
from otel_residency.cli.environ import variables
from otel_residency.cli.output import as_document, as_lines, console, stop
from otel_residency.core.catalogue import Catalogue
from otel_residency.settings.projects import ProjectsFile

ADMIN_KEY = "OPENAI_ADMIN_KEY"


def attest(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write; one that is there is replaced.")
    ] = Path("residency-projects.json"),
    *,
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", help="Where to ask; by default the vendor's host and no other."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
) -> None:
    """Read residency and retention of the vendor's projects, as proof for the policy.

    Asks the Admin API with the key in OPENAI_ADMIN_KEY and writes what it says, with date and source, into a
    file that the policy names under [projects]. The key is written nowhere. Exit code: 0 if the settings
    were read, 1 if not, 2 if the command can't be carried out.
    """
    admin_key = variables().get(ADMIN_KEY, "")
    if not admin_key:
        stop(f"set {ADMIN_KEY} to an admin key of the organization")
    try:
        from otel_residency.cli.admin_api import AttestError, connect, read_settings_of  # noqa: PLC0415
    except ImportError:
        stop("attest needs the client: pip install openai")
    catalogue = active_settings().catalogue
    try:
        read = read_settings_of(connect(admin_key, base_url, catalogue), _shown)
        _write(output, read)
    except AttestError as error:
        stop(str(error), 1)
    except OSError as error:
        stop(f"{output}: can't be written: {error.strerror}", 1)
    document = {"file": str(output), **read._asdict()}
    typer.echo(as_document("attest", document) if json else as_text(read, output, catalogue))


def _shown(projects: Iterator[Any]) -> Iterator[Any]:
    """The projects, counted on standard error while they are read."""
    console = Console(stderr=True)
    shown = track(
        projects, "Reading projects", console=console, transient=True, disable=not console.is_terminal
    )
    return iter(shown)


def _write(output: Path, read: ProjectsFile) -> None:
    """Replace the file as a whole: a service that starts meanwhile reads the old one or the new one."""
    beside = output.with_name(f".{output.name}.new")
    beside.write_text(read.as_json(), encoding="utf-8")
    beside.replace(output)


UNKNOWN = "unknown"


def as_text(read: ProjectsFile, output: Path, catalogue: Catalogue) -> str:
    """A table of the projects, and the lines by which the policy uses the file."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("project", "name", "residency", "region", "processing", "retention"):
        table.add_column(title, overflow="fold")
    for name, project in sorted(read.resolved().items()):
        known = catalogue.project_residency.get(project.residency)
        table.add_row(
            name,
            read.projects[name].name,
            project.residency or UNKNOWN,
            known.region if known else UNKNOWN,
            ("yes" if known.processing else "no") if known else UNKNOWN,
            project.retention or UNKNOWN,
        )
    told = f"{len(read.projects)} projects of {read.source}, read on {read.observed}: {output}"
    lines = Text(f'{told}\nIn the policy:\n\n[projects]\nfile = "{output}"', no_wrap=True)
    return as_lines(console(), table, lines)
