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
from otel_residency.cli.output import as_document, stop
from otel_residency.cli.terminal import as_lines, console
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.rules.terms import with_contained
from otel_residency.errors import PolicyError
from otel_residency.runtime.private_file import write_private
from otel_residency.settings.projects import ProjectsFile

ADMIN_KEY = "OPENAI_ADMIN_KEY"


def attest(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write; an existing one is replaced.")
    ] = Path("residency-projects.json"),
    *,
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", help="Base URL of the Admin API (default: the vendor's)."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
) -> None:
    """Read residency and retention of the vendor's projects, as evidence for the policy.

    Reads the Admin API with the key in OPENAI_ADMIN_KEY. Writes its answers, with date and source, to a file
    that the policy names under [projects]. The key is written nowhere. Exit code: 0 if the settings were
    read, 1 if not, 2 if the command can't run.
    """
    admin_key = variables().get(ADMIN_KEY, "")
    if not admin_key:
        stop(f"set {ADMIN_KEY} to an admin key of the organization")
    try:
        from otel_residency.cli.admin_api import AttestError, connect, read_project_settings  # noqa: PLC0415
    except ImportError:
        stop("attest needs the client: pip install openai")
    catalogue = active_settings().catalogue
    try:
        projects = read_project_settings(connect(admin_key, base_url, catalogue), _with_progress)
        _write(output, projects)
    except (AttestError, PolicyError) as error:
        stop(str(error), 1)
    except OSError as error:
        stop(f"{output}: can't be written: {error.strerror}", 1)
    document = {"file": str(output), **projects._asdict()}
    typer.echo(as_document("attest", document) if json else as_text(projects, output, catalogue))


def _with_progress(projects: Iterator[Any]) -> Iterator[Any]:
    """The projects, with a progress bar if standard error is a terminal."""
    console = Console(stderr=True)
    shown = track(
        projects, "Reading projects", console=console, transient=True, disable=not console.is_terminal
    )
    return iter(shown)


def _write(output: Path, projects: ProjectsFile) -> None:
    """Replace the file atomically: a service that starts meanwhile reads the old or the new one."""
    new_file = output.with_name(f".{output.name}.new")
    write_private(new_file, projects.as_json(), what="projects")
    new_file.replace(output)


UNKNOWN = "unknown"


def as_text(projects: ProjectsFile, output: Path, catalogue: Catalogue) -> str:
    """A table of the projects, and the lines for the policy."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("project", "name", "residency", "region", "processing", "retention", "default tier"):
        table.add_column(title, overflow="fold")
    for name, project in sorted(projects.resolved().items()):
        residency = catalogue.project_residency.get(project.residency)
        table.add_row(
            name,
            projects.projects[name].name,
            project.residency or UNKNOWN,
            residency.region if residency else UNKNOWN,
            ("yes" if residency.processing else "no") if residency else UNKNOWN,
            "\n".join(with_contained(project.retention, catalogue)) or UNKNOWN,
            project.default_tier or UNKNOWN,
        )
    summary = f"{len(projects.projects)} projects of {projects.source}, read on {projects.observed}: {output}"
    lines = Text(f'{summary}\nIn the policy:\n\n[projects]\nfile = "{output}"', no_wrap=True)
    return as_lines(console(), table, lines)
