"""What follows from the types and keys of an object in a request's body, by the catalogue.

The catalogue names the types of parts, items and tools, the keys with a meaning, and the zones of the user's
own JSON, which the vendor does not read. A type that is not in it is a doubt.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from otel_residency.calls.written import PLAIN, as_written
from otel_residency.core.cut import cut
from otel_residency.core.entries import Entries
from otel_residency.core.facts import SecondModel
from otel_residency.core.request_entries import Feature, StoredKind, Tool

TIER = "service_tier"
_NAME = re.compile(r"[A-Za-z0-9_./:-]{1,64}")
UNNAMED = "unknown"
"""Stands for a type that is missing, or is no name."""
_LISTS = (list, tuple)
_WANTED: Mapping[str, bool | None] = {"truthy": None, "false": False}
"""The catalogue's words for a value that is not text; `None` stands for any value that is true."""

Named = tuple[str, str]
"""A thing that the vendor stores: its kind, and its id, which goes nowhere but into `CreatedObjects`."""


class Walk(NamedTuple):
    """One walk through a body, and what it has found: the sets are facts of their names."""

    waiting: list[tuple[str, Any]]
    """What is still to be read, each with the key at which it stands."""
    outermost: Sequence[Any]
    """The objects that hold the parameters of the request."""
    model_at: Any
    """The object whose model is the one that the request is for."""
    features: set[str]
    tools: set[str]
    unknown_types: set[str]
    second_models: set[SecondModel]
    second_tiers: set[str]
    stored: list[Named]


class Place(NamedTuple):
    """An object of the body that has a key with a meaning."""

    fields: Mapping[str, Any]
    holder: str
    """The key at which it stands, alone or in a list; empty for the body itself."""
    type: str | None
    is_outermost: bool
    """Whether it holds the parameters of the request."""
    names_model: bool
    """Whether its model is the one that the request is for."""


Read = Callable[[Place, Any, Walk], None]
"""Reads the value of one key of a place."""


class Watched:
    """What the catalogue says about types and keys.

    Attributes:
        keys: all keys with a meaning.
        tool_keys: those with a list of tools or a single tool.
        free: the zones of the user's own JSON, by key.
        own_keys: the objects with keys of the user's own, by key.
    """

    def __init__(self, entries: Entries) -> None:
        """Prepare the look-ups."""
        self._readers: dict[str, list[Read]] = {}
        for feature in entries.features:
            self._watch(feature.at, _feature_reader(feature))
        for stored in entries.stored_kinds:
            self._watch(stored.at, _stored_reader(stored, frozenset(entries.report_types)))
        for key in entries.tool_keys:
            self._watch((key,), _tool_key_reader(key))
        for key in entries.model_keys:
            self._watch((key,), _second_model_reader(key))
        self._watch((TIER,), _read_second_tier)
        self.keys = frozenset(self._readers)
        self.tool_keys = frozenset(entries.tool_keys)
        self._choice_keys = frozenset(entries.tool_choice_keys)
        self._features = {part.type: part.feature for part in entries.part_types}
        self._tools = {tool.type: tool for tool in entries.tools}
        self._typed: dict[str, list[tuple[str, Read]]] = {}
        for stored in entries.stored_kinds:
            for name, paths in stored.typed.items():
                read = _stored_reader(stored, frozenset())
                self._typed.setdefault(name, []).extend(_path_reader(path, read) for path in paths)
        self._types = frozenset((*entries.plain_types, *self._features, *self._tools, *self._typed))
        self._plain_types = frozenset(entries.plain_types) - {*self._features, *self._tools, *self._typed}
        self.free = {zone.key: frozenset(zone.within) for zone in entries.free_zones}
        self.own_keys = {zone.key: frozenset(zone.within) for zone in entries.own_keys}

    def _watch(self, paths: Sequence[str], read: Read) -> None:
        for path in paths:
            key, reader = _path_reader(path, read)
            self._readers.setdefault(key, []).append(reader)

    def read_type(self, value: Any, holder: str, fields: Mapping[str, Any], walk: Walk) -> str | None:
        """Note what follows from the type of an object; returns its name."""
        in_tools = holder in self.tool_keys
        if value.__class__ is str and value in self._plain_types and not in_tools:
            return str(value)
        name = _name(as_written(value))
        tool = self._tools.get(name)
        if in_tools or (tool is not None and tool.runs == "vendor" and holder not in self._choice_keys):
            walk.tools.add(_tool_type(tool, fields) if tool is not None else name)
        elif name not in self._types:
            walk.unknown_types.add(name)
        if name in self._features:
            walk.features.add(self._features[name])
        for key, read in self._typed.get(name, ()):
            if key in fields:
                place = Place(fields=fields, holder=holder, type=name, is_outermost=False, names_model=False)
                read(place, as_written(fields[key]), walk)
        return name

    def read_keys(self, keys: Iterable[str], place: Place, walk: Walk) -> None:
        """Note what follows from these keys of an object."""
        for key in keys:
            value = as_written(place.fields[key])
            if value is not None:
                for read in self._readers[key]:
                    read(place, value, walk)


def short_text(value: Any) -> str | None:
    """`value` as a model id or tier; `None` if it is not text."""
    text = as_written(value)
    return cut(text) if isinstance(text, str) and text else None


def values_at(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """The values below `value` at `path`; a list stands for each of its items."""
    value = as_written(value)
    if isinstance(value, _LISTS):
        for each in value:
            yield from values_at(each, path)
    elif not path:
        yield value
    elif isinstance(value, dict):
        yield from values_at(value.get(path[0]), path[1:])


def holds_scalar(value: Any) -> bool:
    """Whether `value` is a scalar, or a list with one."""
    return value.__class__ in PLAIN or any(each.__class__ in PLAIN for each in value)


def is_within(zone: frozenset[str], named: str | None, holder: str) -> bool:
    """Whether an object of this type, at this key, is in a zone; the body itself is, if it has no type."""
    return not zone or named in zone or (holder in zone and (holder != "" or named is None))


def _name(value: Any) -> str:
    return value if isinstance(value, str) and _NAME.fullmatch(value) else UNNAMED


def _tool_type(tool: Tool, fields: Mapping[str, Any]) -> str:
    """The type of a tool, or the one that it amounts to with these parameters."""
    same = tool.same_as
    if same is not None and list(values_at(fields, same.at.split("."))) == [same.value]:
        return same.type
    return tool.type


def _path_reader(path: str, read: Read) -> tuple[str, Read]:
    """The first key of a dotted path, and what reads the value of that key."""
    key, *below = path.split(".")

    def read_below(place: Place, value: Any, walk: Walk) -> None:
        for each in values_at(value, below):
            if each is not None:
                read(place, each, walk)

    return key, read_below if below else read


def _feature_reader(feature: Feature) -> Read:
    wanted = _WANTED.get(feature.value, feature.value)
    within = frozenset(feature.within)

    def read(place: Place, value: Any, walk: Walk) -> None:
        if feature.outermost and not place.is_outermost:
            return
        if not is_within(within, place.type, place.holder):
            return
        # An empty object is an answer too: `tracing: {}` may switch it on.
        if value not in feature.unless and (value or value == {} if wanted is None else value == wanted):
            walk.features.add(feature.feature)

    return read


def _stored_reader(stored: StoredKind, report_types: frozenset[str]) -> Read:
    def read(place: Place, value: Any, walk: Walk) -> None:
        # What reports an earlier call of a tool names files that the call had, and reads none.
        if place.type not in report_types:
            names = (each for each in values_at(value, ()) if isinstance(each, str) and each)
            walk.stored.extend((stored.kind, name) for name in names if name not in stored.words)

    return read


def _tool_key_reader(key: str) -> Read:
    def read(_: Place, value: Any, walk: Walk) -> None:
        if not isinstance(value, _LISTS):
            walk.tools.add(key)

    return read


def _second_model_reader(key: str) -> Read:
    def read(place: Place, value: Any, walk: Walk) -> None:
        if place.names_model:
            return
        at = f"{_name(place.holder)}.{key}" if place.holder else key
        for each in values_at(value, ()):
            if (model := short_text(each)) is not None:
                walk.second_models.add(SecondModel(at, model))

    return read


def _read_second_tier(place: Place, value: Any, walk: Walk) -> None:
    tier = short_text(value)
    if tier is not None and not place.is_outermost:
        walk.second_tiers.add(tier)
