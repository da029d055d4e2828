"""Reads request bodies: models, tiers, features, tools, stored things, and never content."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import unquote

from otel_residency.calls.forms import JSON, read_file_part, read_form
from otel_residency.calls.request import WITH_BODY, body_of
from otel_residency.calls.walk import TIER, Named, Walker, text_of
from otel_residency.calls.written import UnreadableBodyError
from otel_residency.core.entries import Entries
from otel_residency.core.facts import UNSEEN_LINE, BatchLine, Reference, SecondModel
from otel_residency.core.regions import UNKNOWN

_PATH_LIMIT = 256
"""Characters of the path of a line that are kept; a longer one is no endpoint."""
_NO_FIELDS: Mapping[str, Any] = {}
MAPPING = (dict, Mapping)
"""`dict` first: `isinstance` with an abstract class is slow, and nearly every mapping is a dict."""
_PATHS = 1024
"""Paths whose stored things are kept in a cache."""
_IN_EVENT = "response"
"""The key of a WebSocket event at which the parameters of a response may stand."""
_CONTENT_TYPE = b"content-type"

RegionOf = Callable[[str], str | None]
"""From the id of such a thing to the region in which it was created, if that is known."""
_NO_REFERENCES: frozenset[Reference] = frozenset()


class RequestFacts(NamedTuple):
    """What was read of a request's body.

    Attributes:
        unseen: whether the body, or a part of it, could not be read.
        model_at: where the model stands, if that is the place of a second one in other requests.
        second_models: models that do a part of the work, such as the moderation of a prompt.
        second_tiers: service tiers that hold for a part of it.
        unknown_types: types of parts and items that the catalogue does not know.
        batch_input: id of the file whose lines are the calls of a new batch.
        stored: stored things whose content the vendor adds to the request.
        purpose: what an uploaded file is for.
    """

    model: str | None = None
    service_tier: str | None = None
    features: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()
    unseen: bool = False
    model_at: str | None = None
    second_models: frozenset[SecondModel] = frozenset()
    second_tiers: frozenset[str] = frozenset()
    unknown_types: frozenset[str] = frozenset()
    batch_input: str | None = None
    stored: tuple[Named, ...] = ()
    purpose: str | None = None


class BodyReader:
    """Reads bodies by the catalogue's description of models, features, tools and stored things.

    Attributes:
        named: from path and model to the stored things that they name; cached.
    """

    def __init__(self, entries: Entries) -> None:
        """Prepare the look-ups."""
        self._walker = Walker(entries)
        self._model_at = tuple(
            tuple(path.split("."))
            for path in dict.fromkeys(at for endpoint in entries.endpoints for at in endpoint.model_at)
        )
        self._second_places = frozenset(place.at for place in entries.second_models)
        self._below = {segment: stored.kind for stored in entries.stored_kinds for segment in stored.below}
        self._stored_models = [
            (kind.kind, kind.model_prefix) for kind in entries.stored_kinds if kind.model_prefix
        ]
        self._literals = frozenset(segment for each in entries.endpoints for segment in each.path.split("/"))
        # On the bound method, and not as a decorator of the function: that cache would belong to the class
        # and keep every reader alive. This one goes with its reader, at the next run of the cyclic collector.
        self.named = lru_cache(_PATHS)(self._named)
        self._batch_input = entries.batch_files.input_at if entries.batch_files else ""

    def read(self, options: Any, request: Any) -> RequestFacts:
        """Read the body that `options` (the client's request options) hold and `request` carries."""
        body = getattr(options, "json_data", None)
        extra = getattr(options, "extra_json", None)
        files = getattr(options, "files", None)
        if extra and isinstance(extra, MAPPING) and (body is None or isinstance(body, MAPPING)):
            # As the client merges them: `extra_body` wins (openai 3.57.0, `_build_request`).
            body = {**(body or {}), **extra}
        if getattr(options, "content", None) is not None or not (body is None or isinstance(body, MAPPING)):
            return self._read_wire(request)
        try:
            if files:
                body = {**(body or {}), **_json_parts(files)}
            return self._read_body(body) if body else RequestFacts()
        # An object that the client serializes in a way of its own: the serialized body is read.
        except (UnreadableBodyError, ValueError, TypeError):
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
            requested = event.get(_IN_EVENT)
            return self._read_body(event, *((requested,) if isinstance(requested, dict) else ()))
        except Exception:  # whatever is wrong with it, it was not read
            return RequestFacts(unseen=True)

    def read_line(self, line: bytes, region_of: RegionOf) -> BatchLine:
        """Read a line of a batch's input file, which has the path of a call and its body."""
        try:
            call = json.loads(line, object_pairs_hook=_unambiguous)
            path = call["url"].partition("?")[0][:_PATH_LIMIT]
            body = self._read_body(call["body"])
        except Exception:  # as above
            return UNSEEN_LINE
        references = self.references(path, body, region_of)
        return BatchLine(
            path=path,
            model=body.model,
            features=body.features,
            tools=body.tools,
            service_tier=body.service_tier,
            second_models=body.second_models,
            second_tiers=body.second_tiers,
            unknown_types=body.unknown_types,
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
            content = request.content if sent is None else sent
            kind = _content_type(request)
            if kind.partition(";")[0].strip().lower() in ("", JSON):
                return self._read_body(json.loads(content, object_pairs_hook=_unambiguous))
            return self._read_body(read_form(content, kind))
        except Exception:  # whatever is wrong with it, it was not read
            return RequestFacts(unseen=True)

    def _read_body(self, body: Mapping[str, Any], *inner: Mapping[str, Any]) -> RequestFacts:
        """Read a body; of an event, `inner` holds the parameters of the response that it asks for."""
        outermost = (body, *inner)
        model, model_at, holder = self._model_of(outermost)
        tiers = [tier for each in outermost if (tier := text_of(each.get(TIER)))]
        found = self._walker.walk(body, outermost, holder)
        return RequestFacts(
            model=model,
            model_at=model_at if model_at in self._second_places else None,
            service_tier=tiers[0] if tiers else None,
            features=frozenset(found.features),
            tools=frozenset(found.tools),
            second_models=frozenset(each for each in found.second_models if each.model != model),
            second_tiers=frozenset((*found.second_tiers, *tiers[1:])),
            unknown_types=frozenset(found.unknown_types),
            batch_input=text_of(body.get(self._batch_input)),
            stored=tuple(found.stored),
            purpose=text_of(body.get("purpose")),
        )

    def _model_of(self, outermost: Sequence[Mapping[str, Any]]) -> tuple[str | None, str, Any]:
        """The model that a request is for, where it stands, and the object that names it."""
        for fields in outermost:
            for path in self._model_at:
                holder: Any = fields
                for key in path[:-1]:
                    holder = holder.get(key) if isinstance(holder, dict) else None
                model = text_of(holder.get(path[-1])) if isinstance(holder, dict) else None
                if model is not None:
                    return model, ".".join(path[-2:]), holder
        return None, "", None


def _json_parts(files: Any) -> dict[str, Any]:
    """The JSON among the parts of a multipart body that the client was given as files."""
    pairs = files.items() if isinstance(files, MAPPING) else files
    values = ((name, read_file_part(part)) for name, part in pairs)
    return {name: value for name, value in values if value is not None}


def _content_type(request: Any) -> str:
    values = {value for name, value in request.headers.raw if name.lower() == _CONTENT_TYPE}
    # Two content types: servers differ in which one they take.
    (value,) = values or {b""}
    return str(value, "latin-1")


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object without repeated keys: parsers differ in which of two values they take."""
    # Python takes the last of two equal keys, other parsers the first: a body could show one model here and
    # another at the vendor (tests/calls/test_batch_reading.py,
    # test_a_line_that_cannot_be_read_is_counted_as_unseen).
    read = dict(pairs)
    if len(read) != len(pairs):
        raise UnreadableBodyError
    return read


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
