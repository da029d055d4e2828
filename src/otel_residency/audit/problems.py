"""Problems of a ledger, each with its file, line, writer and record, and notes of what may be no problem."""

from typing import NamedTuple

from otel_residency.audit.otlp import Link
from otel_residency.records.line import is_cut

OTHER_LINE = "Not a record of a ledger: it has not exactly the bytes of one record."
LIMIT = 1000
"""Problems, and notes, that are kept: a file of other lines has a problem in each."""


class LedgerProblem(NamedTuple):
    """A place where a ledger is not as it was written."""

    file: str
    line: int
    """From 1; 0 where it is no line of the file."""
    writer: str
    """Empty where it is not known."""
    sequence: int | None
    what: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        if not self.writer:
            return f"{place}: {self.what}"
        return f"{place}: writer {self.writer}, record {self.sequence}: {self.what}"


class ChainLine(NamedTuple):
    """A line of a chain: its file, its number there, and its place in the chain."""

    file: str
    number: int
    link: Link

    def problem(self, what: str) -> LedgerProblem:
        """A problem of this line."""
        link = self.link
        return LedgerProblem(
            file=self.file, line=self.number, writer=link.writer, sequence=link.sequence, what=what
        )


class LedgerProblems:
    """The problems and notes found so far: of very many only the first, so that memory is bounded."""

    def __init__(self) -> None:
        self.problems: list[LedgerProblem] = []
        self.notes: list[LedgerProblem] = []
        self.more = 0
        """Problems that were not kept."""

    def add(self, problem: LedgerProblem) -> None:
        """Add what somebody must have done."""
        if len(self.problems) < LIMIT:
            self.problems.append(problem)
        else:
            self.more += 1

    def note(self, note: LedgerProblem) -> None:
        """Add what may have happened without anybody's doing."""
        if len(self.notes) < LIMIT:
            self.notes.append(note)

    def add_to_file(self, file: str, what: str, line: int = 0) -> None:
        """Add a problem of a file, or of a line that belongs to no chain."""
        self.add(LedgerProblem(file=file, line=line, writer="", sequence=None, what=what))

    def add_unread_line(self, file: str, number: int, line: bytes, why: str) -> None:
        """Add a line that no report reads: a note if it was cut by a crash, a problem if it is anything else.

        Nothing of it is quoted: it may be content.
        """
        if is_cut(line):
            what = "Incomplete line: the process was killed while it wrote, or the file was cut."
            self.note(LedgerProblem(file=file, line=number, writer="", sequence=None, what=what))
        elif line.strip():
            self.add_to_file(file, f"Not a record of a ledger: {why}.", number)
