"""Whether a ledger is as it was written: what was changed, removed, added, moved or cut off, and where.

Lines are read one after the other; what is kept is a little of each writer, and the checkpoints beside.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from otel_residency.records.chain import (
    BEGINNING,
    CHECKPOINT_RECORDS,
    digest,
    read_signature,
)
from otel_residency.records.compressed import broken, decompressed
from otel_residency.records.files import checkpoints_of, ledger_of, own_checkpoints
from otel_residency.records.line import Link, is_cut, lines_of, read_link, read_linked_record
from otel_residency.records.record import Record
from otel_residency.records.signing import Check
from otel_residency.telemetry import names

_QUOTED = 60
_HELD = 1 << 25
"""Bytes of records that are held while no checkpoint vouches for them."""
_UNCHECKED = 2 * CHECKPOINT_RECORDS
"""Records that a writer leaves without a checkpoint at most, be it killed: they are written in batches."""


class Problem(NamedTuple):
    """Something that was not as it was written."""

    file: str
    line: int
    """From 1; 0 where it is no line of the file."""
    writer: str
    """Empty where it is not known."""
    sequence: int | None
    what: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        whose = f" writer {self.writer}" if self.writer else ""
        number = f" sequence {self.sequence}" if self.sequence is not None else ""
        return f"{place}{':' if whose or number else ''}{whose}{number}: {self.what}"


class Verified(NamedTuple):
    """What was found."""

    files: int
    lines: int
    writers: int
    signed: int
    """Checkpoints with a signature that is right."""
    dropped: int
    """Calls that the writers themselves say they could not record."""
    problems: tuple[Problem, ...]
    """What somebody must have done; of very many the first."""
    unknown: int
    """Problems beyond those."""
    notes: tuple[Problem, ...]
    """What may have happened without anybody's doing."""


LIMIT = 1000
"""Problems, and notes, that are kept."""


class _Side(NamedTuple):
    """The checkpoints of one writer, as they stand in the file beside."""

    lines: dict[int, str]
    """Digest by sequence."""
    file: str


class _At(NamedTuple):
    """Where a line stands, and what it says of itself."""

    file: str
    line: int
    link: Link

    @property
    def place(self) -> tuple[str, int, str, int]:
        """As `_Found.add` takes it."""
        return self.file, self.line, self.link.writer, self.link.sequence


class _Writer:
    """How far a chain was followed."""

    __slots__ = (
        "checked",
        "closed",
        "dropped",
        "ended",
        "expected",
        "file",
        "held",
        "latest",
        "line",
        "previous",
        "signed",
        "unrepeated",
    )

    def __init__(self) -> None:
        self.expected = 0
        self.previous = BEGINNING
        self.file = ""
        self.line = 0
        self.latest = -1
        """Sequence of the latest checkpoint."""
        self.checked = -1
        """Of the latest one that is what it was, by its signature, or else by the file beside."""
        self.signed = -1
        """Of the latest one that is signed."""
        self.closed = False
        """Whether the latest line says that the writer ends."""
        self.ended = False
        """Whether any has said so; what comes behind it is written together with another such line."""
        self.dropped = 0
        self.held: list[tuple[_At, bytes]] = []
        """Records since that checkpoint: whoever made them up may have put anything into their lines."""
        self.unrepeated: list[tuple[_At, str]] = []
        """Checkpoints that do not stand beside, each with its digest."""


class _Found:
    def __init__(self) -> None:
        self.kept: list[Problem] = []
        self.more = 0

    def add(self, file: str, line: int, writer: str, sequence: int | None, what: str) -> None:
        if len(self.kept) < LIMIT:
            self.kept.append(Problem(file, line, writer, sequence, what))
        else:
            self.more += 1


def is_ledger(file: Path) -> bool:
    """Whether a file claims to be a ledger: by its first line, or by checkpoints beside it.

    Raises:
        OSError: it can't be read.
        AuditError: what is needed to read it is not installed.
    """
    if checkpoints_of(ledger_of(file)):
        return True
    with file.open("rb") as opened:
        try:
            return any(read_link(line) for line in itertools.islice(lines_of(decompressed(opened)), 1))
        except broken():
            return False


def verify(
    files: Iterable[Path],
    keys: Mapping[str, Check],
    progress: Callable[[int], None] = lambda _: None,
    beside: Iterable[Path] = (),
) -> Verified:
    """Follow every chain through `files`.

    Args:
        files: of `find_ledgers`; rotated files before those that followed them.
        keys: what checks signatures, by the id of the key; without keys no signature is looked at.
        progress: told of bytes that were read.
        beside: of `find_checkpoints`, besides those that stand beside `files`.

    Raises:
        OSError: a file can't be read.
        AuditError: what is needed to read it is not installed.
    """
    return _Verifier(keys).run(tuple(files), progress, tuple(beside))


class _Verifier:
    def __init__(self, keys: Mapping[str, Check]) -> None:
        self._keys = keys
        self._problems, self._notes = _Found(), _Found()
        self._writers: dict[str, _Writer] = {}
        self._beside: dict[str, _Side] = {}
        self._places: dict[Path, tuple[Path, ...]] = {}
        """The files with checkpoints, by the ledger that they stand beside."""
        self._held = self._lines = self._signed = 0

    def run(
        self, files: tuple[Path, ...], progress: Callable[[int], None], beside: tuple[Path, ...]
    ) -> Verified:
        """Read everything, and then ask what is not there."""
        for base in dict.fromkeys(map(ledger_of, files)):
            self._find_beside(base)
        for place in dict.fromkeys((*itertools.chain(*self._places.values()), *beside)):
            self._read_checkpoints(place)
        for file in files:
            self._file(file, progress)
        self._look_through()
        self._ask_again()
        for name, writer in self._writers.items():
            self._end(name, writer)
        for name in self._beside.keys() - self._writers.keys():
            side = self._beside[name]
            self._problems.add(side.file, 0, name, max(side.lines), "every record of this writer is missing")
        return Verified(
            files=len(files),
            lines=self._lines,
            writers=len(self._writers),
            signed=self._signed,
            dropped=sum(writer.dropped for writer in self._writers.values()),
            problems=tuple(self._problems.kept),
            unknown=self._problems.more,
            notes=tuple(self._notes.kept),
        )

    def _file(self, file: Path, progress: Callable[[int], None]) -> None:
        number = read = 0
        with file.open("rb") as raw:
            try:
                for number, line in enumerate(lines_of(decompressed(raw)), 1):
                    position = raw.tell()
                    progress(position - read)
                    read = position
                    self._line(str(file), number, line)
            except broken():
                self._problems.add(str(file), number, "", None, "can't be unpacked any further")

    def _find_beside(self, base: Path) -> None:
        self._places[base] = checkpoints_of(base)
        if not self._places[base]:
            what = "is missing: whether the ledger was cut at its end can't be told without it"
            self._problems.add(str(own_checkpoints(base)), 0, "", None, what)

    def _read_checkpoints(self, place: Path) -> None:
        """Read a file beside ledgers; the same lines stand in these."""
        for number, line in _lines_of(place):
            link = read_link(line)
            if link is None or link.event != names.EVENT_CHECKPOINT:
                self._strange(str(place), number, line)
                continue
            lines = self._beside.setdefault(link.writer, _Side({}, str(place))).lines
            told = digest(line.removesuffix(b"\n"))
            if lines.setdefault(link.sequence, told) != told:
                about = str(place), number, link.writer, link.sequence
                self._problems.add(*about, "this checkpoint stands here twice, and differs")

    def _line(self, file: str, number: int, line: bytes) -> None:
        self._lines += 1
        link = read_link(line)
        if link is None:
            self._strange(file, number, line)
            return
        whole = line.removesuffix(b"\n")
        writer = self._writers.get(link.writer)
        if writer is None:
            writer = self._writers[link.writer] = _Writer()
        at = _At(file, number, link)
        self._follow(writer, at)
        if link.sequence >= writer.expected:  # else there is no more to say of it
            writer.expected, writer.previous = link.sequence + 1, digest(whole)
            writer.file, writer.line = file, number
            writer.closed = False
            if link.event == names.EVENT_CHECKPOINT:
                self._checkpoint(writer, at, whole)
            else:
                self._hold(writer, at, whole)

    def _strange(self, file: str, number: int, line: bytes) -> None:
        """A line that no ledger's writer has written to its end."""
        if is_cut(line):
            what = "a line without its end; whoever wrote it was killed, or it was cut"
            self._notes.add(file, number, "", None, what)
        elif line.strip():
            quoted = line[:_QUOTED].decode("utf-8", "replace").strip()
            self._problems.add(file, number, "", None, f"no record of a ledger stands here: {quoted!r}")

    def _follow(self, writer: _Writer, at: _At) -> None:
        """Hold a line against the one before it of the same writer."""
        link = at.link
        if link.sequence > writer.expected:
            first, last = writer.expected, link.sequence - 1
            missing = f"record {first} is" if first == last else f"records {first} to {last} are"
            self._problems.add(*at.place, f"{missing} missing before it")
        elif link.sequence < writer.expected:
            self._problems.add(
                *at.place, f"stands behind record {writer.expected - 1}: put here, or repeated"
            )
        elif link.previous != writer.previous:
            before = f"{writer.file}:{writer.line}" if writer.file else "before it"
            self._problems.add(
                *at.place, f"record {link.sequence - 1} at {before} was changed, or what this one says of it"
            )

    def _hold(self, writer: _Writer, at: _At, line: bytes) -> None:
        """Keep a line until a checkpoint vouches for it, or until there are too many of these."""
        writer.held.append((at, line))
        self._held += len(line)
        if self._held > _HELD:
            self._look_through()

    def _look_through(self) -> None:
        """Read what no checkpoint vouches for: it may only look like a record, and hold several."""
        for writer in self._writers.values():
            for at, line in writer.held:
                self._read(at, line)
            writer.held.clear()
        self._held = 0

    def _read(self, at: _At, line: bytes) -> Record | None:
        """The record of a line, if that is the one that its beginning says and no other."""
        record = read_linked_record(line, at.link)
        if record is None:
            self._problems.add(*at.place, "the line holds something else than its beginning says")
        return record

    def _checkpoint(self, writer: _Writer, at: _At, line: bytes) -> None:
        record = self._read(at, line)
        if record is None:
            return
        writer.latest = at.link.sequence
        writer.closed = record.attributes.get(names.LEDGER_CLOSED) is True
        writer.ended |= writer.closed
        dropped = record.attributes.get(names.LEDGER_DROPPED)
        writer.dropped = max(writer.dropped, dropped if isinstance(dropped, int) else 0)
        if record.attributes.get(names.LEDGER_HEAD) != at.link.previous:
            self._problems.add(*at.place, "the checkpoint is about another record than the one before it")
        repeated = self._is_repeated(writer, at, digest(line))
        if self._is_signed(writer, at, line) if self._keys else repeated:
            writer.checked = at.link.sequence
            self._held -= sum(len(held) for _, held in writer.held)
            writer.held.clear()

    def _is_repeated(self, writer: _Writer, at: _At, told: str) -> bool:
        """Whether the checkpoint stands beside, as it is here."""
        side = self._beside.get(at.link.writer)
        there = side.lines.pop(at.link.sequence, None) if side is not None else None
        if there is None:
            writer.unrepeated.append((at, told))
        elif there != told and side is not None:
            self._problems.add(*at.place, f"the checkpoint is another one than in {side.file}")
        return there == told

    def _is_signed(self, writer: _Writer, at: _At, line: bytes) -> bool:
        found = read_signature(line)
        check = self._keys.get(found.key) if found is not None else None
        if found is None:
            self._problems.add(*at.place, "the checkpoint is not signed")
        elif check is None:
            self._problems.add(*at.place, f"signed with another key: {found.key}")
        elif not check(found.text, found.signature):
            self._problems.add(*at.place, "the signature of the checkpoint is wrong")
        else:
            self._signed += 1
            writer.signed = at.link.sequence
            return True
        return False

    def _ask_again(self) -> None:
        """Look for checkpoints that did not stand beside: they may have come there since."""
        wanted = {told for writer in self._writers.values() for _, told in writer.unrepeated}
        places = set(itertools.chain(*self._places.values())) if wanted else ()
        lines = (line for place in places for _, line in _lines_of(place))
        there = wanted.intersection(digest(line.removesuffix(b"\n")) for line in lines)
        for writer in self._writers.values():
            for at, told in writer.unrepeated:
                if told not in there:
                    self._unrepeated(writer, at)
                elif not self._keys:
                    writer.checked = max(writer.checked, at.link.sequence)

    def _unrepeated(self, writer: _Writer, at: _At) -> None:
        """Tell of a checkpoint that does not stand beside; who is killed may leave the last one so."""
        places = self._places[ledger_of(Path(at.file))]
        if places:
            by_itself = at.link.sequence == writer.latest and not writer.closed
            found = self._notes if by_itself else self._problems
            found.add(*at.place, f"the checkpoint is missing in {places[0]}")

    def _end(self, name: str, writer: _Writer) -> None:
        """Ask whether a chain goes as far as its checkpoints say, and whether it came to its end."""
        last = writer.expected - 1
        about = writer.file, writer.line, name, last
        side = self._beside.get(name)
        for sequence, _ in sorted(side.lines.items()) if side is not None else ():
            what = "cut here" if sequence > last else "a checkpoint is not in its place"
            self._problems.add(*about, f"{what}: {side.file if side else ''} has record {sequence}")
        unchecked = last - writer.checked
        if self._keys and writer.signed < 0:
            self._problems.add(*about, "no record of this writer is signed")
        elif unchecked > _UNCHECKED and (self._keys or self._places[ledger_of(Path(writer.file))]):
            self._problems.add(*about, f"{unchecked} records in no checkpoint; no writer leaves so many")
        elif writer.ended and not writer.closed:
            self._problems.add(*about, "the writer ended before, and this was put behind it")
        elif not writer.closed:
            what = "the writer did not end here in order: it runs, was killed, or its end was cut"
            if unchecked:
                since = f"records after {writer.checked}" if writer.checked >= 0 else "its records"
                what += f"; {since} are in no checkpoint yet"
            self._notes.add(*about, what)


def _lines_of(file: Path) -> Iterator[tuple[int, bytes]]:
    with file.open("rb") as opened:
        yield from enumerate(lines_of(opened), 1)
