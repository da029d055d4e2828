"""The subcommand `catalogue import`: a revision from the vendor's page, and what changed."""

import json as json_format
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.text import Text

from otel_residency.catalogue import load_catalogue
from otel_residency.catalogue.page import PageError, read_page
from otel_residency.catalogue.page_revision import TAKEN_OVER, ImportedRevision, revision_from_page
from otel_residency.cli.environ import variables
from otel_residency.cli.options import Json
from otel_residency.cli.output import as_document, as_json, print_error, stop
from otel_residency.cli.revision_changes import Change, changes, changes_as_text
from otel_residency.cli.terminal import as_lines, console
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.decode import to_plain
from otel_residency.core.entries import Source
from otel_residency.core.revision import Revision
from otel_residency.errors import CatalogueError, PolicyError
from otel_residency.runtime.private_file import write_private
from otel_residency.runtime.regular_file import read_text
from otel_residency.settings.table import CATALOGUE


class Problem(NamedTuple):
    """What can't be read, with its place."""

    file: str
    line: int
    key: str
    """Column of a table, or `page`."""
    value: str
    problem: str
    fix: str


class ImportDocument(NamedTuple):
    """What `--json` prints."""

    older: str
    newer: str
    changes: Sequence[Change]
    taken_over: Sequence[str]
    """Keys that the page does not show: they are those of the older revision."""
    problems: Sequence[Problem]
    written: str
    """The file; empty if none was written."""


def import_(
    page: Annotated[
        Path, typer.Argument(metavar="PAGE", help="The vendor's page, saved as Markdown or HTML.")
    ],
    *,
    revision_id: Annotated[
        str,
        typer.Option("--id", metavar="ID", help="Id of the revision (default: openai- and its first day)."),
    ] = "",
    effective_from: Annotated[
        str, typer.Option(metavar="DAY", help="First day of the table (default: --observed).")
    ] = "",
    observed: Annotated[
        str, typer.Option(metavar="DAY", help="Day on which the page was saved (default: today).")
    ] = "",
    title: Annotated[str, typer.Option(help="Title of the page (default: as before).")] = "",
    url: Annotated[str, typer.Option(help="Address of the page (default: as before).")] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write a catalogue file, JSON.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIRECTORY", help="Write into the catalogue data of a checkout instead."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    draft: Annotated[
        bool, typer.Option("--draft", help="Accept new sentences as notes, and mark the table as partial.")
    ] = False,
    json: Json = False,
) -> None:
    """Read the vendor's page, show what changed since the newest revision, and write a revision.

    Nothing is written without --output or --data. A line that can't be read is named, and the page is
    refused. Exit code: 0, 1 if the page can't be read, 2 if an option can't be used or the file exists.
    """
    last_day = _day("--observed", observed) or datetime.now(UTC).date()
    first_day = _day("--effective-from", effective_from) or last_day
    name = revision_id or f"openai-{first_day}"
    try:
        catalogue = load_catalogue(variables().get(CATALOGUE.variable) or "newest")
    except CatalogueError as error:
        stop(str(error))
    if first_day > last_day:
        stop(f"--effective-from: {first_day} is after the day of the page, {last_day}")
    if any(each.id == name for each in catalogue.revisions):
        stop(f"--id: {name} exists, and a revision is never changed; choose another one")
    target = data / "revisions" / f"{name}.json" if data else output
    if target and target.exists() and not overwrite:
        stop(f"{target}: exists; choose another file, or add --overwrite")
    imported = _read(page, catalogue, name, first_day)
    problems = [*imported.problems, *([] if draft else imported.prose)]
    revision = imported.revision
    if last_day > first_day:
        revision = revision._replace(observed_until=last_day)
    base = catalogue.revisions[-1]
    source = _source(catalogue.entries.sources[base.source], title, url, last_day)
    if target and not problems:
        _write(target, data, revision, source)
    document = ImportDocument(
        older=base.id,
        newer=name,
        changes=[] if imported.problems else list(changes(base, revision)),
        taken_over=TAKEN_OVER,
        problems=[Problem(file=str(page), **each._asdict()) for each in problems],
        written=str(target) if target and not problems else "",
    )
    if json:
        typer.echo(as_document("catalogue import", document._asdict()))
    else:
        _print(document, base, revision)
    raise typer.Exit(int(bool(problems)))


def _day(option: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        stop(f"{option}: {text} is not a day; write it like 2026-12-01")


def _source(before: Source, title: str, url: str, day: date) -> Source:
    title, url = title or before.title, url or before.url or ""
    return Source(
        kind="official page, saved copy",
        title=title,
        observed=str(day),
        url=url,
        citation=f"OpenAI: {title}, {url}. Official page, read in a copy that was saved on {day}.",
    )


def _read(page: Path, catalogue: Catalogue, name: str, day: date) -> ImportedRevision:
    try:
        text = read_text(page)
    except OSError as error:
        stop(f"{page}: can't be read: {error.strerror}")
    except UnicodeDecodeError as error:
        stop(f"{page}: not a text in UTF-8: {error.reason}")
    try:
        return revision_from_page(read_page(text), catalogue, name, name, day)
    except PageError as error:
        return ImportedRevision(catalogue.revisions[-1], (error.problem,), ())


def _write(target: Path, data: Path | None, revision: Revision, source: Source) -> None:
    """Write a catalogue file; or for a checkout the revision, and its source beside the others."""
    sources = {revision.source: to_plain(source)}
    content = to_plain(revision)
    try:
        if data:
            content = {"$schema": "../../schema.json", **content}
            shared = data / "sources.json"
            shipped = json_format.loads(read_text(shared))
            shipped["sources"] |= sources
            shipped["generated"] = max(shipped["generated"], source.observed)
            write_private(shared, as_json(shipped) + "\n", what="catalogue")
        else:
            content = {"sources": sources, "revisions": [content]}
        write_private(target, as_json(content) + "\n", what="catalogue")
    except OSError as error:
        stop(f"{target}: can't be written: {error.strerror}")
    except PolicyError as error:
        stop(str(error))


def _print(document: ImportDocument, base: Revision, revision: Revision) -> None:
    for each in document.problems:
        print_error(f"{each.file}:{each.line}: {each.key}: {each.value!r}: {each.problem}. {each.fix}")
    if document.changes or not document.problems:
        typer.echo(changes_as_text(base, revision, document.changes))
    taken_over = f"as in {base.id}, since the tables do not show it: {', '.join(document.taken_over)}"
    written = f"written: {document.written}" if document.written else "nothing was written"
    typer.echo(as_lines(console(), Text(taken_over), Text(written)))
