"""Counts the rows of OTLP/JSON lines, and parses only the first line of each kind.

Two records of the same kind of call differ in times, ids and numbers alone. These are cut out of the text of
a line, and a line whose remaining text was read before is counted, not parsed: parsing takes five times as
long. How a line is written changes only the time, since any other line is parsed.
"""

import json
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import IO, Any, Final

from otel_residency.audit.rows import (
    DAY,
    LEDGER,
    NUMBERS,
    TEXTS,
    Key,
    NotOtlpError,
    RecordRow,
    as_json,
    day_of,
    rows_of,
)
from otel_residency.audit.split import split
from otel_residency.records.line import read_link
from otel_residency.telemetry import names

KEPT: Final = 1 << 25
"""Bytes of text that are kept before the counted rows are written and forgotten."""
_MANY: Final = 1 << 12
"""Bytes of a line from which on it may have more than one record."""
_ROW: Final = 1000
"""Bytes that a row takes in memory, about."""
_PLAIN: Final = bytes(range(0x20, 0x7F)).translate(None, b'"\\')
"""Bytes that mean themselves in a JSON string. A value with any other byte, such as an escape or a byte that
is no JSON at all, is not cut out: its line is parsed, which finds what it means or that it is broken."""
_DAY_AT: Final = TEXTS.index("day")


def _attribute(name: str, kind: str) -> bytes:
    return f'{{"key":"{name}","value":{{"{kind}":"'.encode()


# Each marker has `{` or `,` before a quotation mark. Inside of a JSON string there is a backslash before the
# mark, so that no content is taken for a marker.
_TIMES: Final = (b'{"timeUnixNano":"', b',"startTimeUnixNano":"')
_SEQUENCE: Final = _attribute(names.LEDGER_SEQUENCE, "intValue")
_LOG, _SPAN = b'{"resourceLogs', b'{"resourceSpan'
_SHAPE: Final = len(_LOG)
"""Bytes at the beginning of a line that identify its signal."""
_OF_CALL: Final = (
    _SEQUENCE,
    _attribute(names.LEDGER_PREVIOUS, "stringValue"),
    _attribute(names.DURATION, "intValue"),
    _attribute(names.EVIDENCE["request_id"], "stringValue"),
    _attribute(names.EVIDENCE["peer_address"], "stringValue"),
    _attribute(names.EVIDENCE["edge"], "stringValue"),
)
_CUT: Final = {
    _LOG: (_TIMES[0], b',"observedTimeUnixNano":"', b',"traceId":"', b',"spanId":"', *_OF_CALL),
    _SPAN: (
        b'{"traceId":"',
        b',"spanId":"',
        b',"parentSpanId":"',
        _TIMES[1],
        b',"endTimeUnixNano":"',
        *_OF_CALL,
    ),
}
"""The text before each value that differs from call to call."""


class _RowCount:
    """How many records have the same row, and the range of their times and numbers."""

    __slots__ = ("calls", "dropped", "first", "high", "last", "low")

    def __init__(self, time: int, sequence: int) -> None:
        self.calls = self.dropped = 0
        self.first = self.last = time
        self.low = self.high = sequence

    def add(self, time: int, sequence: int, calls: int = 1) -> None:
        self.calls += calls
        if time < self.first:
            self.first = time
        elif time > self.last:
            self.last = time
        if sequence > self.high:
            self.high = sequence
        elif sequence < self.low:
            self.low = sequence

    def numbers(self) -> tuple[int, ...]:
        """In the order of `NUMBERS`."""
        return self.calls, self.first, self.last, self.low, self.high, self.dropped


class Counts:
    """Counts rows until they are written."""

    def __init__(self, vendors: AbstractSet[str], rows: IO[str]) -> None:
        """Count rows, and write them to `rows` as JSON lines."""
        self._vendors = vendors
        self._file = rows
        self._by_key: dict[Key, _RowCount] = {}
        self._by_text: dict[tuple[int, bytes], _RowCount] = {}
        self._kinds: dict[bytes, tuple[bytes, Key]] = {}
        """By the text of a line without its values: the same text, so that it is kept once, and the row."""
        self._kept = 0
        # Plain tuples, not objects: they are unpacked for each marker of each line.
        self._orders: dict[bytes, tuple[tuple[bytes, int, bool, bool], ...]] = dict.fromkeys(_CUT, ())
        """By signal, the markers in the order of the lines so far: marker, length, is time, is sequence."""

    def add_all(self, lines: list[bytes]) -> Iterator[tuple[int, str | None]]:
        """Count `lines`.

        Yields:
            The index in `lines` of one that could not be read, and why; `None` in place of a reason for a
            line with telemetry of other libraries only.
        """
        for number, line in enumerate(lines):
            try:
                if not self._add_line(line) and line and not line.isspace():
                    yield number, None
            except NotOtlpError as error:
                yield number, str(error)

    def _add_line(self, line: bytes) -> bool:
        """Count the records of a line, and whether it has any."""
        if len(line) > _MANY and (parts := split(line)):
            return sum(map(self._add_line, parts)) > 0
        count, text, time, sequence = self._find(line)
        if count is not None:
            count.add(time, sequence)
            return True
        return self._parse(line, text, time, sequence)

    def _parse(self, line: bytes, text: bytes, time: int, sequence: int) -> bool:
        """Count the rows of a line, and whether there are any; later lines of its kind are not parsed."""
        rows = rows_of(_document(line), self._vendors)
        if rows and read_link(line) is not None:  # from the ledger itself, and not sent to a Collector
            rows = [row._replace(key=(LEDGER, *row.key[1:])) for row in rows]
        counts = [self._add(row) for row in rows]
        if not rows:
            return False
        # Only where the parser has read what was cut out: a document may name the same key in another place.
        if len(rows) == 1 and rows[0].time == time and rows[0].sequence == sequence:
            self._by_text[time // DAY, text] = counts[0]
            self._kinds[text] = (text, rows[0].key)
            self._kept += len(text)
        self._add_markers(line)
        self._kept += len(line)
        if self._kept > KEPT:
            self.write()
        return True

    def _find(self, line: bytes) -> tuple[_RowCount | None, bytes, int, int]:
        """The count of lines like this one, its text without the values cut out, its time and sequence."""
        at, time_text, sequence_text = 0, b"", b"-1"
        parts: list[bytes] = []
        values: list[bytes] = []
        find, keep, cut = line.find, parts.append, values.append
        for marker, length, is_time, is_sequence in self._orders.get(line[:_SHAPE], ()):
            start = find(marker, at)
            if start >= 0:
                start += length
                keep(line[at:start])
                at = find(b'"', start)
                value = line[start:at]
                cut(value)
                if is_time:
                    time_text = value
                elif is_sequence:
                    sequence_text = value
        # A value with a quotation mark, an escape or a broken byte was cut at the wrong place, or means
        # something else.
        if at <= 0 or b"".join(values).translate(None, _PLAIN):
            return None, b"", -1, -1
        keep(line[at:])
        text = b"".join(parts)
        try:
            time, sequence = int(time_text), int(sequence_text)
            count = self._by_text.get((time // DAY, text)) or self._count_on_new_day(text, time, sequence)
        except (ValueError, OverflowError, OSError):
            return None, b"", -1, -1
        return count, text, time, sequence

    def _count_on_new_day(self, text: bytes, time: int, sequence: int) -> _RowCount | None:
        """A new count for a kind of line that was read before, but not on this day."""
        if text not in self._kinds:
            return None
        text, other_day = self._kinds[text]
        if self._kept > KEPT:
            self.write()
            self._kinds[text] = (text, other_day)
        key = (*other_day[:_DAY_AT], day_of(time), *other_day[_DAY_AT + 1 :])
        count = self._by_key.setdefault(key, _RowCount(time, sequence))
        self._by_text[time // DAY, text] = count
        self._kept += _ROW
        return count

    def _add_markers(self, line: bytes) -> None:
        """Search later lines for the markers of this line, too, and in its order."""
        shape = line[:_SHAPE]
        found = sorted((marker for marker in _CUT.get(shape, ()) if marker in line), key=line.find)
        before = [marker for marker, *_ in self._orders.get(shape, ())]
        if found and found != [marker for marker in before if marker in found]:
            order = [*found, *(marker for marker in before if marker not in found)]
            self._orders[shape] = tuple((e, len(e), e in _TIMES, e == _SEQUENCE) for e in order)

    def _add(self, row: RecordRow) -> _RowCount:
        count = self._by_key.setdefault(row.key, _RowCount(row.time, row.sequence))
        count.add(row.time, row.sequence, row.calls)
        count.dropped = max(count.dropped, row.dropped)
        return count

    def write(self) -> None:
        """Write the counted rows, and forget them."""
        for key, count in self._by_key.items():
            row = dict(zip((*TEXTS, *NUMBERS), (*key, *count.numbers()), strict=True))
            self._file.write(as_json(row) + "\n")
        self._by_key.clear()
        self._by_text.clear()
        self._kinds.clear()
        self._kept = 0


def _document(line: bytes) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise NotOtlpError(f"not JSON: {error.msg}, column {error.colno}") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, or a number with too many digits
        raise NotOtlpError(f"not JSON: {type(error).__name__}") from None
