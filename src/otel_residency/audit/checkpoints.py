"""The checkpoint files of ledgers, held against the checkpoints in the ledgers themselves.

Whoever edits a ledger can make its hashes anew, but may not be able to write to the checkpoint file.
"""

import itertools
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple

from otel_residency.audit.otlp import NotOtlpError
from otel_residency.audit.problems import ChainLine, LedgerProblem, LedgerProblems
from otel_residency.audit.rows import read_line
from otel_residency.records.chain import digest
from otel_residency.records.compressed import open_records
from otel_residency.records.files import checkpoint_file_of, checkpoints_of, ledger_of
from otel_residency.records.line import lines_of
from otel_residency.telemetry import names


class Match(Enum):
    """Whether a checkpoint of a ledger is in the checkpoint file."""

    SAME = auto()
    DIFFERENT = auto()
    MISSING = auto()


class WriterCheckpoints(NamedTuple):
    """The checkpoints of one writer in a checkpoint file."""

    digests: dict[int, str]
    """By sequence; a checkpoint that was found in the ledger is removed."""
    file: str


class CheckpointFiles:
    """The checkpoint files of all ledgers that are verified."""

    def __init__(self, problems: LedgerProblems) -> None:
        self._problems = problems
        self._files: dict[Path, tuple[Path, ...]] = {}
        """By ledger."""
        self._writers: dict[str, WriterCheckpoints] = {}

    def read(self, ledgers: Iterable[Path], more: Iterable[Path]) -> None:
        """Read the checkpoint files of `ledgers`, and `more` whose ledgers may be gone."""
        for ledger in ledgers:
            self._files[ledger] = checkpoints_of(ledger)
            if not self._files[ledger]:
                what = "The checkpoint file is missing: without it a cut at the end can't be detected."
                self._problems.add_to_file(str(checkpoint_file_of(ledger)), what)
        for file in dict.fromkeys((*self._all(), *more)):
            self._read(file)

    def of(self, file: str) -> tuple[Path, ...]:
        """The checkpoint files that a file of a ledger has."""
        return self._files[ledger_of(Path(file))]

    def match(self, line: ChainLine, text: str) -> Match:
        """Compare a checkpoint of a ledger, whose digest is `text`."""
        writer = self._writers.get(line.link.writer)
        copy = None if writer is None else writer.digests.pop(line.link.sequence, None)
        if writer is None or copy is None:
            return Match.MISSING
        if copy == text:
            return Match.SAME
        self._problems.add(line.problem(f"The checkpoint differs from its copy in {writer.file}."))
        return Match.DIFFERENT

    def find_again(self, digests: set[str]) -> AbstractSet[str]:
        """Those of the digests that are in the files by now."""
        # A ledger may be verified while it is written, and a checkpoint is in the ledger first.
        files = self._all() if digests else ()
        lines = (line for file in files for _, line in _numbered(file))
        return digests.intersection(digest(line.removesuffix(b"\n")) for line in lines)

    def add_unmatched(self, writer: str, last: LedgerProblem) -> None:
        """Add the checkpoints of a writer that its ledger, which ends at `last`, does not have."""
        checkpoints = self._writers.get(writer)
        for sequence in sorted(checkpoints.digests) if checkpoints is not None else ():
            is_cut = last.sequence is not None and sequence > last.sequence
            what = "The ledger was cut here" if is_cut else "A checkpoint is not at its place"
            file = checkpoints.file if checkpoints is not None else ""
            self._problems.add(last._replace(what=f"{what}: {file} has a copy of record {sequence}."))

    def add_missing(self, writers: AbstractSet[str]) -> None:
        """Add the writers that no ledger has a record of."""
        for writer in self._writers.keys() - writers:
            checkpoints = self._writers[writer]
            self._problems.add(
                LedgerProblem(
                    file=checkpoints.file,
                    line=0,
                    writer=writer,
                    sequence=max(checkpoints.digests),
                    what="All records of this process are missing.",
                )
            )

    def _all(self) -> Iterator[Path]:
        return itertools.chain(*self._files.values())

    def _read(self, file: Path) -> None:
        for number, line in _numbered(file):
            try:
                link = read_line(line).link
            except NotOtlpError as error:
                self._problems.add_unread_line(str(file), number, line, str(error))
                continue
            if link is None or link.event != names.EVENT_CHECKPOINT:
                self._problems.add_to_file(str(file), "Not a checkpoint of a ledger.", number)
                continue
            digests = self._writers.setdefault(link.writer, WriterCheckpoints({}, str(file))).digests
            text = digest(line.removesuffix(b"\n"))
            if digests.setdefault(link.sequence, text) != text:
                place = ChainLine(str(file), number, link)
                self._problems.add(place.problem("This checkpoint occurs twice, with different content."))


def _numbered(file: Path) -> Iterator[tuple[int, bytes]]:
    with open_records(file) as opened:
        yield from enumerate(lines_of(opened), 1)
