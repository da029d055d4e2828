"""Revisions as people read them, and as programs do."""

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from otel_residency.catalogue.citations import table_sources
from otel_residency.cli.catalogue.changes import Change
from otel_residency.cli.console import as_lines, columns, console, source_lines
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.entries import Revision


def list_as_document(catalogue: Catalogue, today: Revision | None) -> Any:
    """The revisions, oldest first."""
    return [
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


def list_as_text(catalogue: Catalogue, today: Revision | None) -> str:
    """A table of the revisions."""
    table = columns("revision", "from", "regions", "rows", "completeness")
    for each in catalogue.revisions:
        style = "bold" if each is today else None
        name = f"{each.id} (today)" if each is today else each.id
        counts = (str(len(each.regions)), str(len(each.rows)))
        table.add_row(name, str(each.effective_from), *counts, each.completeness, style=style)
    return as_lines(console(), table)


def revision_as_document(catalogue: Catalogue, revision: Revision) -> Any:
    """The revision with all that it inherits."""
    return {**revision._asdict(), "sources": table_sources(catalogue, revision)}


def revision_as_text(catalogue: Catalogue, revision: Revision) -> str:
    """Regions, then what the table lists, then where it was read."""
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


def changes_as_text(old: Revision, new: Revision, changes: Sequence[Change]) -> str:
    """A table by section; or that nothing changed."""
    head = Text(f"from {old.id} ({old.effective_from}) to {new.id} ({new.effective_from})", style="bold")
    if not changes:
        return as_lines(console(), head, Text("nothing changed that a verdict may rest on"))
    table = columns("section", "where", "what changed")
    for change in changes:
        table.add_row(change.section, change.where, Text(change.what))
    return as_lines(console(), head, table)
