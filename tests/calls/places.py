"""Every place in the client's requests where a typed thing may stand, by the types of the installed release.

A place is found by walking the annotations of the parameters of each method, and of the events that each
WebSocket connection can send: typed dictionaries, unions, lists, literals. It has the smallest body that has
something there. As a program this writes down how many places there are.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

import openai
import typing_extensions

from tests.calls.annotations import (
    LISTS,
    MODEL,
    PICTURE,
    fields_of,
    is_model,
    marks,
    members,
    required,
    smallest,
    smallest_object,
    type_names,
)
from tests.calls.roots import Root, http_roots, socket_roots

MAIN_MODELS = (
    ("audio.speech", "tts-1"),
    ("audio", "whisper-1"),
    ("beta.realtime.transcription", "gpt-realtime-whisper"),
    ("beta.realtime", "gpt-realtime-2.1"),
    ("decisions", "gpt-6-luna"),
    ("embeddings", "text-embedding-3-small"),
    ("fine_tuning", "gpt-4.1-2025-04-14"),
    ("images", "gpt-image-2.5-sunburst"),
    ("live", "gpt-live-1"),
    ("moderations", "omni-moderation-latest"),
    ("realtime.translations", "gpt-realtime-translate"),
    ("realtime", "gpt-realtime-2.1"),
    ("", MODEL),
)
"""A model that the table lists for the endpoints of a resource; the first that fits."""
MAIN_MODEL_AT = re.compile(r"(<[^<>]*>\.)?((session|response)<[^<>]*>\.)?model")
"""Paths of the model that a request is for; others are used besides."""
TYPE = re.compile(r"<[^<>]*>")
UNKNOWN_MODEL = "gpt-of-nobody"
UNKNOWN_TYPE = "type_of_nobody"
FLAGS: Mapping[str, Any] = {
    "store": True,
    "background": True,
    "tracing": "auto",
    "service_tier": "priority",
    "prompt_cache_retention": "24h",
    "ttl": "30m",
}
"""Keys that change how a request is handled, with such a value; `ttl` is one of `prompt_cache_options`."""
REFERENCES = (
    *("file_id", "file_ids", "file_url", "vector_store_ids", "vector_store_id", "container", "container_id"),
    *("previous_response_id", "conversation", "input_file_id", "training_file", "validation_file"),
    *("skill_id", "prompt_id", "part_ids"),
)
"""Keys whose value names something that is stored, or that the vendor fetches."""
IMAGE = "image_url"
"""The key of an image."""
NAMED_TOOLS = "tools[]"
"""The end of a path whose object names a tool, though the annotation allows any JSON."""
TYPED_REFERENCES = {"item_reference": "id", "prompt": "id", "conversation": "id"}
"""The same of `id`, by the type or the key of the object that has it."""
USER_JSON: Mapping[str, Any] = {
    "type": "mcp",
    "server_label": "x",
    "model": UNKNOWN_MODEL,
    "store": True,
    "background": True,
    "service_tier": "priority",
    "tools": [{"type": "web_search"}, {"type": UNKNOWN_TYPE}],
    "content": [{"type": "input_image", "image_url": PICTURE, "file_id": "file-1"}],
    "file_ids": ["file-1"],
    "previous_response_id": "resp_1",
}
"""What means something to the vendor, except where the JSON is the user's."""
USER_TEXTS: Mapping[str, str] = {
    "type": "mcp",
    "model": UNKNOWN_MODEL,
    "store": "true",
    "service_tier": "priority",
    "file_id": "file-1",
    "previous_response_id": "resp_1",
}


class Place(NamedTuple):
    """Something in a request, and the smallest request that has it."""

    root: str
    """The method, or the WebSocket connection."""
    path: str
    """Keys, `[]` for a list, `<…>` for the type of an object."""
    kind: str
    """`typed`, `untyped` (an object without a type), `unknown` (an object of an unknown type), `model`,
    `image`, `flag`, `reference`, `free` (JSON of the user), `base` (nothing)."""
    name: str
    """The type, or the key."""
    thing: Any
    body: Any
    parent: str
    """The path of the object that it stands in, and must stand in if `needed`."""
    needed: bool


class Spot(NamedTuple):
    """Where the walk is."""

    root: str
    path: str
    wrap: Callable[[Any], Any]
    parent: str = ""
    holder: str = ""
    """The type of the object that it stands in, or its key."""
    needed: bool = False
    """Whether the request is none without something here."""
    inside: frozenset[type] = frozenset()
    """Classes above, so that a recursive type is walked once."""

    def below(self, step: str, wrap: Callable[[Any], Any]) -> "Spot":
        """One step further."""
        needed = self.needed and step.startswith("<")
        return self._replace(path=self.path + step, wrap=lambda value: self.wrap(wrap(value)), needed=needed)

    def place(self, kind: str, name: str, thing: Any) -> Place:
        """Something that stands here."""
        return Place(
            root=self.root,
            path=self.path,
            kind=kind,
            name=name,
            thing=thing,
            body=self.wrap(thing),
            parent=self.parent,
            needed=self.needed,
        )


def walk(hint: Any, spot: Spot) -> Iterator[Place]:
    """The places in a value."""
    labels: Counter[str] = Counter()
    for each in members(hint):
        origin = get_origin(each)
        if typing_extensions.is_typeddict(each):
            *_, label = type_names(each) or (each.__name__,)
            labels[label] += 1
            yield from walk_object(each, spot, label if labels[label] == 1 else f"{label}:{each.__name__}")
        elif origin in LISTS:
            yield from walk(get_args(each)[0], spot.below("[]", lambda value: [value]))
        elif origin in (dict, Mapping):
            value = get_args(each)[1]
            if value is str:
                yield spot.place("free", spot.holder, USER_TEXTS)
            elif spot.path.endswith(NAMED_TOOLS):
                yield spot.below("<?>", lambda value: value).place("unknown", "?", {"type": UNKNOWN_TYPE})
            elif {object, Any} & {*members(value)}:
                yield spot.place("free", spot.holder, USER_JSON)
            else:
                yield from walk(value, spot.below("{}", lambda value: {"x": value}))
        elif each in (object, Any):
            yield spot.place("free", spot.holder, USER_JSON)
    if any(typing_extensions.is_typeddict(each) and type_names(each) for each in members(hint)):
        yield spot.below("<?>", lambda value: value).place("unknown", "?", {"type": UNKNOWN_TYPE})


def walk_object(typed: type, spot: Spot, label: str) -> Iterator[Place]:
    """The object itself, with each type that it may have, and the places in it."""
    least = smallest_object(typed)
    names = type_names(typed)
    if len(names) == 1 and "type" not in required(typed):
        yield spot.below(f"<{label}?>", lambda value: value).place("typed", names[0], least)
    for name in names[:-1]:
        yield spot.below(f"<{name}>", lambda value: value).place("typed", name, {**least, "type": name})
    if names:
        least["type"] = names[-1]
    here = spot.below(f"<{label}>", lambda value: {**least, **value})
    yield here.place("typed" if names else "untyped", names[-1] if names else label, least)
    if typed not in spot.inside:
        below = here._replace(
            parent=here.path, holder=names[-1] if names else spot.holder, inside=spot.inside | {typed}
        )
        yield from walk_fields(fields_of(typed), required(typed), below)


def walk_fields(fields: Mapping[str, Any], needed: Collection[str], spot: Spot) -> Iterator[Place]:
    """The places in the values of keys."""
    for key, hint in fields.items():
        below = spot.below(f".{key}" if spot.path else key, lambda value, key=key: {key: value})
        below = below._replace(needed=key in needed)
        if key != "type":
            yield from key_places(key, hint, below)
            yield from walk(hint, below if spot.holder in TYPED_REFERENCES else below._replace(holder=key))


def key_places(key: str, hint: Any, spot: Spot) -> Iterator[Place]:
    """What a key says by itself."""
    kinds = members(hint)
    literals = [each for kind in kinds if get_origin(kind) is Literal for each in get_args(kind)]
    lists = [each for each in kinds if get_origin(each) in LISTS and str in members(get_args(each)[0])]
    thing: Any = None
    name = f"{spot.holder}.{key}".lstrip(".")
    if is_model(key):
        kind, name, thing = "model", "model", UNKNOWN_MODEL
    elif key == IMAGE:
        kind, thing = "image", PICTURE
    elif key in REFERENCES or TYPED_REFERENCES.get(spot.holder) == key:
        kind, thing = "reference", "https://example.com/a.pdf" if key.endswith("_url") else "x_1"
    if thing and (str in kinds or literals):
        yield spot.place(kind, name, thing)
    if thing and lists:
        yield spot._replace(needed=False).place(kind, name, [thing])
    if key not in FLAGS or (key == "ttl" and spot.holder != "prompt_cache_options"):
        return
    flag = FLAGS[key]
    if flag in literals or type(flag) in kinds:
        yield spot.place("flag", key, flag)
    # The background of a picture is another thing than a response in the background.
    elif literals:
        yield spot.place("free", key, literals[0])


def all_places() -> tuple[list[Place], set[str]]:
    """The places of all requests and connections, and those requests whose body is a form."""
    roots = [*http_roots(), *socket_roots()]
    places = [place for root in roots for place in places_of(root).values()]
    return places, {root.name for root in roots if root.form}


def places_of(root: Root) -> dict[str, Place]:
    """The places of a root by their path; the first is the smallest request."""
    if root.event is None:
        least = {key: smallest(hint, key) for key, hint in root.fields.items() if "Required" in marks(hint)}
        spot = Spot(root.name, "", lambda value: {**least, **value})
        walked = walk_fields(root.fields, least, spot)
    else:
        spot = Spot(root.name, "", lambda value: value)
        walked = walk(root.event, spot)
    found = {"": spot.place("base", "", {})}
    for place in walked:
        found.setdefault(place.path, place)
    holders = [path.removesuffix("model") for path in found if MAIN_MODEL_AT.fullmatch(path)]
    return {path: _with_main_model(place, holders) for path, place in found.items()}


def main_model(root: str) -> str:
    """A model that the endpoint of a root may use."""
    return next(model for prefix, model in MAIN_MODELS if root.startswith(prefix))


def _with_main_model(place: Place, holders: list[str]) -> Place:
    """The place in a request whose main model is one of the endpoint's, if the place is not that model."""
    body = place.body
    for holder in holders:
        if f"{place.path}.".startswith(holder) and place.path != f"{holder}model":
            keys = [key for key in TYPE.sub("", holder).split(".") if key]
            body = _with_model(body, keys, main_model(place.root))
    return place._replace(body=body)


def _with_model(body: Mapping[str, Any], keys: list[str], model: str) -> dict[str, Any]:
    return (
        {**body, keys[0]: _with_model(body[keys[0]], keys[1:], model)} if keys else {**body, "model": model}
    )


def type_literals(places: Iterable[Place]) -> set[str]:
    """Every `type` that stands at some place."""
    return {place.thing["type"] for place in places if place.kind == "typed" and "type" in place.thing}


def counts(places: Iterable[Place]) -> str:
    """How many places there are, as a section of `PLACES`."""
    total: Counter[str] = Counter()
    by_root: dict[str, Counter[str]] = {}
    for place in places:
        if place.kind in COUNTED:
            total[place.kind] += 1
            by_root.setdefault(place.root, Counter())[place.kind] += 1
    rows = [("all", total), *by_root.items()]
    return "\n".join(
        [
            f"## openai {openai.VERSION}: {total.total()} places",
            "",
            f"| request | {' | '.join(COUNTED)} |",
            f"|---|{'---:|' * len(COUNTED)}",
            *(f"| {root} | {' | '.join(str(found[kind]) for kind in COUNTED)} |" for root, found in rows),
        ]
    )


def sections() -> dict[str, str]:
    """The sections of `PLACES` by their first line without the number."""
    parts = PLACES.read_text(encoding="utf-8").split("\n\n## ")[1:] if PLACES.exists() else []
    return {part.partition(":")[0]: f"## {part.strip()}" for part in parts}


COUNTED = ("typed", "unknown", "model", "image", "flag", "reference", "free")
PLACES = Path(__file__).with_name("PLACES.md")
"""How many places each release has, written by this file as a program."""
TITLE = """# Places in requests

Where a typed thing, a model, an image, a flag, a reference or JSON of the user may stand, by the types of the
client. `tests/calls/test_places.py` sends a request for each. Written by `python -m tests.calls.places`."""

if __name__ == "__main__":
    written = {**sections(), f"openai {openai.VERSION}": counts(all_places()[0])}
    PLACES.write_text("\n\n".join([TITLE, *(written[each] for each in sorted(written))]) + "\n", "utf-8")
