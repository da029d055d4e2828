"""Whether a ledger is as it was written: what was changed, removed, added, moved or cut off, and where.

Lines are read one after the other. What is kept is how far each writer's chain goes, and the checkpoints.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from otel_residency.audit.checkpoints import CheckpointFiles, Match
from otel_residency.audit.line_reader import LineReader
from otel_residency.audit.otlp import NotOtlpError, whole_number
from otel_residency.audit.problems import OTHER_LINE, ChainLine, LedgerProblem, LedgerProblems
from otel_residency.audit.rows import read_line
from otel_residency.records.chain import BEGINNING, CHECKPOINT_RECORDS, digest, read_signature
from otel_residency.records.compressed import broken, decompressed, open_records
from otel_residency.records.files import checkpoints_of, ledger_of
from otel_residency.records.line import lines_of
from otel_residency.records.signing import Check
from otel_residency.telemetry import names

_TEXTS = (
    ("policy", names.POLICY_DIGEST, names.POLICY_DOCUMENT),
    ("catalogue", names.CATALOGUE_DIGEST, names.CATALOGUE_DOCUMENT),
)
_UNCHECKED = 2 * CHECKPOINT_RECORDS
"""Records that a writer leaves without a checkpoint at most, be it killed: they are written in batches."""


class Verification(NamedTuple):
    """The result of verifying ledgers."""

    files: int
    lines: int
    records: int
    writers: int
    signed: int
    """Checkpoints with a valid signature."""
    dropped: int
    """Calls that the writers themselves report as not recorded."""
    problems: tuple[LedgerProblem, ...]
    """What somebody must have done; of very many the first."""
    unknown: int
    """Problems beyond those."""
    notes: tuple[LedgerProblem, ...]
    """What may have happened without anybody's doing."""


class WriterChain:
    """How far the chain of one writer was followed."""

    __slots__ = (
        "checked",
        "closed",
        "dropped",
        "ended",
        "expected",
        "file",
        "latest",
        "line",
        "previous",
        "signed",
        "unmatched",
    )

    def __init__(self) -> None:
        self.expected = 0
        self.previous = BEGINNING
        self.file = ""
        self.line = 0
        self.latest = -1
        """Sequence of the latest checkpoint."""
        self.checked = -1
        """Of the latest one that is proven: by its signature, or without keys by the checkpoint file."""
        self.signed = -1
        """Of the latest one with a valid signature."""
        self.closed = False
        """Whether the latest line ends the chain."""
        self.ended = False
        """Whether any line did. What follows it is only there if somebody added it."""
        self.dropped = 0
        self.unmatched: list[tuple[ChainLine, str]] = []
        """Checkpoints that the checkpoint file does not have, each with its digest."""


def is_ledger(file: Path) -> bool:
    """Whether a file claims to be a ledger: by its checkpoint file, or by its first line.

    Raises:
        OSError: it can't be read.
        AuditError: what is needed to read it is not installed.
    """
    if checkpoints_of(ledger_of(file)):
        return True
    unreadable: tuple[type[Exception], ...] = (NotOtlpError, *broken())
    with open_records(file) as opened:
        try:
            line = next(lines_of(decompressed(opened, file)), b"")
            return read_line(line).link is not None
        except unreadable:
            return False


def verify(
    files: Iterable[Path],
    keys: Mapping[str, Check],
    progress: Callable[[int], None] = lambda _: None,
    checkpoints: Iterable[Path] = (),
) -> Verification:
    """Follow every chain through `files`.

    Args:
        files: of `find_ledgers`; rotated files before those that followed them.
        keys: functions that check signatures, by the id of the key; without keys no signature is checked.
        progress: called with the number of bytes that were read.
        checkpoints: of `find_checkpoints`, besides the checkpoint files of `files`.

    Raises:
        OSError: a file can't be read.
        AuditError: what is needed to read it is not installed.
    """
    return _Verifier(keys).run(tuple(files), progress, checkpoints)


class _Verifier:
    def __init__(self, keys: Mapping[str, Check]) -> None:
        self._keys = keys
        self._problems = LedgerProblems()
        self._checkpoints = CheckpointFiles(self._problems)
        self._writers: dict[str, WriterChain] = {}
        self._reader = LineReader()
        self._lines = self._records = self._signed = 0

    def run(
        self, files: tuple[Path, ...], progress: Callable[[int], None], checkpoints: Iterable[Path]
    ) -> Verification:
        """Read everything, and then look for what is missing."""
        self._checkpoints.read(dict.fromkeys(map(ledger_of, files)), checkpoints)
        for file in files:
            self._read_file(file, progress)
        self._match_again()
        for name, writer in self._writers.items():
            self._check_end(name, writer)
        self._checkpoints.add_missing(self._writers.keys())
        return Verification(
            files=len(files),
            lines=self._lines,
            records=self._records,
            writers=len(self._writers),
            signed=self._signed,
            dropped=sum(writer.dropped for writer in self._writers.values()),
            problems=tuple(self._problems.problems),
            unknown=self._problems.more,
            notes=tuple(self._problems.notes),
        )

    def _read_file(self, file: Path, progress: Callable[[int], None]) -> None:
        number = read = 0
        with open_records(file) as raw:
            try:
                for number, line in enumerate(lines_of(decompressed(raw, file)), 1):
                    position = raw.tell()
                    progress(position - read)
                    read = position
                    self._add_line(str(file), number, line)
            except broken():
                self._problems.add_to_file(str(file), "The file can't be decompressed any further.", number)

    def _add_line(self, file: str, number: int, line: bytes) -> None:
        self._lines += 1
        try:
            # The parser of the report, so that each line that is counted there is checked here.
            link = self._reader.read(line).link
        except NotOtlpError as error:
            self._problems.add_unread_line(file, number, line, str(error))
            return
        if link is None:
            self._problems.add_to_file(file, OTHER_LINE, number)
            return
        self._records += 1
        text = line.removesuffix(b"\n")
        writer = self._writers.get(link.writer)
        if writer is None:
            writer = self._writers[link.writer] = WriterChain()
        place = ChainLine(file, number, link)
        self._compare(writer, place)
        if link.event == names.EVENT_POLICY:
            self._check_texts(place)
        if link.sequence >= writer.expected:  # a record out of order has its problem, and changes nothing
            writer.expected, writer.previous = link.sequence + 1, digest(text)
            writer.file, writer.line = file, number
            writer.closed = False
            if link.event == names.EVENT_CHECKPOINT:
                self._add_checkpoint(writer, place, text)

    def _compare(self, writer: WriterChain, place: ChainLine) -> None:
        """Compare a line with the one before it of the same writer."""
        link = place.link
        if link.sequence > writer.expected:
            first, last = writer.expected, link.sequence - 1
            missing = f"Record {first} is" if first == last else f"Records {first} to {last} are"
            self._problems.add(place.problem(f"{missing} missing before this one."))
        elif link.sequence < writer.expected:
            what = f"This record comes after record {writer.expected - 1}: it was moved, added or repeated."
            self._problems.add(place.problem(what))
        elif link.previous != writer.previous:
            record = f"Record {link.sequence - 1} ({writer.file}, line {writer.line})"
            what = f"{record} does not match the hash in record {link.sequence}: one of the two was edited."
            if not writer.file:
                what = "The first record has the hash of another one before it: it was edited."
            self._problems.add(place.problem(what))

    def _check_texts(self, place: ChainLine) -> None:
        """Check that policy and catalogue are those whose digests the records of calls name."""
        attributes = place.link.attributes
        for what, name, text in _TEXTS:
            # Records of the first format have no digests.
            if name in attributes and attributes[name] != digest(attributes.get(text, "").encode()):
                self._problems.add(place.problem(f"The text of the {what} is not that of its digest."))

    def _add_checkpoint(self, writer: WriterChain, place: ChainLine, line: bytes) -> None:
        attributes = place.link.attributes
        writer.latest = place.link.sequence
        writer.closed = attributes.get(names.LEDGER_CLOSED) == "true"
        writer.ended |= writer.closed
        writer.dropped = max(writer.dropped, whole_number(attributes.get(names.LEDGER_DROPPED) or "0"))
        if attributes.get(names.LEDGER_HEAD) != place.link.previous:
            what = "The checkpoint names another record than the one before it."
            self._problems.add(place.problem(what))
        text = digest(line)
        match = self._checkpoints.match(place, text)
        if match is Match.MISSING:
            writer.unmatched.append((place, text))
        # With keys the signature alone proves a line: who can write to both files can copy a checkpoint into
        # the other.
        if self._is_signed(writer, place, line) if self._keys else match is Match.SAME:
            writer.checked = place.link.sequence

    def _is_signed(self, writer: WriterChain, place: ChainLine, line: bytes) -> bool:
        signature = read_signature(line)
        check = self._keys.get(signature.key) if signature is not None else None
        if signature is None:
            self._problems.add(place.problem("The checkpoint is not signed."))
        elif check is None:
            self._problems.add(place.problem(f"The checkpoint is signed with another key: {signature.key}."))
        elif not check(signature.text, signature.signature):
            self._problems.add(place.problem("The signature of the checkpoint is invalid."))
        else:
            self._signed += 1
            writer.signed = place.link.sequence
            return True
        return False

    def _match_again(self) -> None:
        """Look for the unmatched checkpoints again, which may have been written meanwhile."""
        unmatched = {text for writer in self._writers.values() for _, text in writer.unmatched}
        found = self._checkpoints.find_again(unmatched)
        for writer in self._writers.values():
            for place, text in writer.unmatched:
                if text not in found:
                    self._add_unmatched(writer, place)
                elif not self._keys:
                    writer.checked = max(writer.checked, place.link.sequence)

    def _add_unmatched(self, writer: WriterChain, place: ChainLine) -> None:
        files = self._checkpoints.of(place.file)
        if files:
            problem = place.problem(f"The checkpoint has no copy in {files[0]}.")
            # A process that is killed between its two writes leaves its last checkpoint in the ledger only.
            if place.link.sequence == writer.latest and not writer.closed:
                self._problems.note(problem)
            else:
                self._problems.add(problem)

    def _check_end(self, name: str, writer: WriterChain) -> None:
        """Check whether a chain goes as far as its checkpoints, and whether its process ended it."""
        last = writer.expected - 1
        place = LedgerProblem(file=writer.file, line=writer.line, writer=name, sequence=last, what="")
        self._checkpoints.add_unmatched(name, place)
        unchecked = last - writer.checked
        if self._keys and writer.signed < 0:
            self._problems.add(place._replace(what="No checkpoint of this process is signed."))
        elif unchecked > _UNCHECKED and (self._keys or self._checkpoints.of(writer.file)):
            what = f"{unchecked} records have no checkpoint: a process leaves at most {_UNCHECKED}."
            self._problems.add(place._replace(what=what))
        elif writer.ended and not writer.closed:
            what = "The process had ended its chain before: this record was added later."
            self._problems.add(place._replace(what=what))
        elif not writer.closed:
            what = "No end marker: the process is still running, was killed, or the file was cut at its end."
            if unchecked:
                since = f"Records after {writer.checked}" if writer.checked >= 0 else "Its records"
                what += f" {since} have no checkpoint yet."
            self._problems.note(place._replace(what=what))
