"""Splits a line with many records into lines with one record each, without parsing it.

A Collector writes batches. The text between two records is searched for: it contains quotation marks, and
inside of a string these have a backslash before them, so that no content is mistaken for it.
"""

import re
from typing import Final

_LISTS: Final = {b'{"resourceLogs":[': b'"logRecords":[', b'{"resourceSpans":[': b'"spans":['}
"""The beginning of a document, and the text before its first record."""
_SCHEMA: Final = rb'(?:,"schemaUrl":"[^"\\]*")?'
_RESOURCE_ENDS: Final = rb"\]" + _SCHEMA + rb"\}\]" + _SCHEMA + rb"\}"
_CLOSING: Final = re.compile(_RESOURCE_ENDS + rb"\Z")
"""The text after the last record of a resource."""
_END: Final = re.compile(_RESOURCE_ENDS + rb"\]\}\s*\Z")
_LONGEST_CLOSING: Final = 1024
_MOST_COPIED: Final = 8
"""How many times as long as a line its records are together, at most. Each repeats what stands before the
first record of its resource: very many records below megabytes of that would fill the memory."""
_NEXT: Final = b',{"resource":'
_TAIL: Final = b"]}]}]}"


def split(line: bytes) -> list[bytes]:
    """The records of a line, each in its own line; nothing if no Collector writes such a line."""
    for beginning, opening in _LISTS.items():
        if line.startswith(beginning) and opening in line:
            return _split(line, beginning, opening)
    return []


def _split(line: bytes, beginning: bytes, opening: bytes) -> list[bytes]:
    start = line.find(opening) + len(opening)
    name = line[start : line.find(b'":', start) + 2]  # records begin with the same key, most of them
    head, records, copied = line[:start], [], 0
    while start < len(line):
        copied += len(head)
        if copied > _MOST_COPIED * len(line):
            return []
        found = line.find(name, start + 1) if name else -1
        end = found if found >= 0 else len(line)
        if line.endswith(b"},", start, end):
            records.append(b"".join((head, line[start : end - 1], _TAIL)))
        else:
            last, ends = (line.rfind(_NEXT, start, end), _CLOSING) if found >= 0 else (end, _END)
            closing = ends.search(line, max(start, last - _LONGEST_CLOSING), max(start, last))
            if closing is None:
                return []
            records.append(b"".join((head, line[start : closing.start()], _TAIL)))
            head = beginning + line[last + 1 : end]
            if found >= 0 and not head.endswith(opening):
                return []
        start = end
    return records if len(records) > 1 else []
