"""What the annotations of the client's parameters say, and the smallest values that fit them."""

import types
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin

import typing_extensions

MODEL = "gpt-5.2-2025-12-11"
PICTURE = "data:image/png;base64,iVBORw0KGgo="
LISTS = (list, Iterable, Sequence)
WRAPPERS = (Annotated, Required, NotRequired, typing_extensions.Required, typing_extensions.NotRequired)


@cache
def fields_of(typed: type) -> Mapping[str, Any]:
    """The annotations of a typed dictionary."""
    return typing_extensions.get_type_hints(typed, include_extras=True)


def required(typed: type) -> list[str]:
    """Keys that it must have. `__required_keys__` is wrong where annotations are text (Python 3.11)."""
    marked = {key: marks(hint) for key, hint in fields_of(typed).items()}
    total = getattr(typed, "__total__", True)
    return [
        key for key, found in marked.items() if "Required" in found or (total and "NotRequired" not in found)
    ]


def marks(hint: Any) -> set[str]:
    """Whether a key is marked as required, or as one that may be left out."""
    found = set()
    while get_origin(hint) in WRAPPERS:
        found.add(getattr(get_origin(hint), "_name", "") or "")
        hint = get_args(hint)[0]
    return found


@cache
def members(hint: Any) -> tuple[Any, ...]:
    """What a value may be: the members of unions within unions."""
    if get_origin(hint) in WRAPPERS:
        return members(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(dict.fromkeys(each for arg in get_args(hint) for each in members(arg)))
    return (hint,)


def type_names(typed: type) -> tuple[str, ...]:
    """The values that `type` may have in it."""
    hint = fields_of(typed).get("type")
    literals = [each for each in members(hint) if get_origin(each) is Literal]
    return tuple(name for each in literals for name in get_args(each) if isinstance(name, str))


def smallest(hint: Any, name: str) -> Any:
    """The smallest harmless value."""
    return min((_smallest(each, name) for each in members(hint)), key=lambda rated: rated[0])[1]


def _smallest(hint: Any, name: str) -> tuple[int, Any]:  # noqa: PLR0911 - a row for each kind of annotation
    origin = get_origin(hint)
    if origin is Literal:
        return 0, get_args(hint)[0]
    if hint is str:
        return 1, PICTURE if name.endswith("url") else MODEL if is_model(name) else "x"
    if hint in (bool, int, float):
        return 2, hint(hint is not bool)
    if origin in LISTS:
        return 3, []
    if hint is object or origin in (dict, Mapping):
        return 4, {}
    if typing_extensions.is_typeddict(hint):
        return 5, smallest_object(hint)
    if hint is bytes:
        return 6, ("a.txt", b"x")
    return 7, None


def smallest_object(typed: type) -> dict[str, Any]:
    """One with what it must have."""
    return {key: smallest(fields_of(typed)[key], key) for key in required(typed)}


def is_model(key: str) -> bool:
    """Whether a key names a model."""
    return key in ("model", "models") or key.endswith("_model")
