"""Values as plain data, and texts as plain text."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any


def plain(value: Any) -> Any:
    """`value` as JSON knows it: a named tuple as an object, a date as its text."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def printable(text: str, keep: str = "") -> str:
    """`text` without what a terminal may take for a command, but with what is to be kept of that."""
    return "".join(letter if letter.isprintable() or letter in keep else "?" for letter in text)


def as_document(value: Any) -> str:
    """`value` as the JSON document that `--json` prints."""
    return json.dumps(plain(value), indent=2, ensure_ascii=False)
