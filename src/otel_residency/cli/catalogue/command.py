"""The subcommands of `catalogue`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from otel_residency.catalogue import load_catalogue
from otel_residency.cli.environ import variables
from otel_residency.cli.options import Json
from otel_residency.cli.plain import as_document
from otel_residency.cli.stop import stop, tell
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.entries import Revision
from otel_residency.errors import CatalogueError
from otel_residency.settings.load import CATALOGUE

catalogue = typer.Typer(
    help="The dated tables: list, show, compare them, validate your own.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


def _revisions(incomplete: str) -> list[str]:
    return [each.id for each in load_catalogue().revisions if each.id.startswith(incomplete)]


def _revision(name: str) -> typer.models.ArgumentInfo:
    info: typer.models.ArgumentInfo = typer.Argument(
        metavar=name, help="Id of a revision.", autocompletion=_revisions
    )
    return info


@catalogue.command("list")
def list_(*, json: Json = False) -> None:
    """List the dated revisions, and which one is in force today.

    It is the catalogue of OTEL_RESIDENCY_CATALOGUE, if that is set. Exit code: 0, or 2 if it can't be read.
    """
    from otel_residency.cli.catalogue.show import list_as_document, list_as_text  # noqa: PLC0415

    here = _here()
    today = _today(here)
    typer.echo(as_document(list_as_document(here, today)) if json else list_as_text(here, today))


@catalogue.command()
def show(revision: Annotated[str, _revision("REVISION")] = "", *, json: Json = False) -> None:
    """Show a revision, by default today's: regions, endpoints, models, and where they were read.

    Exit code: 0, or 2 for a revision that does not exist.
    """
    from otel_residency.cli.catalogue.show import revision_as_document, revision_as_text  # noqa: PLC0415

    here = _here()
    found = _find(here, revision)
    typer.echo(as_document(revision_as_document(here, found)) if json else revision_as_text(here, found))


@catalogue.command()
def diff(
    older: Annotated[str, _revision("OLDER")],
    newer: Annotated[str, _revision("NEWER")] = "",
    *,
    json: Json = False,
) -> None:
    """Tell what changed from one revision to another, by default to today's.

    Exit code: 0, also where something changed; 2 for a revision that does not exist.
    """
    from otel_residency.cli.catalogue.changes import changes  # noqa: PLC0415
    from otel_residency.cli.catalogue.show import changes_as_text  # noqa: PLC0415

    here = _here()
    old, new = _find(here, older), _find(here, newer)
    told = list(changes(old, new))
    document = {"older": old.id, "newer": new.id, "changes": told}
    typer.echo(as_document(document) if json else changes_as_text(old, new, told))


@catalogue.command()
def validate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A catalogue of your own, JSON or TOML.")],
    *,
    json: Json = False,
) -> None:
    """Tell whether a catalogue file can be used, and if not, what to mend.

    Exit code: 0 if it can, 1 if not.
    """
    try:
        loaded = load_catalogue(str(file.absolute()))
    except CatalogueError as error:
        typer.echo(as_document({"valid": False, "problem": str(error)})) if json else tell(str(error))
        raise typer.Exit(1) from None
    revisions = [each.id for each in loaded.revisions]
    document = {"valid": True, "revisions": revisions, "hosts": len(loaded.hosts)}
    text = f"{file}: can be used; with it there are {len(revisions)} revisions and {len(loaded.hosts)} hosts"
    typer.echo(as_document(document) if json else text)


def _here() -> Catalogue:
    try:
        return load_catalogue(variables().get(CATALOGUE.variable) or "newest")
    except CatalogueError as error:
        stop(str(error))


def _today(here: Catalogue) -> Revision | None:
    return here.revision_on(datetime.now(UTC).date())


def _find(here: Catalogue, name: str) -> Revision:
    found = next((each for each in here.revisions if each.id == name), None) if name else _today(here)
    if found is None:
        known = ", ".join(each.id for each in here.revisions)
        file = f"; to compare with a file, set {CATALOGUE.variable} to it" if Path(name).is_file() else ""
        stop(f"{name or 'today'}: no such revision; there are: {known}{file}")
    return found
