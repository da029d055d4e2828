"""Files to a `Catalogue`, or an error that says what to mend."""

import json
import tomllib
from collections import Counter
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.entries import Entries, Revision
from otel_residency.errors import CatalogueError
from otel_residency.structure import StructureError, build

NEWEST = "newest"
SCHEMA_VERSION = 1
_IDENTITY = {
    "hosts": "host",
    "host_patterns": "pattern",
    "networks": "network",
    "bogus_hosts": "host",
    "revisions": "id",
    "endpoints": "path",
    "aliases": "alias",
    "retired_models": "model",
    "retired_endpoints": "path",
    "refusals": "id",
    "tools": "type",
    "part_types": "type",
    "attestations": "name",
}
"""Sections whose entries have a name of their own; a user's entry stands in for ours of that name."""


def load_catalogue(choice: str = NEWEST) -> Catalogue:
    """Load the catalogue.

    Args:
        choice: `newest`; the id of a shipped revision, to judge every call by it; or the path of a JSON
            or TOML file whose sections are added to the shipped ones, or stand instead of them where the
            file says `mode = "replace"`.

    Raises:
        CatalogueError: the file can't be read or holds something that is not allowed.
    """
    if choice == NEWEST:
        return _shipped()
    known = [revision.id for revision in _shipped().revisions]
    if choice in known:
        return Catalogue(_shipped().entries, pinned=choice)
    path = Path(choice)
    if path.suffix not in (".json", ".toml") and not path.exists():
        raise CatalogueError(
            f"catalogue {choice!r}: neither a revision nor a file; revisions are: "
            f"{', '.join(known)}; or say {NEWEST!r}"
        )
    return Catalogue(_user_entries(path))


@cache
def _shipped() -> Catalogue:
    data = files("otel_residency.catalogue") / "data"
    merged: dict[str, Any] = {}
    for file in data.iterdir():
        if file.name.endswith(".json"):
            merged |= _read_json(file)
    merged["revisions"] = [
        _read_json(file)
        for file in sorted((data / "revisions").iterdir(), key=lambda each: each.name)
        if file.name.endswith(".json")
    ]
    return Catalogue(_checked(merged, "the shipped catalogue"))


def _read_json(file: Traversable) -> dict[str, Any]:
    content = json.loads(file.read_text(encoding="utf-8"))
    return {key: value for key, value in content.items() if not key.startswith("$")}


def _user_entries(path: Path) -> Entries:
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise CatalogueError(f"catalogue {path}: can't be read: {error}") from error
    if not isinstance(content, dict):
        raise CatalogueError(f"catalogue {path}: the file must hold a table of sections")
    mode = content.pop("mode", "extend")
    if mode not in ("extend", "replace"):
        raise CatalogueError(f"catalogue {path}: mode: {mode!r} is not one of: extend, replace")
    own = _checked(content, f"catalogue {path}", standalone=mode == "replace")
    return own if mode == "replace" else _extended(_shipped().entries, own)


def _checked(content: dict[str, Any], origin: str, *, standalone: bool = True) -> Entries:
    try:
        entries = build(Entries, content)
        _check(entries, standalone=standalone)
    except StructureError as error:
        raise CatalogueError(f"{origin}: {error}") from None
    return entries


def _check(entries: Entries, *, standalone: bool) -> None:
    if entries.schema_version != SCHEMA_VERSION:
        raise StructureError(
            "schema_version", f"{entries.schema_version} is not known; this release reads {SCHEMA_VERSION}"
        )
    for section, name in _IDENTITY.items():
        counted = Counter(getattr(entry, name) for entry in getattr(entries, section))
        twice = [each for each, count in counted.items() if count > 1]
        if twice:
            raise StructureError(section, f"{twice[0]!r} stands there twice")
    known = set(entries.sources) | (set() if standalone else set(_shipped().entries.sources))
    for section in ("hosts", "host_patterns", "bogus_hosts"):
        for number, entry in enumerate(getattr(entries, section)):
            _check_sources(entry.sources, known, f"{section}[{number}].sources")
            if section != "host_patterns" and entry.host != entry.host.lower().rstrip("."):
                raise StructureError(
                    f"{section}[{number}].host", f"{entry.host!r}: write it in lower case, without a final dot"
                )
    for number, revision in enumerate(entries.revisions):
        _check_sources((revision.source,), known, f"revisions[{number}].source")
        _check_revision(revision, f"revisions[{number}]")


def _check_sources(sources: tuple[str, ...], known: set[str], place: str) -> None:
    if not sources:
        raise StructureError(place, "name at least one source of [sources]")
    for source in sources:
        if source not in known:
            raise StructureError(place, f"{source!r} is not in [sources]")


def _check_revision(revision: Revision, place: str) -> None:
    if revision.inherits is None:
        for row in revision.rows:
            for region in (*row.storage, *row.processing, *row.processing_models):
                if region not in revision.regions:
                    raise StructureError(
                        f"{place}.rows.{row.id}", f"region {region!r} is not in {place}.regions"
                    )


def _extended(shipped: Entries, own: Entries) -> Entries:
    """`shipped` with the entries of `own` added; an entry of the same name is replaced."""
    changes: dict[str, Any] = {}
    for section, ours, theirs in zip(Entries._fields, shipped, own, strict=True):
        if not theirs or section == "schema_version":
            continue
        if isinstance(ours, Mapping):
            changes[section] = {**ours, **theirs}
        elif section in _IDENTITY:
            name = _IDENTITY[section]
            named = {getattr(entry, name) for entry in theirs}
            kept = (entry for entry in ours if getattr(entry, name) not in named)
            changes[section] = (*kept, *theirs)
        elif isinstance(ours, tuple):
            changes[section] = (*ours, *theirs)
        else:
            changes[section] = theirs
    return shipped._replace(**changes)
