"""Load and check the shipped catalogue or a user's file. An error names the file, the key and the problem."""

import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from ipaddress import ip_network
from itertools import chain
from pathlib import Path
from typing import Any

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.decode import DecodeError, decode
from otel_residency.core.entries import Entries
from otel_residency.core.revision import Revision
from otel_residency.core.shown import may_show, shown, shown_name, syntax_error
from otel_residency.errors import CatalogueError
from otel_residency.runtime.regular_file import read_text
from otel_residency.runtime.shown_path import shown_path

NEWEST = "newest"
SCHEMA_VERSION = 1
_IDENTITY = {
    "hosts": "host",
    "host_patterns": "pattern",
    "telemetry_hosts": "host",
    "telemetry_patterns": "pattern",
    "senders": "name",
    "networks": "network",
    "bogus_hosts": "host",
    "revisions": "id",
    "endpoints": "path",
    "aliases": "alias",
    "first_seen": "model",
    "spellings": "answered",
    "retired_models": "model",
    "retired_endpoints": "path",
    "refusals": "id",
    "tools": "type",
    "part_types": "type",
    "second_models": "at",
    "free_zones": "key",
    "own_keys": "key",
    "attestations": "name",
    "project_residency": "name",
    "stored_kinds": "kind",
    "creations": "path",
}
"""Sections whose entries have a name, and its key. A user's entry replaces the shipped one of that name."""
_TELEMETRY = ("telemetry_hosts", "telemetry_patterns")
_HOSTS = ("hosts", "host_patterns", "bogus_hosts", *_TELEMETRY)
_WITH_SOURCES = (*_HOSTS, "senders", "cloud_regions", "inference_profiles")
_ELSEWHERE = "other"
"""Region of a host that receives telemetry in a country without a code in the vendor's table."""
_WITH_SOURCE = (
    "revisions",
    "aliases",
    "first_seen",
    "spellings",
    "retired_models",
    "retired_endpoints",
    "refusals",
    "evidence_headers",
    "route_headers",
    "client_regions",
    "project_residency",
)


def load_catalogue(choice: str = NEWEST) -> Catalogue:
    """Load the catalogue.

    Args:
        choice: `newest`; the id of a shipped revision, to use for every call; or the path of a JSON or
            TOML file. Its sections are added to the shipped ones, or with `mode = "replace"` used instead.

    Raises:
        CatalogueError: the file can't be read, or its content is not valid.
    """
    if choice == NEWEST:
        return _shipped()
    revisions = [revision.id for revision in _shipped().revisions]
    if choice in revisions:
        return Catalogue(_shipped().entries, pinned=choice)
    path = Path(choice)
    if path.suffix not in (".json", ".toml") and not _exists(path):
        raise CatalogueError(
            f"catalogue {shown_choice(choice)!r}: neither a revision nor a file; "
            f"use {NEWEST!r}, a file, or one of: {', '.join(revisions)}"
        )
    return _catalogue(_user_entries(path), f"catalogue {shown_path(path)}")


def shown_choice(choice: str) -> str:
    """A choice as messages show it: a key may stand in its place."""
    known = (NEWEST, *(revision.id for revision in _shipped().revisions))
    return choice if may_show(choice, known) else shown_path(choice)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # the name is too long, or contains a null character
        return False


@cache
def _shipped() -> Catalogue:
    data = files("otel_residency.catalogue") / "data"
    # Once in a process: to read and check the files takes 114 million instructions, the larger part of what
    # `import openai` costs more with this package.
    merged: dict[str, Any] = {}
    # In whatever order: no two files have the same section. Tables have a file each, and are never changed
    # once they were released: records of a past day must be judged by what held then
    # (tests/catalogue/test_data.py, test_a_released_revision_is_never_overwritten).
    for file in data.iterdir():
        if file.name.endswith(".json"):
            merged |= _read_json(file)
    merged["revisions"] = [
        _read_json(file)
        for file in sorted((data / "revisions").iterdir(), key=lambda each: each.name)
        if file.name.endswith(".json")
    ]
    origin = "the shipped catalogue"
    return _catalogue(_checked(merged, origin), origin)


def _read_json(file: Traversable) -> dict[str, Any]:
    content = json.loads(file.read_text(encoding="utf-8"))
    # `$schema` and its like are for editors, which find the schema by it; a catalogue has no such keys.
    return {key: value for key, value in content.items() if not key.startswith("$")}


def _user_entries(path: Path) -> Entries:
    origin = f"catalogue {shown_path(path)}"
    try:
        text = read_text(path, trusted=True)
        content = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise CatalogueError(f"{origin}: can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        # It is read at the first call, and what is wrong with it then holds for all calls: an application
        # that is near the limit by itself must not count as a file that is nested too deeply.
        if isinstance(error, RecursionError) and _few_frames_are_left():
            raise
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise CatalogueError(f"{origin}: {syntax_error(error, kind)}") from None
    if not isinstance(content, dict):
        raise CatalogueError(f"{origin}: the file must contain a table of sections")
    mode = content.pop("mode", "extend")
    if mode not in ("extend", "replace"):
        known = shown(mode, ("extend", "replace"))
        raise CatalogueError(f"{origin}: mode: {known} is not one of: extend, replace")
    entries = _checked(content, origin, standalone=mode == "replace")
    return entries if mode == "replace" else _extended(_shipped().entries, entries)


def _few_frames_are_left() -> bool:
    depth, frame = 0, sys._getframe()  # noqa: SLF001 - `inspect` reads source files for each frame
    while frame := frame.f_back:  # type: ignore[assignment]
        depth += 1
    return depth > sys.getrecursionlimit() // 2


def _checked(content: dict[str, Any], origin: str, *, standalone: bool = True) -> Entries:
    try:
        entries = decode(Entries, content)
        _check(entries, standalone=standalone)
    except DecodeError as error:
        raise CatalogueError(f"{origin}: {error}") from None
    return entries


def _check(entries: Entries, *, standalone: bool) -> None:
    if entries.schema_version != SCHEMA_VERSION:
        raise DecodeError(
            "schema_version",
            f"{shown(entries.schema_version)} is not known; this release reads {SCHEMA_VERSION}",
        )
    for section, name in _IDENTITY.items():
        counted = Counter(getattr(entry, name) for entry in getattr(entries, section))
        twice = [each for each, count in counted.items() if count > 1]
        if twice:
            raise DecodeError(section, f"{shown_name(str(twice[0]))!r} occurs twice")
    # A user's file may name sources and tables of ours, unless it stands alone.
    shipped = Entries() if standalone else _shipped().entries
    _check_sources(entries, {*entries.sources, *shipped.sources})
    _check_values(entries)
    revisions = {revision.id for revision in (*entries.revisions, *shipped.revisions)}
    for number, revision in enumerate(entries.revisions):
        if revision.inherits is not None and revision.inherits not in revisions - {revision.id}:
            place = f"revisions[{number}].inherits"
            raise DecodeError(place, f"{shown_name(revision.inherits)!r} is not the id of another revision")


def _check_values(entries: Entries) -> None:
    for section in _HOSTS:
        key = _IDENTITY[section]
        for number, entry in enumerate(getattr(entries, section)):
            name = getattr(entry, key)
            # Look-ups are by equality with the canonical form: any other spelling would never match, without
            # a word.
            if name != name.lower().rstrip("."):
                problem = f"{shown_name(name)!r}: write it in lower case, without a final dot"
                raise DecodeError(f"{section}[{number}].{key}", problem)
    for number, network in enumerate(entries.networks):
        try:
            ip_network(network.network)
        except ValueError:
            problem = f"{shown_name(network.network)!r} is not a network like 10.0.0.0/8"
            raise DecodeError(f"networks[{number}].network", problem) from None
    for letter in entries.confusables:
        if len(letter) != 1:
            raise DecodeError("confusables", f"{shown(letter)} is not one letter")


def _check_sources(entries: Entries, names: set[str]) -> None:
    for section in (*_WITH_SOURCES, *_WITH_SOURCE):
        plural = section in _WITH_SOURCES
        for number, entry in enumerate(getattr(entries, section)):
            sources = entry.sources if plural else (entry.source,)
            missing = [source for source in sources if source not in names]
            place = f"{section}[{number}].source{'s' if plural else ''}"
            if not sources:
                raise DecodeError(place, "name at least one source of [sources]")
            if missing:
                raise DecodeError(place, f"{shown_name(missing[0])!r} is not in [sources]")


def _catalogue(entries: Entries, origin: str) -> Catalogue:
    """Index `entries`, and check the regions that its revisions and telemetry hosts name."""
    catalogue = Catalogue(entries)
    for revision in catalogue.revisions:
        codes = {*revision.regions, "global"}
        for place, region in _regions_of(revision):
            if region not in codes:
                allowed = ", ".join(sorted(codes))
                raise CatalogueError(
                    f"{origin}: revisions.{shown_name(revision.id)}.{place}: "
                    f"region {shown_name(region)!r} is not one of: {allowed}"
                )
    codes = {*catalogue.region_codes, _ELSEWHERE}
    for section in _TELEMETRY:
        for entry in getattr(entries, section):
            unknown = [region for region in entry.regions if region not in codes]
            if unknown:
                name, allowed = shown_name(getattr(entry, _IDENTITY[section])), ", ".join(sorted(codes))
                raise CatalogueError(
                    f"{origin}: {section}.{name}.regions: "
                    f"region {shown_name(unknown[0])!r} is not one of: {allowed}"
                )
    return catalogue


def _regions_of(revision: Revision) -> Iterator[tuple[str, str]]:
    """Each region that a row or rule of `revision` names, with its place."""
    for row in revision.rows:
        regions = (row.storage, row.processing, row.processing_models, *row.model_regions.values())
        yield from ((f"rows.{shown_name(row.id)}", region) for region in chain.from_iterable(regions))
    for number, rule in enumerate(revision.feature_rules):
        yield from ((f"feature_rules[{number}]", region) for region in (*rule.regions, *rule.outside_regions))
    for number, tier in enumerate(revision.tier_rules):
        yield from ((f"tier_rules[{number}]", region) for region in (*tier.regions, *tier.allowed_regions))


def _extended(shipped: Entries, added: Entries) -> Entries:
    """`shipped` with the entries of `added`; an entry of the same name is replaced."""
    changes: dict[str, Any] = {}
    for section in Entries._fields:
        ours: Any = getattr(shipped, section)
        theirs: Any = getattr(added, section)
        if not theirs or section == "schema_version":
            continue
        if isinstance(ours, Mapping):
            changes[section] = {**ours, **theirs}
        elif section in _IDENTITY:
            name = _IDENTITY[section]
            named = {getattr(entry, name) for entry in theirs}
            kept = (entry for entry in ours if getattr(entry, name) not in named)
            changes[section] = (*kept, *theirs)
        # A named tuple is one entry, such as the limits of batch files: to join two of them would make no
        # sense.
        elif isinstance(ours, tuple) and not hasattr(ours, "_fields"):
            changes[section] = (*ours, *theirs)
        else:
            changes[section] = theirs
    return shipped._replace(**changes)
