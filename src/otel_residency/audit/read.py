"""Reads files of OTLP/JSON lines, or parts of them, into counted rows."""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final, NamedTuple

from otel_residency.audit.row_counts import Counts
from otel_residency.records import line as record_line
from otel_residency.records.compressed import broken, decompressed, open_records

BLOCK: Final = 1 << 20
"""Bytes that are read at a time."""
QUOTED: Final = 20
"""Lines of a file that are listed, of those that could not be read."""


class ReadTask(NamedTuple):
    """A file to read, or the part of one that begins between two positions."""

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
    """The lines of a task that was read."""

    path: Path
    lines: int
    unread: tuple[UnreadLine, ...]
    """The first of them; lines are numbered from the start of the task."""
    unread_lines: int
    foreign: int
    """Documents with telemetry of other libraries only."""


def read_part(
    task: ReadTask, rows: Path, vendors: AbstractSet[str], progress: Callable[[int], None]
) -> ReadPart:
    """Read a task, and write its rows to the file `rows`.

    Args:
        task: what to read.
        rows: where to write.
        vendors: as `rows_of` takes them.
        progress: called with the number of bytes of the file that were read since the last call.
    """
    lines = unread_lines = foreign = 0
    unreadable: tuple[type[Exception], ...] = (OSError, *broken())
    unread: list[UnreadLine] = []

    def complain(number: int, reason: str) -> None:
        nonlocal unread_lines
        unread_lines += 1
        if len(unread) < QUOTED:
            unread.append(UnreadLine(str(task.path), number, reason))

    with rows.open("w", encoding="utf-8", errors="backslashreplace") as written:
        counts = Counts(vendors, written)
        try:
            for batch in _batches(task, progress):
                for number, reason in counts.add_all(batch):
                    if reason is None:
                        foreign += 1
                    else:
                        complain(lines + number + 1, reason)
                lines += len(batch)
        except unreadable as error:
            complain(lines + 1, f"the file can't be read on from here: {type(error).__name__}")
        counts.write()
    return ReadPart(
        path=task.path, lines=lines, unread=tuple(unread), unread_lines=unread_lines, foreign=foreign
    )


def _batches(task: ReadTask, progress: Callable[[int], None]) -> Iterator[list[bytes]]:
    """The lines of a task, a block at a time."""
    with open_records(task.path) as file:
        # One byte earlier: a line that begins right at `start` has its line feed there.
        at = max(task.start - 1, 0)
        file.seek(at)
        opened = decompressed(file, task.path) if task.end is None else file
        pieces: list[bytes] = []
        reported, first = file.tell(), task.start > 0
        while block := opened.read(BLOCK):
            pieces.append(block)
            # Joined where a line ends, and not with each block: a long line would be copied as often.
            lines = b"".join(pieces).split(b"\n") if b"\n" in block else []
            if lines:
                pieces = [lines.pop()]
            if first and lines:  # the line that begins before, or ends right there
                at += len(lines.pop(0)) + 1
                first = False
            if task.end is not None:
                lines, at, done = _until(task.end, at, lines)
                if done:
                    pieces = []
            if (size := sum(map(len, pieces))) > record_line.LONGEST:
                at += size - 1
                pieces = [b"-"]  # no JSON, so it is listed as unreadable once its end is found
            yield lines
            position = file.tell()
            progress(position - reported)
            reported = position
            if task.end is not None and at >= task.end:
                return
        if not first and (rest := b"".join(pieces)):
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
