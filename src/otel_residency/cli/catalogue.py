"""The subcommands of `catalogue`: list, show, compare, validate and import the dated tables."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from otel_residency.catalogue import load_catalogue
from otel_residency.catalogue.citations import table_sources
from otel_residency.cli.catalogue_import import import_
from otel_residency.cli.environ import variables
from otel_residency.cli.options import Json
from otel_residency.cli.output import as_document, print_error, stop
from otel_residency.cli.revision_changes import changes, changes_as_text
from otel_residency.cli.terminal import as_lines, columns, console, source_lines
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.revision import Revision
from otel_residency.errors import CatalogueError
from otel_residency.settings.table import CATALOGUE

catalogue = typer.Typer(
    help="List, show and compare the vendor's dated tables; validate a file; import a page.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
catalogue.command("import")(import_)


def _revisions(incomplete: str) -> list[str]:
    return [each.id for each in load_catalogue().revisions if each.id.startswith(incomplete)]


def _revision(name: str) -> typer.models.ArgumentInfo:
    info: typer.models.ArgumentInfo = typer.Argument(
        metavar=name, help="Id of a revision.", autocompletion=_revisions
    )
    return info


@catalogue.command("list")
def list_(*, json: Json = False) -> None:
    """List the dated revisions and mark the one in force today.

    Reads the catalogue that OTEL_RESIDENCY_CATALOGUE names, if set. Exit code: 0, or 2 if it can't be read.
    """
    active = _active_catalogue()
    today = _today(active)
    as_shown = _list_as_document if json else _list_as_text
    typer.echo(as_shown(active, today))


@catalogue.command()
def show(revision: Annotated[str, _revision("REVISION")] = "", *, json: Json = False) -> None:
    """Show regions, endpoints, models and sources of a revision (default: today's).

    Exit code: 0, or 2 for a revision that does not exist.
    """
    active = _active_catalogue()
    found = _find(active, revision)
    as_shown = _revision_as_document if json else _revision_as_text
    typer.echo(as_shown(active, found))


@catalogue.command()
def diff(
    older: Annotated[str, _revision("OLDER")],
    newer: Annotated[str, _revision("NEWER")] = "",
    *,
    json: Json = False,
) -> None:
    """Show what changed from one revision to another (default: today's).

    Exit code: 0, also if something changed; 2 for a revision that does not exist.
    """
    active = _active_catalogue()
    old, new = _find(active, older), _find(active, newer)
    found = list(changes(old, new))
    document = {"older": old.id, "newer": new.id, "changes": found}
    typer.echo(as_document("catalogue diff", document) if json else changes_as_text(old, new, found))


@catalogue.command()
def validate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A catalogue of your own, JSON or TOML.")],
    *,
    json: Json = False,
) -> None:
    """Check whether a catalogue file can be used.

    Exit code: 0 if it can, 1 if not.
    """
    try:
        loaded = load_catalogue(str(file.absolute()))
    except CatalogueError as error:
        if json:
            typer.echo(as_document("catalogue validate", {"valid": False, "problem": str(error)}))
        else:
            print_error(str(error))
        raise typer.Exit(1) from None
    revisions = [each.id for each in loaded.revisions]
    document = {"valid": True, "revisions": revisions, "hosts": len(loaded.hosts)}
    text = f"{file}: can be used; with it there are {len(revisions)} revisions and {len(loaded.hosts)} hosts"
    typer.echo(as_document("catalogue validate", document) if json else text)


def _active_catalogue() -> Catalogue:
    try:
        return load_catalogue(variables().get(CATALOGUE.variable) or "newest")
    except CatalogueError as error:
        stop(str(error))


def _today(catalogue: Catalogue) -> Revision | None:
    return catalogue.revision_on(datetime.now(UTC).date())


def _find(catalogue: Catalogue, name: str) -> Revision:
    found = (
        next((each for each in catalogue.revisions if each.id == name), None) if name else _today(catalogue)
    )
    if found is None:
        names = ", ".join(each.id for each in catalogue.revisions)
        file = f"; to compare with a file, set {CATALOGUE.variable} to it" if Path(name).is_file() else ""
        stop(f"{name or 'today'}: no such revision; there are: {names}{file}")
    return found


def _list_as_document(catalogue: Catalogue, today: Revision | None) -> str:
    """The revisions, oldest first."""
    revisions = [
        {
            "id": each.id,
            "effective_from": each.effective_from,
            "in_force": each is today,
            "completeness": each.completeness,
            "regions": list(each.regions),
            "rows": len(each.rows),
            "sources": table_sources(catalogue, each),
        }
        for each in catalogue.revisions
    ]
    return as_document("catalogue list", {"revisions": revisions})


def _list_as_text(catalogue: Catalogue, today: Revision | None) -> str:
    """A table of the revisions."""
    table = columns("revision", "from", "regions", "rows", "completeness")
    for each in catalogue.revisions:
        style = "bold" if each is today else None
        name = f"{each.id} (today)" if each is today else each.id
        counts = (str(len(each.regions)), str(len(each.rows)))
        table.add_row(name, str(each.effective_from), *counts, each.completeness, style=style)
    return as_lines(console(), table)


def _revision_as_document(catalogue: Catalogue, revision: Revision) -> str:
    """The revision with all that it inherits."""
    document = {**revision._asdict(), "sources": table_sources(catalogue, revision)}
    return as_document("catalogue show", document)


def _revision_as_text(catalogue: Catalogue, revision: Revision) -> str:
    """Regions, rows, footnotes and sources."""
    head = Text(f"{revision.id}, in force from {revision.effective_from}\n{revision.completeness}")
    head.stylize("bold", 0, len(revision.id))
    regions = columns("region", "host", "storage", "processing", "asks for")
    for code, terms in revision.regions.items():
        needs = "; ".join(" or ".join(group) for group in terms.needs)
        regions.add_row(code, terms.host, terms.storage, terms.processing, needs)
    rows = columns("endpoint or feature", "storage", "processing", "models")
    for row in revision.rows:
        models = Text("any" if row.models is None else ", ".join(row.models))
        rows.add_row("\n".join(row.services), ", ".join(row.storage), ", ".join(row.processing), models)
    footnotes = columns()
    for mark, text in revision.footnotes.items():
        footnotes.add_row(Text(mark), Text(text))
    for change in revision.known_changes:
        footnotes.add_row("since then", Text(change))
    for source in table_sources(catalogue, revision):
        footnotes.add_row("source", source_lines(source))
    return as_lines(console(), head, regions, rows, footnotes)
