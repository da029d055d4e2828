"""Reads request bodies: model, tier, features, tools, stored things, and never content."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import unquote

from otel_residency.calls.request import WITH_BODY, body_of
from otel_residency.core.entries import Entries, StoredKind
from otel_residency.core.facts import UNSEEN_LINE, BatchLine, Reference
from otel_residency.core.regions import UNKNOWN

_MODEL_LIMIT = 256
"""Characters of a model id that are kept; longer text is no id."""
_TOOLS_LIMIT = 4096
"""Characters of all tool types together that one line of a batch may name; above that it counts as unread."""
_SKIPPED = (str, int, float, bytes, type(None))
_PLAIN = frozenset({*_SKIPPED, bool})
_LIST = (list, tuple)
_NUMBER = (int, float)
_NO_FIELDS: Mapping[str, Any] = {}
MAPPING = (dict, Mapping)
"""`dict` first: `isinstance` with an abstract class is slow, and nearly every mapping is a dict."""
_WANTED: Mapping[str, bool | None] = {"truthy": None, "false": False}
"""The catalogue's words for a value that is not text; `None` stands for any value that is true."""
_PATHS = 1024
"""Paths whose stored things are kept in a cache."""

Named = tuple[str, str]
"""A thing that the vendor stores: its kind, and its id, which goes nowhere but into `CreatedObjects`."""
_StoredAt = tuple[StoredKind, tuple[str, ...]]
RegionOf = Callable[[str], str | None]
"""From the id of such a thing to the region in which it was created, if that is known."""
_NO_REFERENCES: frozenset[Reference] = frozenset()


class RequestFacts(NamedTuple):
    """What was read of a request's body.

    Attributes:
        unseen: whether the body, or a part of it, could not be read.
        batch_input: id of the file whose lines are the calls of a new batch.
        stored: stored things whose content the vendor adds to the request.
        purpose: what an uploaded file is for.
    """

    model: str | None = None
    service_tier: str | None = None
    features: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()
    unseen: bool = False
    batch_input: str | None = None
    stored: tuple[Named, ...] = ()
    purpose: str | None = None


class _UnreadableError(Exception):
    """The body holds an object whose form on the wire is not known here."""


class BodyReader:
    """Reads bodies by the catalogue's description of models, features, tools and stored things.

    Attributes:
        named: from path and model to the stored things that they name; cached.
    """

    def __init__(self, entries: Entries) -> None:
        """Prepare the look-ups."""
        self._model_at = tuple(
            tuple(path.split("."))
            for path in dict.fromkeys(at for endpoint in entries.endpoints for at in endpoint.model_at)
        )
        self._features: dict[str, list[tuple[str, tuple[str, ...], str | bool | None]]] = {}
        for feature in entries.features:
            wanted = _WANTED.get(feature.value, feature.value)
            for path in feature.at:
                key, *_ = keys = tuple(path.split("."))
                self._features.setdefault(key, []).append((feature.feature, keys, wanted))
        self._stored: dict[str, list[_StoredAt]] = {}
        self._stored_parts: dict[str, list[_StoredAt]] = {}
        self._below: dict[str, str] = {}
        for stored in entries.stored_kinds:
            for path in stored.at:
                key, *_ = keys = tuple(path.split("."))
                self._stored.setdefault(key, []).append((stored, keys))
            for part, paths in stored.typed.items():
                self._stored_parts.setdefault(part, []).extend((stored, tuple(at.split("."))) for at in paths)
            self._below |= dict.fromkeys(stored.below, stored.kind)
        self._prompt_at = entries.prompt_at
        self._tool_keys = entries.tool_keys
        self._keys = frozenset((*self._features, *self._stored, *self._prompt_at, *self._tool_keys))
        self._stored_models = [
            (kind.kind, kind.model_prefix) for kind in entries.stored_kinds if kind.model_prefix
        ]
        self._literals = frozenset(segment for each in entries.endpoints for segment in each.path.split("/"))
        # On the bound method, and not as a decorator of the function: that cache would belong to the class
        # and keep every reader alive. This one goes with its reader, at the next run of the cyclic collector.
        self.named = lru_cache(_PATHS)(self._named)
        self._part_types = {part.type: part.feature for part in entries.part_types}
        self._file_types = frozenset(entries.file_part_types)
        self._references = entries.file_reference_keys
        self._batch_input = entries.batch_files.input_at if entries.batch_files else ""

    def read(self, options: Any, request: Any) -> RequestFacts:
        """Read the body that `options` (the client's request options) hold and `request` carries."""
        body = getattr(options, "json_data", None)
        extra = getattr(options, "extra_json", None)
        content = getattr(options, "content", None)
        if extra and isinstance(extra, MAPPING) and (body is None or isinstance(body, MAPPING)):
            # As the client merges them: `extra_body` wins (openai 3.57.0, `_build_request`).
            body = {**(body or {}), **extra}
        if content is not None or not (body is None or isinstance(body, MAPPING)):
            return self._read_wire(request)
        if not body:
            return RequestFacts()
        try:
            return self._read_body(body)
        # A pydantic model among the messages, for example: how it is written is the client's business, so the
        # serialized body is read.
        except _UnreadableError:
            return self._read_wire(request)

    def read_sent(self, request: Any) -> RequestFacts:
        """Read the body that a request is about to send."""
        if request.method not in WITH_BODY or body_of(request) == b"":
            return RequestFacts()
        return self._read_wire(request)

    def read_message(self, message: bytes) -> RequestFacts:
        """Read an event that is sent over a WebSocket, and the response that it asks for."""
        try:
            event = json.loads(message, object_pairs_hook=_unambiguous)
            requested = event.get("response")
            return self._read_body({**event, **requested} if isinstance(requested, Mapping) else event)
        except Exception:  # whatever is wrong with it, it was not read
            return RequestFacts(unseen=True)

    def read_line(self, line: bytes, region_of: RegionOf) -> BatchLine:
        """Read a line of a batch's input file, which has the path of a call and its body."""
        try:
            call = json.loads(line, object_pairs_hook=_unambiguous)
            path = call["url"].partition("?")[0][:_MODEL_LIMIT]
            body = self._read_body(call["body"])
        except Exception:  # as above
            return UNSEEN_LINE
        # Kinds of lines are kept for as long as a batch may be created from the file, so their size is
        # bounded.
        if sum(map(len, body.tools)) > _TOOLS_LIMIT:
            return UNSEEN_LINE
        references = self.references(path, body, region_of)
        return BatchLine(
            path=path,
            model=body.model,
            features=body.features,
            tools=body.tools,
            service_tier=body.service_tier,
            references=references,
        )

    def references(self, path: str, body: RequestFacts, region_of: RegionOf) -> frozenset[Reference]:
        """The stored things that a request names, without their ids.

        A thing that only the path or the model names counts if its region is known: its content is at the
        host already, so one of unknown origin adds no doubt.
        """
        named = self.named(path, body.model)
        if not named and not body.stored:
            return _NO_REFERENCES
        used = {Reference(kind, region_of(name) or UNKNOWN) for kind, name in body.stored}
        used |= {Reference(kind, region) for kind, name in named if (region := region_of(name))}
        return frozenset(used)

    def _named(self, path: str, model: str | None) -> tuple[Named, ...]:
        below = self._below
        in_path = [
            (below[segment], unquote(following))
            for segment, following in pairwise(path.split("/"))
            if segment in below and following not in self._literals
        ]
        # A fine-tuned model is stored by the vendor, and its name is its id.
        models = [(kind, model) for kind, prefix in self._stored_models if model and model.startswith(prefix)]
        return (*in_path, *models)

    def _read_wire(self, request: Any) -> RequestFacts:
        """Read the serialized body, where the client was given one, or was given objects of unknown form."""
        try:
            sent = body_of(request)
            body = json.loads(request.content if sent is None else sent, object_pairs_hook=_unambiguous)
            if isinstance(body, Mapping):
                return self._read_body(body)
        except Exception:  # noqa: S110 - whatever is wrong with it, it was not read
            pass
        return RequestFacts(unseen=True)

    def _read_body(self, body: Mapping[str, Any]) -> RequestFacts:
        features: set[str] = set()
        tools: set[str] = set()
        stored: list[Named] = []
        for name, value in body.items():
            if name not in self._keys:
                continue
            for feature, path, wanted in self._features.get(name, ()):
                found = _at(body, path)
                if found if wanted is None else found == wanted:
                    features.add(feature)
            for at in self._stored.get(name, ()):
                stored += _named_at(body, at)
            if name in self._prompt_at and value.__class__ is not str and value is not None:
                self._read_parts(value, features, stored)
            if name in self._tool_keys and value is not None:
                if isinstance(value, Iterable) and not isinstance(value, str | Mapping):
                    self._read_tools(value, features, tools, stored)
                else:
                    tools.add(name)
        model = None
        for path in self._model_at:
            model = model or _text(_at(body, path))
        return RequestFacts(
            model=model,
            service_tier=_text(body.get("service_tier")),
            features=frozenset(features),
            tools=frozenset(tools),
            batch_input=_text(body.get(self._batch_input)),
            stored=tuple(stored),
            purpose=_text(body.get("purpose")),
        )

    def _read_parts(self, prompt: Any, features: set[str], stored: list[Named]) -> None:
        """Find typed parts at any depth; a list that begins with a number is one of tokens."""
        # A list instead of recursion: tool results nest to any depth, and Python would stop at a thousand.
        waiting = [prompt]
        while waiting:
            value = waiting.pop()
            if isinstance(value, _LIST):
                inner: Iterable[Any] = value if not (value and isinstance(value[0], _NUMBER)) else ()
            elif isinstance(value, MAPPING):
                kind = value.get("type")
                if isinstance(kind, str):
                    self._read_part(kind, value, features)
                    for at in self._stored_parts.get(kind, ()):
                        stored += _named_at(value, at)
                inner = value.values()
            elif isinstance(value, _SKIPPED):
                continue
            else:
                raise _UnreadableError
            waiting += [each for each in inner if each.__class__ not in _PLAIN]

    def _read_part(self, kind: str, part: Mapping[str, Any], features: set[str]) -> None:
        feature = self._part_types.get(kind)
        if feature:
            features.add(feature)
        if feature or kind in self._file_types:
            inner = part.get("file")
            for holder in (part, inner if isinstance(inner, Mapping) else {}):
                if any(holder.get(key) for key in self._references):
                    features.add("file_reference")

    def _read_tools(
        self, value: Iterable[Any], features: set[str], tools: set[str], stored: list[Named]
    ) -> None:
        for tool in value:
            if not isinstance(tool, Mapping):
                raise _UnreadableError
            kind = tool.get("type")
            # A tool without a type must not pass as no tool.
            kind = kind if isinstance(kind, str) else "unknown"
            tools.add(kind)
            for at in self._stored_parts.get(kind, ()):
                stored += _named_at(tool, at)
            function = tool.get("function")
            if tool.get("strict") or (isinstance(function, Mapping) and function.get("strict")):
                features.add("structured_output")
            nested = tool.get("tools")
            if isinstance(nested, list | tuple):
                self._read_tools(nested, features, tools, stored)


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object without repeated keys: parsers differ in which of two values they take."""
    # Python takes the last of two equal keys, other parsers the first: a body could show one model here and
    # another at the vendor (tests/calls/test_batch_reading.py,
    # test_a_line_that_cannot_be_read_is_counted_as_unseen).
    read = dict(pairs)
    if len(read) != len(pairs):
        raise _UnreadableError
    return read


def _at(body: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = body.get(path[0])
    for key in path[1:]:
        if not isinstance(value, MAPPING):
            return None
        value = value.get(key)
    return value


def _named_at(body: Mapping[str, Any], at: _StoredAt) -> Iterator[Named]:
    stored, path = at
    return ((stored.kind, name) for name in ids_at(body, path) if name not in stored.words)


def _text(value: Any) -> str | None:
    return value[:_MODEL_LIMIT] if isinstance(value, str) and value else None


def fields_of(value: Any) -> Mapping[str, Any]:
    """The fields of plain data or of a model.

    The attributes of a pydantic model are read from its `__dict__`: pydantic takes long to say that it has no
    such attribute.
    """
    if isinstance(value, dict):
        return value
    declared = getattr(value, "__dict__", _NO_FIELDS)
    # pydantic 2 keeps fields that a release does not declare in a slot of its own, outside of `__dict__`.
    extra = getattr(value, "__pydantic_extra__", None)
    return {**extra, **declared} if extra else declared


def ids_at(value: Any, path: Sequence[str]) -> list[str]:
    """The ids that stand below `value` at `path`; a list stands for each of its items."""
    if isinstance(value, list | tuple):
        return [name for each in value for name in ids_at(each, path)]
    if not path:
        return [value] if isinstance(value, str) and value else []
    fields = value if isinstance(value, MAPPING) else fields_of(value)
    return ids_at(fields.get(path[0]), path[1:])
