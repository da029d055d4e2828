"""The subcommands of `catalogue`: list, show, compare and validate the dated tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.text import Text

from otel_residency.catalogue import load_catalogue
from otel_residency.catalogue.citations import table_sources
from otel_residency.cli.environ import variables
from otel_residency.cli.options import Json
from otel_residency.cli.output import as_document, print_error, stop
from otel_residency.cli.terminal import as_lines, columns, console, source_lines
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.revision import Needs, RegionTerms, Revision, Row
from otel_residency.errors import CatalogueError
from otel_residency.settings.table import CATALOGUE

catalogue = typer.Typer(
    help="List, show and compare the vendor's dated tables; validate a file.",
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
    typer.echo(as_document("catalogue diff", document) if json else _changes_as_text(old, new, found))


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


class Change(NamedTuple):
    """One difference between two revisions."""

    section: str
    """`regions`, `rows`, `models`, `rules`."""
    where: str
    """Code of a region, id of a row."""
    what: str


def changes(old: Revision, new: Revision) -> Iterator[Change]:
    """The differences that a verdict may depend on, with what the revisions inherit."""
    for code, before, after in _pairs(old.regions, new.regions):
        yield from (Change("regions", code, what) for what in _region(before, after))
    rows = _pairs({row.id: row for row in old.rows}, {row.id: row for row in new.rows})
    for name, row_before, row_after in rows:
        yield from (Change("rows", name, what) for what in _row(row_before, row_after))
        yield from (Change("models", name, what) for what in _models(row_before, row_after))
    for key, name in (("feature_rules", "features"), ("tier_rules", "tiers")):
        for rule, before, after in _pairs(_by_text(getattr(old, key)), _by_text(getattr(new, key))):
            if before != after:
                change = "applies to others now" if before and after else "new" if after else "no longer"
                yield Change("rules", name, f"{change}: {rule}")
    for what in _set("models not covered", old.models_unknown, new.models_unknown):
        yield Change("models", "the table as a whole", what)


def _region(before: RegionTerms | None, after: RegionTerms | None) -> Iterator[str]:
    if before is None and after is not None:
        yield f"new: {after.name}, {after.host}, storage {after.storage}, processing {after.processing}"
    elif after is None:
        yield "no longer listed"
    elif before is not None:
        for key in ("host", "storage", "processing"):
            yield from _value(key, getattr(before, key), getattr(after, key))
        prefix = ("optional", "required")
        yield from _value("host prefix", prefix[before.prefix_required], prefix[after.prefix_required])
        yield from _set("modes", before.modes, after.modes)
        yield from _value("asks for", _needs(before.needs), _needs(after.needs))
        yield from _value("asks for with images", _needs(before.image_needs), _needs(after.image_needs))


def _row(before: Row | None, after: Row | None) -> Iterator[str]:
    if before is None and after is not None:
        where = ", ".join(after.processing) or "nowhere"
        yield f"new: {', '.join(after.services)}, processed in {where}"
    elif after is None:
        yield "no longer listed"
    elif before is not None:
        yield from _set("services", before.services, after.services)
        yield from _set("storage", before.storage, after.storage)
        yield from _set("processing", before.processing, after.processing)
        yield from _set("values", before.values, after.values)


def _models(before: Row | None, after: Row | None) -> Iterator[str]:
    if before is None or after is None:
        return
    if (before.models is None) != (after.models is None):
        yield "now lists models" if before.models is None else "no longer lists models"
    yield from _set("models", before.models or (), after.models or ())
    for key, name in (("model_regions", "only in"), ("processing_models", "processes only")):
        for each, old, new in _pairs(getattr(before, key), getattr(after, key)):
            yield from _value(f"{each} {name}", ", ".join(old or ()), ", ".join(new or ()))


def _pairs(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key in dict.fromkeys((*old, *new)):
        yield key, old.get(key), new.get(key)


def _by_text(rules: Iterable[Any]) -> dict[str, Any]:
    return {_rule_text(rule): rule for rule in rules}


def _rule_text(rule: Any) -> str:
    about = f"{rule.feature} on {rule.service}: " if hasattr(rule, "feature") else ""
    return f"{about}{rule.text}"


def _value(key: str, old: str, new: str) -> Iterator[str]:
    if old != new:
        yield f"{key}: {old or 'nothing'}, now {new or 'nothing'}"


def _set(key: str, old: Iterable[str], new: Iterable[str]) -> Iterator[str]:
    old, new = dict.fromkeys(old), dict.fromkeys(new)
    if added := [each for each in new if each not in old]:
        yield f"{key}, added: {', '.join(added)}"
    if removed := [each for each in old if each not in new]:
        yield f"{key}, removed: {', '.join(removed)}"


def _needs(needs: Needs) -> str:
    return "; ".join(" or ".join(group) for group in needs)


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


def _changes_as_text(old: Revision, new: Revision, changes: Sequence[Change]) -> str:
    """A table by section, or that nothing changed."""
    head = Text(f"from {old.id} ({old.effective_from}) to {new.id} ({new.effective_from})", style="bold")
    if not changes:
        return as_lines(console(), head, Text("nothing changed that a verdict depends on"))
    table = columns("section", "where", "what changed")
    for change in changes:
        table.add_row(change.section, change.where, Text(change.what))
    return as_lines(console(), head, table)
