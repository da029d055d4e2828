"""Write the schema of catalogue files, from the classes that load them: `python -m tools.catalogue_schema`.

Editors find it through the `$schema` of each file; the loader does not need it.
"""

import json
import types
import typing
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from otel_residency.core.decode import field_types
from otel_residency.core.entries import Entries
from otel_residency.core.revision import Revision

FILE = Path(__file__).parent.parent / "src" / "otel_residency" / "catalogue" / "schema.json"
SCALARS: Mapping[Any, Mapping[str, str]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    date: {"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
}
MODE = {"mode": {"enum": ["extend", "replace"], "default": "extend"}}
"""The one key of a file that the loader takes out before it looks at the sections."""

Schema = dict[str, Any]


def schema() -> Schema:
    """The schema: a file is a table of sections, or one revision where it says from when it holds."""
    definitions: dict[str, Schema] = {}
    sections = _reference(Entries, definitions)
    revision = _reference(Revision, definitions)
    definitions["Entries"]["properties"] |= MODE
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Catalogue of otel-residency",
        "if": {"required": ["effective_from"]},
        "then": revision,
        "else": sections,
        "$defs": dict(sorted(definitions.items())),
    }


def _reference(described: Any, definitions: dict[str, Schema]) -> Schema:
    name = described.__name__
    if name not in definitions:
        definitions[name] = {}
        definitions[name] |= _table(described, definitions)
    return {"$ref": f"#/$defs/{name}"}


def _table(described: Any, definitions: dict[str, Schema]) -> Schema:
    """What `decode` accepts: the keys of the class, and any that begin with a dollar sign."""
    known = field_types(described)
    required = [key for key in known if key not in described._field_defaults]
    return {
        "description": " ".join(described.__doc__.split()),
        "type": "object",
        "properties": {key: _value(kind, definitions) for key, kind in known.items()},
        "patternProperties": {r"^\$": True},
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def _value(kind: Any, definitions: dict[str, Schema]) -> Schema:
    """What `decode_value` accepts."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _value(next(each for each in arguments if each is not type(None)), definitions)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": _value(arguments[0], definitions)}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _value(arguments[1], definitions)}
    if hasattr(kind, "_fields"):
        return _reference(kind, definitions)
    return dict(SCALARS[kind])


def text() -> str:
    """The schema as it stands in its file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
