"""Text that strangers wrote, in answers and headers, made fit for facts, telemetry and logs."""

import re
from typing import Any

LIMIT = 256
"""Characters that are kept."""
# Anything else could break a log line, an exporter or a ledger: control characters, lone surrogates, letters
# that look like others.
_FOREIGN = re.compile(r"[^ -~]")
_REPLACEMENT = "?"
"""In no id that the catalogue lists, so that no text becomes one by being cut."""


def foreign_text(value: Any, limit: int = LIMIT) -> str | None:
    """The first characters of `value` in printable ASCII; `None` for an empty text, or no text."""
    if not isinstance(value, str) or not value:
        return None
    if len(value) <= limit and value.isascii() and value.isprintable():  # nearly every text
        return value
    return _FOREIGN.sub(_REPLACEMENT, value[:limit])
