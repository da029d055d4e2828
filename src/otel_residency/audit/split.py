"""A line with many records as lines with one record each, without parsing it.

A Collector writes what it was sent in batches. What stands between two records is found by its text: outside
of strings it can't be mistaken, and inside of one a quotation mark has a backslash before it.
"""

import re
from typing import Final

_LISTS: Final = {b'{"resourceLogs":[': b'"logRecords":[', b'{"resourceSpans":[': b'"spans":['}
"""How a document begins, and what stands before the first record in it."""
_SCHEMA: Final = rb'(?:,"schemaUrl":"[^"\\]*")?'
_RESOURCE_ENDS: Final = rb"\]" + _SCHEMA + rb"\}\]" + _SCHEMA + rb"\}"
_CLOSING: Final = re.compile(_RESOURCE_ENDS + rb"\Z")
"""What stands behind the last record of a resource."""
_END: Final = re.compile(_RESOURCE_ENDS + rb"\]\}\s*\Z")
_LONGEST_CLOSING: Final = 1024
_NEXT: Final = b',{"resource":'
_TAIL: Final = b"]}]}]}"


def split(line: bytes) -> list[bytes]:
    """The records of a line, each as a line of its own; nothing if it is not as a Collector writes it."""
    for beginning, opening in _LISTS.items():
        if line.startswith(beginning) and opening in line:
            return _split(line, beginning, opening)
    return []


def _split(line: bytes, beginning: bytes, opening: bytes) -> list[bytes]:
    start = line.find(opening) + len(opening)
    name = line[start : line.find(b'":', start) + 2]  # records begin with the same key, most of them
    head, records = line[:start], []
    while start < len(line):
        end = line.find(name, start + 1) if name else -1
        text = line[start : end if end >= 0 else len(line)]
        start += len(text)
        if text.endswith(b"},"):
            records.append(head + text[:-1] + _TAIL)
            continue
        last, ends = (text.rfind(_NEXT), _CLOSING) if end >= 0 else (len(text), _END)
        closing = ends.search(text, max(0, last - _LONGEST_CLOSING), max(0, last))
        if closing is None:
            return []
        records.append(head + text[: closing.start()] + _TAIL)
        head = beginning + text[last + 1 :]
        if end >= 0 and not head.endswith(opening):
            return []
    return records if len(records) > 1 else []
