"""Ids in plain data, or in the models that the client makes of it."""

from collections.abc import Mapping, Sequence
from typing import Any

_NONE: Mapping[str, Any] = {}
MAPPING = (dict, Mapping)
"""A dict is told by its type; asking whether something else is a mapping takes longer."""


def fields_of(value: Any) -> Mapping[str, Any]:
    """The fields of plain data or of a model. A model is not asked for what it lacks: that takes it long."""
    if isinstance(value, dict):
        return value
    own = getattr(value, "__dict__", _NONE)
    extra = getattr(value, "__pydantic_extra__", None)
    return {**extra, **own} if extra else own


def ids_at(value: Any, path: Sequence[str]) -> list[str]:
    """The ids that stand below `value` at `path`; a list stands for each of its items."""
    if isinstance(value, list | tuple):
        return [name for each in value for name in ids_at(each, path)]
    if not path:
        return [value] if isinstance(value, str) and value else []
    fields = value if isinstance(value, MAPPING) else fields_of(value)
    return ids_at(fields.get(path[0]), path[1:])
