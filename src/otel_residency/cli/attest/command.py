"""The subcommand `attest`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from otel_residency.cli.attest.show import as_text
from otel_residency.cli.environ import variables
from otel_residency.cli.in_force import in_force
from otel_residency.cli.stop import stop
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
    json: Annotated[bool, typer.Option("--json", help="Print the file, too.")] = False,
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
        from otel_residency.cli.attest.read import AttestError, connect, read_settings_of  # noqa: PLC0415
    except ImportError:
        stop("attest needs the client: pip install openai")
    *_, catalogue = in_force()
    try:
        read = read_settings_of(connect(admin_key, base_url, catalogue), _shown)
        _write(output, read)
    except AttestError as error:
        stop(str(error), 1)
    except OSError as error:
        stop(f"{output}: can't be written: {error.strerror}", 1)
    typer.echo(read.as_json() if json else as_text(read, output, catalogue), nl=not json)


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
