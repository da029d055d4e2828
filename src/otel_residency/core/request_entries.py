"""The entries of a catalogue about requests: features, parts, tools, stored things, and files of batches."""

from collections.abc import Mapping
from datetime import date
from typing import Literal, NamedTuple

from otel_residency.core.revision import NOTHING, Strings


class Feature(NamedTuple):
    """How a feature is recognized in a request body, in whatever object of it the keys stand."""

    feature: str
    at: Strings
    """Keys, or dotted paths below one."""
    value: str
    """`truthy`, `false`, or the exact string that must be there."""
    unless: Strings = ()
    """Values with which the key means something else."""
    within: Strings = ()
    """Types of objects with the keys, or the keys at which these stand; empty for everywhere."""
    outermost: bool = False
    """It counts only among the parameters of the request itself: for what may make a verdict better."""


class PartType(NamedTuple):
    """A typed part of a prompt that is a feature of its own."""

    type: str
    feature: str


class SameTool(NamedTuple):
    """A parameter of a tool with which it amounts to another one."""

    at: str
    """Dotted path into the tool."""
    value: str
    type: str


class Tool(NamedTuple):
    """A tool type: run by the caller, or by the vendor under a row of the table."""

    type: str
    runs: Literal["client", "vendor"] = "vendor"
    row: str | None = None
    third_party: bool = False
    same_as: SameTool | None = None


class FreeZone(NamedTuple):
    """The user's own JSON within a request: the vendor looks for no parameter there."""

    key: str
    within: Strings = ()
    """Types of the objects with this key, or the keys at which these stand; empty for everywhere."""


class SecondModelPlace(NamedTuple):
    """A place at which a request names a second model, and the services that use it."""

    at: str
    services: Strings
    doubt: str | None = None
    """Why its data may be handled otherwise than that of the request."""


class StoredKind(NamedTuple):
    """A kind of object that the vendor stores, and where a request names one by its id."""

    kind: str
    below: Strings = ()
    """Path segments that an id follows."""
    at: Strings = ()
    """Dotted paths into a request body; at a list, the path applies to each item."""
    typed: Mapping[str, Strings] = NOTHING
    """Dotted paths into the parts of a prompt and the tools, by their type."""
    words: Strings = ()
    """Values that may replace an id."""
    model_prefix: str | None = None
    """The prefix of model names that are such an object."""


class Creation(NamedTuple):
    """An endpoint whose responses name objects that the vendor stores."""

    path: str
    id_at: Strings
    """Dotted paths into the response; at a list, the path applies to each item."""
    only: str | None = None
    """The feature without which nothing is stored."""
    unless: str | None = None
    """The feature with which nothing is stored."""
    with_path: bool = False
    """They are in the region of the object that the path of the request names."""


class PromptCacheDefault(NamedTuple):
    """The day from which extended prompt caching is on by default."""

    since: date
    unless: Strings
    text: str
    source: str
    always: Strings = ()
    """Models that know no other caching, whatever the request or a contract says."""


class BatchFiles(NamedTuple):
    """How the input file of a batch is uploaded and named, and its limits."""

    purpose: str
    """The `purpose` of the upload."""
    input_at: str
    """The key at which a new batch names its file."""
    max_bytes: int
    max_lines: int
    source: str
