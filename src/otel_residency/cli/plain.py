"""Values as plain data."""

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


def as_document(value: Any) -> str:
    """`value` as the JSON document that `--json` prints."""
    return json.dumps(plain(value), indent=2, ensure_ascii=False)
