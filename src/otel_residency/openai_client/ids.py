"""Ids in plain data, or in the models that the client makes of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_NONE: Mapping[str, Any] = {}


def fields_of(value: Any) -> Mapping[str, Any]:
    """The fields of plain data or of a model. A model is not asked for what it lacks: that takes it long."""
    if isinstance(value, dict):
        return value
    own = getattr(value, "__dict__", _NONE)
    extra = getattr(value, "__pydantic_extra__", None)
    return {**extra, **own} if extra else own


def ids_at(value: Any, path: Sequence[str]) -> Iterator[str]:
    """The ids that stand below `value` at `path`; a list stands for each of its items."""
    if isinstance(value, str):
        if value and not path:
            yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from ids_at(each, path)
    elif path:
        fields = value if isinstance(value, Mapping) else fields_of(value)
        yield from ids_at(fields.get(path[0]), path[1:])
