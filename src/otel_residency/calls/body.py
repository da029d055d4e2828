"""The body of a request, to what it tells of the call: structure only, never content."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import unquote

from otel_residency.calls.context import builders, whole_bodies
from otel_residency.calls.fields import MAPPING, ids_at
from otel_residency.calls.request import WITH_BODY
from otel_residency.core.classify import UNKNOWN
from otel_residency.core.entries import Entries, StoredKind
from otel_residency.core.facts import UNSEEN_LINE, BatchLine, Reference

_MODEL_LIMIT = 256
"""Characters of a model id that are looked at; longer is no id."""
_TOOLS_LIMIT = 4096
"""Characters of all types of tools that a line of a batch may name, which nobody has told how many."""
_SKIPPED = (str, int, float, bytes, type(None))
_PLAIN = frozenset({*_SKIPPED, bool})
_LIST = (list, tuple)
_NUMBER = (int, float)
_WANTED: Mapping[str, bool | None] = {"truthy": None, "false": False}
"""What the catalogue's words for a value that is no text stand for; `None` is any that counts."""
_PATHS = 1024
"""Paths of which is kept what they name."""


Named = tuple[str, str]
"""A thing that the vendor keeps: its kind, and its id, which goes no further than into the memory."""
_StoredAt = tuple[StoredKind, tuple[str, ...]]
RegionOf = Callable[[str], str | None]
"""Takes the id of such a thing; where it was created, if that is known."""
_NOTHING: frozenset[Reference] = frozenset()


class RequestFacts(NamedTuple):
    """What the body of a request tells, besides where it goes."""

    model: str | None = None
    service_tier: str | None = None
    features: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()
    unseen: bool = False
    batch_input: str | None = None
    """Id of the file whose lines are the calls of a new batch."""
    stored: tuple[Named, ...] = ()
    """Things whose content the vendor brings along."""


class _UnreadableError(Exception):
    """The body holds something whose wire form is not known from here."""


class BodyReader:
    """Reads requests by the catalogue's description of models, features, tools and stored things.

    Attributes:
        named: path and model to the stored things that they name; fast for those seen before.
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
            body = {**(body or {}), **extra}
        if content is not None or not (body is None or isinstance(body, MAPPING)):
            return self._read_wire(request)
        if not body:
            return RequestFacts()
        try:
            return self._read_body(body)
        except _UnreadableError:
            return self._read_wire(request)

    def read_sent(self, request: Any) -> RequestFacts:
        """Read the body that an HTTP client is about to send."""
        if request.method not in WITH_BODY or body_of(request) == b"":
            return RequestFacts()
        return self._read_wire(request)

    def read_message(self, message: bytes) -> RequestFacts:
        """Read an event that is sent over a socket: its own fields, and those of the response it asks for."""
        try:
            event = json.loads(message, object_pairs_hook=_unambiguous)
            asked = event.get("response")
            return self._read_body({**event, **asked} if isinstance(asked, Mapping) else event)
        except Exception:  # any doubt has the same answer
            return RequestFacts(unseen=True)

    def read_line(self, line: bytes, region_of: RegionOf) -> BatchLine:
        """Read a line of a batch's input file: a call with its path beside its body."""
        try:
            told = json.loads(line, object_pairs_hook=_unambiguous)
            path = told["url"].partition("?")[0][:_MODEL_LIMIT]
            body = self._read_body(told["body"])
        except Exception:  # any doubt has the same answer
            return UNSEEN_LINE
        if sum(map(len, body.tools)) > _TOOLS_LIMIT:
            return UNSEEN_LINE
        references = self.references(path, body, region_of)
        return BatchLine(path, body.model, body.features, body.tools, body.service_tier, references)

    def references(self, path: str, body: RequestFacts, region_of: RegionOf) -> frozenset[Reference]:
        """The stored things that a request names, without their ids.

        Of those that only the path or the model names none is unseen: nothing comes along that the host did
        not have.
        """
        named = self.named(path, body.model)
        if not named and not body.stored:
            return _NOTHING
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
        models = [(kind, model) for kind, prefix in self._stored_models if model and model.startswith(prefix)]
        return (*in_path, *models)

    def _read_wire(self, request: Any) -> RequestFacts:
        """Read the serialized body, where the client was handed one or holds foreign objects."""
        try:
            sent = body_of(request)
            body = json.loads(request.content if sent is None else sent, object_pairs_hook=_unambiguous)
            if isinstance(body, Mapping):
                return self._read_body(body)
        except Exception:  # noqa: S110 - any doubt has the same answer
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
            model,
            _text(body.get("service_tier")),
            frozenset(features),
            frozenset(tools),
            batch_input=_text(body.get(self._batch_input)),
            stored=tuple(stored),
        )

    def _read_parts(self, prompt: Any, features: set[str], stored: list[Named]) -> None:
        """Find typed parts at any depth; a list that begins with a number is one of tokens."""
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
    """An object none of whose keys stands twice: who reads the first and who the last is not known."""
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


def builds_plainly(http_client: Any) -> bool:
    """Whether `http_client` builds what it is told to; one with a way of its own may change the body."""
    build = getattr(type(http_client), "build_request", None)
    return id(build) in builders and "build_request" not in vars(http_client)


def body_of(request: Any) -> Any:
    """What `request` sends: its bytes where they are at hand, else the stream, which is not read.

    As long as the body is the same, so is the object. Requests of other HTTP clients than httpx have `None`.
    """
    stream: Any = getattr(request, "stream", None)
    if type(stream) in whole_bodies:
        (stream,) = stream
    return stream
