"""Decode plain data (from JSON or TOML) into named tuples, strictly; an error names the place of the mistake.

The classes are the only description of a file: their fields are its keys, their types the allowed values.
"""

import types
import typing
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin

T = TypeVar("T")
_SCALARS = {str: "a string", int: "a whole number", bool: "true or false", date: "a date"}


class DecodeError(ValueError):
    """A value that does not match its description.

    Attributes:
        place: the dotted path of the key, `""` for the whole document.
        problem: what was found there, and what is allowed.
    """

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}" if place else problem)
        self.place = place
        self.problem = problem


def decode(cls: type[T], value: object, place: str = "") -> T:
    """Decode a mapping as a `cls`.

    Raises:
        DecodeError: for an unknown or missing key and for a value of another type.
    """
    if not isinstance(value, Mapping):
        raise DecodeError(place, f"{_show(value)} is not a table")
    described: Any = cls
    expected = field_types(described)
    for key in value:
        if key not in expected and not str(key).startswith("$"):
            allowed = ", ".join(sorted(expected))
            raise DecodeError(_at(place, str(key)), f"unknown key; known are: {allowed}")
    arguments = {}
    optional = described._field_defaults
    for key, kind in expected.items():
        if key in value:
            # An optional key is left out where it has no value; only a required one may be null.
            is_null = value[key] is None and key not in optional and type(None) in get_args(kind)
            arguments[key] = None if is_null else decode_value(kind, value[key], _at(place, key))
        elif key not in optional:
            raise DecodeError(_at(place, key), "this key is missing")
    return cls(**arguments)


@cache
def field_types(cls: Any) -> Mapping[str, Any]:
    """The keys of a file that describes a `cls`, and their types: the fields but those of `not_keys()`."""
    hidden: tuple[str, ...] = getattr(cls, "not_keys", tuple)()
    return {key: kind for key, kind in typing.get_type_hints(cls).items() if key not in hidden}


def decode_value(kind: Any, value: object, place: str) -> Any:
    """Decode `value` as `kind`: a named tuple, scalar, Literal, tuple, frozenset, Mapping, or optional."""
    if type(value) is kind and kind in _SCALARS:  # a short cut: most values are strings
        return value
    origin, arguments = _shape(kind)
    if origin in (typing.Union, types.UnionType):
        inner = next(each for each in arguments if each is not type(None))
        return decode_value(inner, value, place)
    if origin is Literal:
        if value not in arguments:
            allowed = ", ".join(map(str, arguments))
            raise DecodeError(place, f"{_show(value)} is not one of: {allowed}")
        return value
    if origin in (tuple, frozenset):
        return origin(_list(arguments[0], value, place))
    if origin is Mapping:
        return _mapping(arguments[1], value, place)
    return decode(kind, value, place) if hasattr(kind, "_fields") else _scalar(kind, value, place)


def to_plain(value: Any) -> Any:
    """The plain data that decodes to `value`; fields with their default value are left out."""
    if hasattr(value, "_fields"):
        fields, defaults = value._asdict(), value._field_defaults
        return {
            key: to_plain(each)
            for key, each in fields.items()
            if key not in defaults or each != defaults[key]
        }
    if isinstance(value, Mapping):
        return {key: to_plain(each) for key, each in value.items()}
    if isinstance(value, frozenset):
        return [to_plain(each) for each in sorted(value)]
    if isinstance(value, tuple | list):
        return [to_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


@cache
def _shape(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    return get_origin(kind), get_args(kind)


def _list(kind: Any, value: object, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise DecodeError(place, f"{_show(value)} is not a list")
    if kind in _SCALARS and {*map(type, value)} <= {kind}:
        return tuple(value)
    return tuple(decode_value(kind, each, f"{place}[{number}]") for number, each in enumerate(value))


def _mapping(kind: Any, value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise DecodeError(place, f"{_show(value)} is not a table")
    return {str(key): decode_value(kind, each, _at(place, str(key))) for key, each in value.items()}


def _scalar(kind: Any, value: object, place: str) -> Any:
    """A date from its text; any other value is a mistake."""
    if kind is date and isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise DecodeError(place, f"{_show(value)} is not a date like 2026-11-20") from None
    raise DecodeError(place, f"{_show(value)} is not {_SCALARS[kind]}")


def _at(place: str, key: str) -> str:
    shown = f'"{key}"' if "." in key else key
    return f"{place}.{shown}" if place else shown


def _show(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, str | int | float | bool):
        return repr(value)
    if isinstance(value, Mapping | list):
        return "a list" if isinstance(value, list) else "a table"
    return type(value).__name__
