"""Files of OTLP/JSON lines to rows that are counted: what many lines have in common is read once.

Two records of the same kind of call differ in times, ids and numbers alone. These are cut out of the text of
a line, and a line whose rest was seen before is counted, not parsed. The first one of each kind is parsed
whole, so nothing depends on how a line is written but the time that it takes.
"""

import json
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

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
from otel_residency.records.compressed import broken, decompressed
from otel_residency.records.line import read_link
from otel_residency.telemetry import names

BLOCK: Final = 1 << 20
"""Bytes that are read at a time."""
LONGEST: Final = 1 << 26
"""Bytes of the longest line that is read."""
QUOTED: Final = 20
"""Lines of a file that are told of, of those that could not be read."""
KEPT: Final = 1 << 25
"""Bytes of text that are remembered before what was counted is written down."""
_MANY: Final = 1 << 12
"""Bytes of a line from which on it may well hold more than one record."""
_ROW: Final = 1000
"""Bytes that a row takes in memory, about."""
_PLAIN: Final = bytes(range(0x20, 0x7F)).translate(None, b'"\\')
"""What may stand within quotation marks as it is, so that JSON reads it as it is cut out."""
_DAY_AT: Final = TEXTS.index("day")


def _attribute(name: str, kind: str) -> bytes:
    return f'{{"key":"{name}","value":{{"{kind}":"'.encode()


# What stands before a quotation mark here is `,` or `{`, so that no text inside of a string looks like it.
_TIMES: Final = (b'{"timeUnixNano":"', b',"startTimeUnixNano":"')
_SEQUENCE: Final = _attribute(names.LEDGER_SEQUENCE, "intValue")
_LOG, _SPAN = b'{"resourceLogs', b'{"resourceSpan'
_SHAPE: Final = len(_LOG)
"""How much of a line tells its signal."""
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
"""What comes before each value that differs from call to call."""


class ReadTask(NamedTuple):
    """A file, or the part of one that begins between two positions."""

    path: Path
    start: int
    end: int | None
    """`None`: all of it, compressed as it may be."""


class UnreadLine(NamedTuple):
    """A line that could not be read."""

    path: str
    line: int
    reason: str


class ReadPart(NamedTuple):
    """What was read of a task."""

    path: Path
    lines: int
    unread: tuple[UnreadLine, ...]
    """The first of them; lines are numbered from the start of the task."""
    unread_lines: int
    others: int
    """Documents of OTLP that hold nothing of ours."""


class Counts:
    """Rows, each counted, until they are written down."""

    def __init__(self, vendors: AbstractSet[str], rows: IO[str]) -> None:
        """Count rows, and write them to `rows` as JSON lines."""
        self._vendors = vendors
        self._file = rows
        self._by_key: dict[Key, list[int]] = {}
        self._by_text: dict[tuple[int, bytes], list[int]] = {}
        self._kinds: dict[bytes, tuple[bytes, Key]] = {}
        self._kept = 0
        self._orders: dict[bytes, tuple[tuple[bytes, int, bool, bool], ...]] = dict.fromkeys(_CUT, ())

    def add_all(self, lines: list[bytes]) -> Iterator[tuple[int, str | None]]:
        """Count `lines`.

        Yields:
            The place in `lines` of one that could not be read, and why; of one that has nothing of ours
            nothing is told but the place.
        """
        for number, line in enumerate(lines):
            try:
                if not self._add_line(line) and line and not line.isspace():
                    yield number, None
            except NotOtlpError as error:
                yield number, str(error)

    def _add_line(self, line: bytes) -> bool:
        """Count what a line holds, and whether it is anything."""
        if len(line) > _MANY and (parts := split(line)):
            return sum(map(self._add_line, parts)) > 0
        tally, text, time, sequence = self._seen(line)
        if tally is not None:
            _count(tally, time, sequence)
            return True
        return self._parse(line, text, time, sequence)

    def _parse(self, line: bytes, text: bytes, time: int, sequence: int) -> bool:
        """Count the rows of a line, and whether there are any; remember its kind where it has one."""
        rows = rows_of(_document(line), self._vendors)
        if rows and read_link(line) is not None:  # not what a ledger's writer sent, too, but the ledger
            rows = [row._replace(key=(LEDGER, *row.key[1:])) for row in rows]
        tallies = [self._add(row) for row in rows]
        if not rows:
            return False
        if len(rows) == 1 and rows[0].time == time and rows[0].sequence == sequence:
            self._by_text[time // DAY, text] = tallies[0]
            self._kinds[text] = (text, rows[0].key)
            self._kept += len(text)
        self._learn(line)
        self._kept += len(line)
        if self._kept > KEPT:
            self.write()
        return True

    def _seen(self, line: bytes) -> tuple[list[int] | None, bytes, int, int]:
        """The tally of lines like this one, its text without what was cut out, its time and number."""
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
        if at <= 0 or b"".join(values).translate(None, _PLAIN):
            return None, b"", -1, -1
        keep(line[at:])
        text = b"".join(parts)
        try:
            time, sequence = int(time_text), int(sequence_text)
            tally = self._by_text.get((time // DAY, text)) or self._another_day(text, time, sequence)
        except (ValueError, OverflowError, OSError):
            return None, b"", -1, -1
        return tally, text, time, sequence

    def _another_day(self, text: bytes, time: int, sequence: int) -> list[int] | None:
        """An empty tally for lines of a kind that was seen on other days only."""
        if text not in self._kinds:
            return None
        kept, known = self._kinds[text]
        if self._kept > KEPT:
            self.write()
            self._kinds[kept] = (kept, known)
        key = (*known[:_DAY_AT], day_of(time), *known[_DAY_AT + 1 :])
        tally = self._by_key.setdefault(key, [0, time, time, sequence, sequence, 0])
        self._by_text[time // DAY, kept] = tally
        self._kept += _ROW
        return tally

    def _learn(self, line: bytes) -> None:
        """Look for the markers of this line, too, and in its order."""
        shape = line[:_SHAPE]
        found = sorted((marker for marker in _CUT.get(shape, ()) if marker in line), key=line.find)
        known = [marker for marker, *_ in self._orders.get(shape, ())]
        if found and found != [marker for marker in known if marker in found]:
            order = [*found, *(marker for marker in known if marker not in found)]
            self._orders[shape] = tuple((e, len(e), e in _TIMES, e == _SEQUENCE) for e in order)

    def _add(self, row: RecordRow) -> list[int]:
        tally = self._by_key.setdefault(row.key, [0, row.time, row.time, row.sequence, row.sequence, 0])
        _count(tally, row.time, row.sequence, row.calls)
        tally[5] = max(tally[5], row.dropped)
        return tally

    def write(self) -> None:
        """Write down what was counted, and forget it."""
        for key, tally in self._by_key.items():
            row = dict(zip((*TEXTS, *NUMBERS), (*key, *tally), strict=True))
            self._file.write(as_json(row) + "\n")
        self._by_key.clear()
        self._by_text.clear()
        self._kinds.clear()
        self._kept = 0


def _count(tally: list[int], time: int, sequence: int, calls: int = 1) -> None:
    tally[0] += calls
    if time < tally[1]:
        tally[1] = time
    elif time > tally[2]:
        tally[2] = time
    if sequence > tally[4]:
        tally[4] = sequence
    elif sequence < tally[3]:
        tally[3] = sequence


def _document(line: bytes) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise NotOtlpError(f"not JSON: {error.msg}, column {error.colno}") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, or a number of too many digits
        raise NotOtlpError(f"not JSON: {type(error).__name__}") from None


def read_part(
    task: ReadTask, rows: Path, vendors: AbstractSet[str], progress: Callable[[int], None]
) -> ReadPart:
    """Read a task, and write its rows to the file `rows`.

    Args:
        task: what to read.
        rows: where to write.
        vendors: as `rows_of` takes them.
        progress: told of the bytes of the file that were read, again and again.
    """
    lines = unread_lines = others = 0
    unreadable: tuple[type[Exception], ...] = (OSError, *broken())
    unread: list[UnreadLine] = []

    def complain(line: int, reason: str) -> None:
        nonlocal unread_lines
        unread_lines += 1
        if len(unread) < QUOTED:
            unread.append(UnreadLine(str(task.path), line, reason))

    with rows.open("w", encoding="utf-8", errors="backslashreplace") as written:
        counts = Counts(vendors, written)
        try:
            for batch in _batches(task, progress):
                for number, reason in counts.add_all(batch):
                    if reason is None:
                        others += 1
                    else:
                        complain(lines + number + 1, reason)
                lines += len(batch)
        except unreadable as error:
            complain(lines + 1, f"the file can't be read on from here: {type(error).__name__}")
        counts.write()
    return ReadPart(task.path, lines, tuple(unread), unread_lines, others)


def _batches(task: ReadTask, progress: Callable[[int], None]) -> Iterator[list[bytes]]:
    """The lines of a task, some at a time."""
    with task.path.open("rb") as file:
        at = max(task.start - 1, 0)
        file.seek(at)
        opened = decompressed(file) if task.end is None else file
        rest, told, first = b"", file.tell(), task.start > 0
        while block := opened.read(BLOCK):
            lines = (rest + block).split(b"\n")
            rest = lines.pop()
            if first and lines:  # the line that begins before, or ends right there
                at += len(lines.pop(0)) + 1
                first = False
            if task.end is not None:
                lines, at, done = _until(task.end, at, lines)
                if done:
                    rest = b""
            if len(rest) > LONGEST:
                at += len(rest) - 1
                rest = b"-"  # no JSON: told of once its end is found
            yield lines
            position = file.tell()
            progress(position - told)
            told = position
            if task.end is not None and at >= task.end:
                return
        if rest and not first:
            yield [rest]


def _until(end: int, at: int, lines: list[bytes]) -> tuple[list[bytes], int, bool]:
    """The lines that begin before `end`, the position after them, and whether that is the end."""
    size = sum(map(len, lines)) + len(lines)
    if at + size < end:
        return lines, at + size, False
    kept = []
    for line in lines:
        if at >= end:
            break
        kept.append(line)
        at += len(line) + 1
    return kept, at, at >= end
