"""Reads request bodies: models, tiers, features, tools, stored things, and never content."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import unquote

from otel_residency.calls.request import WITH_BODY, body_of
from otel_residency.calls.watched import (
    TIER,
    UNNAMED,
    Named,
    Place,
    Walk,
    Watched,
    holds_scalar,
    is_within,
    short_text,
)
from otel_residency.calls.wire import json_parts, read_json, read_wire
from otel_residency.calls.written import CONTAINERS, PLAIN, UnreadableBodyError, as_written
from otel_residency.core.cut import TEXT_LIMIT, cut
from otel_residency.core.entries import Entries
from otel_residency.core.facts import MODEL, UNSEEN_LINE, BatchLine, Reference, SecondModel
from otel_residency.core.interruption import reraise_interruption
from otel_residency.core.regions import UNKNOWN

_NAMES_LIMIT = 64
"""Types, tools and models of one body that are kept; a body with more counts as unread."""
_OBJECTS_LIMIT = 200_000
"""Objects and lists of one body that are read; a body with more counts as unread."""
_MODEL_ALONE = frozenset({MODEL})
MAPPING = (dict, Mapping)
"""`dict` first: `isinstance` with an abstract class is slow, and nearly every mapping is a dict."""
_PATHS = 1024
"""Paths whose stored things are kept in a cache."""
_IN_EVENT = "response"
"""The key of a WebSocket event at which the parameters of a response may stand."""

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
        loosening: features that may make a verdict better, and so count only where every body has them.
    """

    def __init__(self, entries: Entries) -> None:
        """Prepare the look-ups."""
        self._watched = Watched(entries)
        self._model_at = tuple(
            tuple(path.split("."))
            for path in dict.fromkeys(at for endpoint in entries.endpoints for at in endpoint.model_at)
        )
        self.loosening = frozenset(each.feature for each in entries.features if each.outermost)
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
                body = {**(body or {}), **json_parts(files)}
            return self._read_body(body) if body else RequestFacts()
        # An object that the client serializes in a way of its own: the serialized body is read.
        except (UnreadableBodyError, ValueError, TypeError):
            reraise_interruption()
            return self._read_wire(request)

    def read_sent(self, request: Any) -> RequestFacts:
        """Read the body that a request is about to send."""
        if request.method not in WITH_BODY or body_of(request) == b"":
            return RequestFacts()
        return self._read_wire(request)

    def read_message(self, message: bytes) -> RequestFacts:
        """Read an event that is sent over a WebSocket, and the response that it asks for."""
        try:
            event = read_json(message)
            requested = event.get(_IN_EVENT)
            read = self._read_body(event, *((requested,) if isinstance(requested, dict) else ()))
            # A session asks for many responses: what makes one of them better says nothing of the next.
            return read._replace(features=read.features - self.loosening)
        except Exception:  # whatever is wrong with it, it was not read
            reraise_interruption()
            return RequestFacts(unseen=True)

    def read_line(self, line: bytes, region_of: RegionOf) -> BatchLine:
        """Read a line of a batch's input file, which has the path of a call and its body."""
        try:
            call = read_json(line)
            path = cut(call["url"].partition("?")[0])
            body = self._read_body(call["body"])
        except Exception:  # as above
            reraise_interruption()
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
            return self._read_body(read_wire(request))
        except Exception:  # whatever is wrong with it, it was not read
            reraise_interruption()
            return RequestFacts(unseen=True)

    def _read_body(self, body: Mapping[str, Any], *inner: Mapping[str, Any]) -> RequestFacts:
        """Read a body; of an event, `inner` holds the parameters of the response that it asks for."""
        outermost = (body, *inner)
        model, model_at, holder = self._model_of(outermost)
        tiers = [tier for each in outermost if TIER in each and (tier := short_text(each[TIER]))]
        walk = Walk(
            waiting=[("", body)],
            outermost=outermost,
            model_at=holder,
            features=set(),
            tools=set(),
            unknown_types=set(),
            second_models=set(),
            second_tiers=set(),
            stored=[],
        )
        self._walk(walk)
        batch_input, purpose = body.get(self._batch_input), body.get("purpose")
        return RequestFacts(
            model=model,
            model_at=model_at if model_at in self._second_places else None,
            service_tier=tiers[0] if tiers else None,
            features=frozenset(walk.features),
            tools=frozenset(walk.tools),
            second_models=frozenset(each for each in walk.second_models if each.model != model),
            second_tiers=frozenset((*walk.second_tiers, *tiers[1:])),
            unknown_types=frozenset(walk.unknown_types),
            batch_input=None if batch_input is None else short_text(batch_input),
            stored=tuple(walk.stored),
            purpose=None if purpose is None else short_text(purpose),
        )

    def _walk(self, walk: Walk) -> None:
        """Read every object and list of a body, wherever it stands.

        Raises:
            UnreadableBodyError: it holds something else, or too much.
        """
        # A list instead of recursion: tool results nest to any depth, and Python would stop at a thousand.
        waiting, tool_keys = walk.waiting, self._watched.tool_keys
        visits = 0
        while waiting:
            visits += 1
            if visits > _OBJECTS_LIMIT:
                raise UnreadableBodyError
            holder, value = waiting.pop()
            if value.__class__ not in CONTAINERS:
                value = as_written(value)
            if value.__class__ is dict:
                self._read_object(holder, value, walk)
                continue
            # One pass in C through a list of nothing but text or numbers, such as what is to be embedded.
            if value.__class__ not in PLAIN and not PLAIN.issuperset(map(type, value)):
                waiting += [(holder, each) for each in value if each.__class__ not in PLAIN]
            if holder in tool_keys and holds_scalar(value):
                walk.tools.add(UNNAMED)
        if len(walk.tools) + len(walk.unknown_types) + len(walk.second_models) > _NAMES_LIMIT:
            raise UnreadableBodyError

    def _read_object(self, holder: str, fields: dict[str, Any], walk: Walk) -> None:
        """Read one object, and add what it holds to what is waiting."""
        watched = self._watched
        named = fields.get("type")
        if named is not None or holder in watched.tool_keys:
            named = watched.read_type(named, holder, fields, walk)
        hits = watched.keys.intersection(fields)
        # Nearly every body names a model, which is read already, and nothing else that counts.
        if hits and (fields is not walk.model_at or hits != _MODEL_ALONE):
            place = Place(
                fields=fields,
                holder=holder,
                type=named,
                is_outermost=any(fields is each for each in walk.outermost),
                names_model=fields is walk.model_at,
            )
            watched.read_keys(hits, place, walk)
        for key, child in fields.items():
            if child.__class__ in PLAIN:
                continue
            if key in watched.free and is_within(watched.free[key], named, holder):
                continue
            value = child if child.__class__ in CONTAINERS else as_written(child)
            if key in watched.own_keys and is_within(watched.own_keys[key], named, holder):
                walk.waiting.extend((key, each) for each in value.values() if each.__class__ not in PLAIN)
            # Of tools the items of a list; an object in its place is no tool, but what it holds may be one.
            elif value.__class__ is dict and key in watched.tool_keys:
                walk.waiting.append(("", value))
            else:
                walk.waiting.append((key, value))

    def _model_of(self, outermost: Sequence[Mapping[str, Any]]) -> tuple[str | None, str, Any]:
        """The model that a request is for, where it stands, and the object that names it."""
        for fields in outermost:
            for path in self._model_at:
                holder: Any = fields
                for key in path[:-1]:
                    holder = holder.get(key) if isinstance(holder, dict) else None
                model = holder.get(path[-1]) if isinstance(holder, dict) else None
                if model is not None and model.__class__ is not str:
                    model = short_text(model)
                if model:
                    short = model if len(model) <= TEXT_LIMIT else cut(model)
                    return short, ".".join(path[-2:]), holder
        return None, "", None
