"""Reads many lines of ledgers, and parses only the first line of each kind of call.

Two calls of the same kind differ in times, ids and numbers alone, all of them JSON strings. A line with the
bytes of one that was parsed, but for the content of these strings, is the same document with other strings.
Any other line is parsed: that takes four times as long.
"""

import re
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from otel_residency.audit.otlp import Link, whole_number
from otel_residency.audit.rows import DAY_AT, Key, ParsedLine, RecordRow, day_of, read_line
from otel_residency.telemetry import names

KEPT: Final = 1 << 25
"""Bytes of lines that are kept before they are forgotten."""
_LONG: Final = 1 << 16
"""Bytes from which on a line is always parsed."""
_PLAIN: Final = bytes(range(0x20, 0x7F)).translate(None, b'"\\')
"""Bytes that mean themselves in a JSON string, and are written as themselves."""


def _attribute(name: str, kind: str) -> bytes:
    return f'{{"key":"{name}","value":{{"{kind}":"'.encode()


_TIME: Final = b'{"timeUnixNano":"'
_SEQUENCE: Final = _attribute(names.LEDGER_SEQUENCE, "intValue")
_PREVIOUS: Final = _attribute(names.LEDGER_PREVIOUS, "stringValue")
_MARKERS: Final = (
    _TIME,
    b',"observedTimeUnixNano":"',
    b',"traceId":"',
    b',"spanId":"',
    _SEQUENCE,
    _PREVIOUS,
    _attribute(names.EVIDENCE["request_id"], "stringValue"),
    _attribute(names.EVIDENCE["peer_address"], "stringValue"),
    _attribute(names.DURATION, "intValue"),
)
"""The text before each of these strings, in the order of a ledger."""
_SIZED: Final = tuple((marker, len(marker)) for marker in _MARKERS)
_PLACES: Final = tuple(map(_MARKERS.index, (_TIME, _SEQUENCE, _PREVIOUS)))
_NONE: Final = b"-"
"""In place of a string that a line does not have."""
_DIGEST: Final = re.compile(b"[0-9a-f]{64}")


class _CutLine(NamedTuple):
    """A line in pieces."""

    parts: tuple[bytes, ...]
    """The text before each string, which ends with its marker, or is empty where the line has no such marker;
    and the text after the last one."""
    strings: list[bytes]


class _Kind(NamedTuple):
    """What was read of the first line of a kind."""

    key: Key
    dropped: int
    writer: str


class LineReader:
    """Reads lines as `read_line` does."""

    def __init__(self, vendors: AbstractSet[str] = frozenset()) -> None:
        """Read client spans to `vendors`, too."""
        self._vendors = vendors
        self._kinds: dict[tuple[bytes, ...], _Kind] = {}
        self._kept = 0

    def read(self, line: bytes) -> ParsedLine:
        """What `read_line` returns.

        Raises:
            NotOtlpError: it is no OTLP/JSON.
        """
        cut = _cut(line.removesuffix(b"\n")) if len(line) < _LONG else None
        if cut is None:
            return read_line(line, self._vendors)
        kind = self._kinds.get(cut.parts)
        if kind is None:
            parsed = read_line(line, self._vendors)
            self._keep(line, cut, parsed)
            return parsed
        time, sequence, previous = (cut.strings[place] for place in _PLACES)
        if not _DIGEST.fullmatch(previous):
            return read_line(line, self._vendors)
        began, number = whole_number(time.decode()), whole_number(sequence.decode())
        key = (*kind.key[:DAY_AT], day_of(began), *kind.key[DAY_AT + 1 :])
        row = RecordRow(key=key, time=began, sequence=number, dropped=kind.dropped)
        link = Link(event=names.EVENT_CALL, writer=kind.writer, sequence=number, previous=previous.decode())
        return ParsedLine(rows=[row], link=link)

    def _keep(self, line: bytes, cut: _CutLine, parsed: ParsedLine) -> None:
        """Keep a kind of call.

        A line with a link has exactly the bytes of one record, whose text begins with the time, and whose
        attributes begin with the link. So the markers of these are found there, as they are searched for in
        this order; another attribute with the name of the number would be an error.
        """
        if parsed.link is None or parsed.link.event != names.EVENT_CALL:
            return
        if not all(cut.parts[place] for place in _PLACES):
            return
        (row,) = parsed.rows
        self._kept += len(line)
        if self._kept > KEPT:
            self._kinds.clear()
            self._kept = len(line)
        self._kinds[cut.parts] = _Kind(key=row.key, dropped=row.dropped, writer=parsed.link.writer)


def _cut(line: bytes) -> _CutLine | None:
    """The line in pieces; `None` if a string is empty, endless, or may not mean itself."""
    at, parts, strings, find = 0, [], [], line.find
    for marker, length in _SIZED:
        start = find(marker, at)
        if start < 0:
            parts.append(b"")
            strings.append(_NONE)
            continue
        start += length
        parts.append(line[at:start])
        at = find(b'"', start)
        if at < 0:
            return None
        strings.append(line[start:at])
    # A field with an empty text is not written.
    if b"" in strings or b"".join(strings).translate(None, _PLAIN):
        return None
    parts.append(line[at:])
    return _CutLine(tuple(parts), strings)
