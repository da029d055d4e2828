"""What changed from one revision to another."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.text import Text

from otel_residency.cli.terminal import as_lines, columns, console
from otel_residency.core.revision import Needs, RegionTerms, Revision, Row


class Change(NamedTuple):
    """One difference between two revisions."""

    section: str
    """`regions`, `rows`, `models`, `rules`, `footnotes`."""
    where: str
    """Code of a region, id of a row, mark of a footnote."""
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
    for mark, before, after in _pairs(old.footnotes, new.footnotes):
        yield from (Change("footnotes", mark, what) for what in _value("text", before or "", after or ""))
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
        yield from _value("note", before.note or "", after.note or "")
        yield from _value("note on processing", before.processing_note or "", after.processing_note or "")


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


def changes_as_text(old: Revision, new: Revision, changes: Sequence[Change]) -> str:
    """A table by section, or that nothing changed."""
    head = Text(f"from {old.id} ({old.effective_from}) to {new.id} ({new.effective_from})", style="bold")
    if not changes:
        return as_lines(console(), head, Text("nothing changed that a verdict depends on"))
    table = columns("section", "where", "what changed")
    for change in changes:
        table.add_row(change.section, change.where, Text(change.what))
    return as_lines(console(), head, table)
