"""Converts plain data to named tuples, strictly, and back; an error names the key, the value and a fix.

The classes are the only description of a file: their fields are its keys, their types the allowed values.
"""

import types
import typing
from collections.abc import Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin

from otel_residency.core.shown import HIDDEN, is_host, may_show, shown, text_if_shown

T = TypeVar("T")
_SCALARS = {str: "a string", int: "a whole number", bool: "true or false", date: "a date"}
_EXAMPLES = {str: '"…"', int: "1", bool: "true", date: "2026-11-20"}


class DecodeError(ValueError):
    """A value that does not match its description.

    Attributes:
        place: dotted path of the key, `""` for the whole document.
        problem: what stands there and what is allowed.
        value: what stands there; `""` if it can't be shown, or nothing does.
        fix: what to write instead.
    """

    def __init__(self, place: str, problem: str, *, value: str = "", fix: str = "") -> None:
        super().__init__(f"{place}: {problem}" if place else problem)
        self.place = place
        self.problem = problem
        self.value = value
        self.fix = fix


def decode(cls: type[T], value: object, place: str = "") -> T:
    """Decode a mapping as a `cls`.

    Raises:
        DecodeError: for an unknown or missing key and for a value of another type.
    """
    described: Any = cls
    if not isinstance(value, Mapping):
        raise _not_a_table(described, value, place)
    allowed = field_types(described)
    for key in value:
        # `$schema` is how an editor finds the schema of a JSON file; it says nothing to us.
        if key not in allowed and not str(key).startswith("$"):
            raise _unknown_key(str(key), allowed, place)
    arguments = {}
    optional = described._field_defaults
    for key, kind in allowed.items():
        if key in value:
            # An optional key is left out where it has no value; only a required one may be null.
            is_null = value[key] is None and key not in optional and type(None) in get_args(kind)
            arguments[key] = None if is_null else decode_value(kind, value[key], _at(place, key))
        elif key not in optional:
            raise DecodeError(_at(place, key), "this key is missing", fix=f"Add {key} = {_example(kind)}.")
    return cls(**arguments)


@cache
def field_types(cls: Any) -> Mapping[str, Any]:
    """The keys of a file that describes a `cls`, and their types: the fields but those of `not_keys()`."""
    hidden: tuple[str, ...] = getattr(cls, "not_keys", tuple)()
    return {key: kind for key, kind in typing.get_type_hints(cls).items() if key not in hidden}


def decode_value(kind: Any, value: object, place: str) -> Any:
    """Decode `value` as `kind`: a named tuple, scalar, Literal, tuple, frozenset, Mapping, a union."""
    # `type`, as `True` is an instance of `int` and would pass as a number.
    if type(value) is kind and kind in _SCALARS:  # a short cut: most values are strings
        return value
    origin, arguments = _shape(kind)
    if origin in (typing.Union, types.UnionType):
        kinds = [each for each in arguments if each is not type(None)]
        is_list = isinstance(value, list | tuple)
        inner = next((each for each in kinds if (get_origin(each) is tuple) == is_list), kinds[0])
        return decode_value(inner, value, place)
    if origin is Literal:
        if value not in arguments:
            words = tuple(map(str, arguments))
            raise _not_a(f"one of: {', '.join(words)}", value, place, known=words)
        return value
    if origin in (tuple, frozenset):
        return origin(_list(arguments[0], value, place))
    if origin is Mapping:
        return _mapping(arguments[1], value, place)
    return decode(kind, value, place) if hasattr(kind, "_fields") else _scalar(kind, value, place)


def to_plain(value: Any, *, defaults: bool = False) -> Any:
    """The plain data that `decode` and `decode_value` read `value` from.

    Args:
        value: a named tuple, or what is in one.
        defaults: whether to keep the fields that have their default.
    """
    if hasattr(value, "_fields"):
        fields, usual = value._asdict(), {} if defaults else value._field_defaults
        value = {key: each for key, each in fields.items() if key not in usual or each != usual[key]}
    if isinstance(value, Mapping):
        return {key: to_plain(each, defaults=defaults) for key, each in value.items()}
    if isinstance(value, frozenset):
        # A set has no order of its own, and depends on the seed of the process: equal facts must give equal
        # text.
        value = sorted(value)
    if isinstance(value, tuple | list):
        return [to_plain(each, defaults=defaults) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def nearest_name(name: str, names: Sequence[str]) -> str:
    """The fix for a name that is none of `names`."""
    near = get_close_matches(name, names, n=1)
    return f"Write {near[0]}." if near else "Remove it, or write a known one."


@cache
def _shape(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    return get_origin(kind), get_args(kind)


def _list(kind: Any, value: object, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        example = f'"{value}"' if isinstance(value, str) and may_show(value) else _example(kind)
        fix = f"[[{place}]]" if isinstance(value, Mapping) else f"[{example}]"
        raise _not_a("a list", value, place, f"Write {fix}.")
    if kind in _SCALARS and {*map(type, value)} <= {kind}:
        return tuple(value)
    return tuple(decode_value(kind, each, f"{place}[{number}]") for number, each in enumerate(value))


def _mapping(kind: Any, value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _not_a_table(Mapping[str, kind], value, place)
    return {
        str(key): decode_value(kind, each, _at_name(place, str(key), number))
        for number, (key, each) in enumerate(value.items())
    }


def _scalar(kind: Any, value: object, place: str) -> Any:
    """A date from its text; any other value is a mistake."""
    if kind is date and isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise _not_a("a date like 2026-11-20", value, place) from None
    raise _not_a(_SCALARS[kind], value, place)


def _not_a(
    expected: str, value: object, place: str, fix: str = "", known: tuple[str, ...] = ()
) -> DecodeError:
    text = text_if_shown(value, known) if isinstance(value, str) else shown(value)
    problem = f"{shown(value, known)} is not {expected}"
    return DecodeError(place, problem, value=text, fix=fix or f"Write {expected}.")


def _not_a_table(kind: Any, value: object, place: str) -> DecodeError:
    name = "" if place.endswith("]") else place.rpartition(".")[2]
    example = f"{name} = {_example(kind)}" if name.isidentifier() else _example(kind)
    return _not_a("a table", value, place, f"Write a table: {example}.")


def _unknown_key(key: str, allowed: Mapping[str, Any], place: str) -> DecodeError:
    names = sorted(allowed)
    problem = f"unknown key; known are: {', '.join(names)}"
    text = text_if_shown(key, names)
    return DecodeError(_at(place, text or HIDDEN), problem, value=text, fix=nearest_name(key, names))


def _example(kind: Any) -> str:
    """A value of `kind` as TOML writes it; of a class its required keys, but two keys at least."""
    origin, arguments = _shape(kind)
    if hasattr(kind, "_fields"):
        keys = list(field_types(kind).items())
        required = [key for key, _ in keys if key not in kind._field_defaults]
        pairs = (f"{key} = {_example(each)}" for key, each in keys[: max(2, len(required))])
        return f"{{ {', '.join(pairs)} }}"
    if origin in (typing.Union, types.UnionType):
        return _example(arguments[0])
    if origin is Literal:
        return f'"{arguments[0]}"'
    if origin in (tuple, frozenset):
        return f"[{_example(arguments[0])}]"
    return "{ … }" if origin is Mapping else _EXAMPLES[kind]


def _at(place: str, key: str) -> str:
    quoted = f'"{key}"' if "." in key else key
    return f"{place}.{quoted}" if place else quoted


def _at_name(place: str, name: str, number: int) -> str:
    """The place of a name that somebody chose; by its number where the name may be a secret."""
    return _at(place, name) if may_show(name) or is_host(name) else f"{place}[{number}]"
