"""Values of a body as the client writes them in JSON, without writing them."""

import sys
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any

PLAIN = frozenset({str, int, float, bool, bytes, type(None)})
"""Classes of values that hold no other value."""
CONTAINERS = frozenset({dict, list, tuple})
"""Classes of values that are written as objects and lists."""
_CLASSES = 1024
"""Classes of pydantic models whose fields are kept in a cache."""
_CLIENT = "openai"
"""Top module of models without serializers of their own (tests/calls/test_written.py)."""
_ROOT = "root"
_ROOT_MODEL: Mapping[str, str] = {_ROOT: _ROOT}


class UnreadableBodyError(Exception):
    """The body is in no form that is known here, or holds too many objects."""


def as_written(value: Any) -> Any:
    """`value` as a scalar, a dict, a list or a tuple; what these hold is not converted.

    Raises:
        UnreadableBodyError: it is not known how the client writes it.
    """
    kind = value.__class__
    if kind in PLAIN or kind in CONTAINERS:
        return value
    # Members of an enum, for example. Subclasses of dict and list are no match: they may write anything.
    for scalar in (str, int, float):
        if isinstance(value, scalar):
            return scalar.__str__(value) if scalar is str else scalar(value)
    if isinstance(value, date):
        return ""
    names = _names(kind)
    if names is None:
        raise UnreadableBodyError
    fields = value.__dict__
    if names is _ROOT_MODEL:
        return as_written(fields.get(_ROOT))
    # As `openapi_dumps` of openai 3.57.0 does: `model_dump(exclude_unset=True, mode="json", by_alias=True)`.
    present = value.__pydantic_fields_set__
    body = {names.get(name, name): field for name, field in fields.items() if name in present}
    extra = value.__pydantic_extra__
    return {**body, **extra} if extra else body


@lru_cache(_CLASSES)
def _names(kind: type) -> Mapping[str, str] | None:
    """By field of a pydantic model, the key that it is written as; `None` for a class that is not read."""
    pydantic = sys.modules.get("pydantic")
    # pydantic 1 has no such attribute.
    fields = getattr(kind, "__pydantic_fields__", None)
    if pydantic is None or not isinstance(fields, dict) or not issubclass(kind, pydantic.BaseModel):
        return None
    if kind.__module__.partition(".")[0] != _CLIENT and not _is_plain(kind, pydantic.BaseModel):
        return None
    if getattr(kind, "__pydantic_root_model__", False):
        return _ROOT_MODEL
    return {name: field.serialization_alias or field.alias or name for name, field in fields.items()}


def _is_plain(kind: Any, base: Any) -> bool:
    """Whether pydantic writes this class field by field."""
    # A serializer may stand in a decorator, an annotation or a type. All of them end up in the serializer
    # that pydantic builds, and its text names its parts (pydantic 2.13, `SchemaSerializer.__repr__`).
    return (
        kind.model_dump is base.model_dump
        and not kind.__pydantic_decorators__.computed_fields
        and "Function" not in repr(kind.__pydantic_serializer__)
    )
