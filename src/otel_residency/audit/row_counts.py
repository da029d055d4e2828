"""Counts the rows of OTLP/JSON lines."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import IO, Final

from otel_residency.audit.line_reader import LineReader
from otel_residency.audit.otlp import NotOtlpError
from otel_residency.audit.rows import NUMBERS, TEXTS, Key, RecordRow, as_json

KEPT: Final = 1 << 25
"""Characters of text that are kept before the counted rows are written and forgotten."""


class _RowCount:
    """How many records have the same row, and the range of their times and numbers."""

    __slots__ = ("calls", "dropped", "first", "high", "last", "low")

    def __init__(self, row: RecordRow) -> None:
        self.calls = self.dropped = 0
        self.first = self.last = row.time
        self.low = self.high = row.sequence

    def add(self, row: RecordRow) -> None:
        self.calls += row.calls
        if row.time < self.first:
            self.first = row.time
        elif row.time > self.last:
            self.last = row.time
        if row.sequence > self.high:
            self.high = row.sequence
        elif row.sequence < self.low:
            self.low = row.sequence
        self.dropped = max(self.dropped, row.dropped)

    def numbers(self) -> tuple[int, ...]:
        """In the order of `NUMBERS`."""
        return self.calls, self.first, self.last, self.low, self.high, self.dropped


class Counts:
    """Counts rows until they are written."""

    def __init__(self, vendors: AbstractSet[str], rows: IO[str]) -> None:
        """Count rows, and write them to `rows` as JSON lines."""
        self._reader = LineReader(vendors)
        self._file = rows
        self._by_key: dict[Key, _RowCount] = {}
        self._kept = 0

    def add_all(self, lines: list[bytes]) -> Iterator[tuple[int, str | None]]:
        """Count `lines`.

        Yields:
            The index in `lines` of one that could not be read, and why; `None` in place of a reason for a
            line with telemetry of other libraries only.
        """
        for number, line in enumerate(lines):
            if not line or line.isspace():
                continue
            try:
                # All rows of a line, or none: it is read whole before any is counted.
                rows = self._reader.read(line).rows
            except NotOtlpError as error:
                yield number, str(error)
                continue
            for row in rows:
                self._add(row)
            if not rows:
                yield number, None

    def _add(self, row: RecordRow) -> None:
        count = self._by_key.get(row.key)
        if count is None:
            if self._kept > KEPT:
                self.write()
            count = self._by_key[row.key] = _RowCount(row)
            self._kept += sum(map(len, row.key))
        count.add(row)

    def write(self) -> None:
        """Write the counted rows, and forget them."""
        for key, count in self._by_key.items():
            row = dict(zip((*TEXTS, *NUMBERS), (*key, *count.numbers()), strict=True))
            self._file.write(as_json(row) + "\n")
        self._by_key.clear()
        self._kept = 0
