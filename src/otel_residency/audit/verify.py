"""Whether a ledger is as it was written: what was changed, removed, added, moved or cut off, and where.

Lines are read one after the other; what is kept is a little of each writer, and the checkpoints beside.
"""

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from otel_residency.audit.chain import (
    BEGINNING,
    CHECKPOINTS,
    SHARED_CHECKPOINTS,
    Link,
    digest,
    read_link,
    signed_text,
)
from otel_residency.audit.record import read_record
from otel_residency.audit.signing import Check
from otel_residency.telemetry import names

_QUOTED = 60
_LONGEST = 16 << 20
"""Bytes that are read at a time; a longer line is none of ours."""
_ASIDE = re.compile(r"(.+)\.\d{8}T\d{12}Z(?:\.gz)?")
"""The name of a file that was put aside."""


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
        return f"{place}:{whose}{number}: {self.what}"


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


class _Writer:
    """How far a chain was followed."""

    __slots__ = ("checked", "closed", "dropped", "expected", "file", "line", "previous", "signed")

    def __init__(self) -> None:
        self.expected = 0
        self.previous = BEGINNING
        self.file = ""
        self.line = 0
        self.checked = -1
        """Sequence of the latest checkpoint."""
        self.signed = -1
        """And of the latest one that is signed."""
        self.closed = False
        self.dropped = 0


class _Found:
    def __init__(self) -> None:
        self.kept: list[Problem] = []
        self.more = 0

    def add(self, file: str, line: int, writer: str, sequence: int | None, what: str) -> None:
        if len(self.kept) < LIMIT:
            self.kept.append(Problem(file, line, writer, sequence, what))
        else:
            self.more += 1


def ledger_files(paths: Iterable[Path]) -> list[Path]:
    """The files of ledgers: of a directory those in it, of a file what was put aside of it, oldest first.

    Raises:
        OSError: a path can't be read.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            mine = [each for each in path.iterdir() if ".jsonl" in each.suffixes]
        else:
            mine = [each for each in path.parent.iterdir() if _base(each) == path and each != path]
            if path.exists() or not mine:
                mine.append(path)
        found += sorted((each for each in mine if not each.name.endswith(CHECKPOINTS)), key=_age)
    return list(dict.fromkeys(found))


def verify(
    files: Iterable[Path], keys: Mapping[str, Check], progress: Callable[[int], None] = lambda _: None
) -> Verified:
    """Follow every chain through `files`.

    Args:
        files: of `ledger_files`; rotated files before those that followed them.
        keys: what checks signatures, by the id of the key; without keys no signature is looked at.
        progress: told of bytes that were read.

    Raises:
        OSError: a file can't be read.
    """
    return _Verifier(keys).run(tuple(files), progress)


class _Verifier:
    def __init__(self, keys: Mapping[str, Check]) -> None:
        self._keys = keys
        self._problems, self._notes = _Found(), _Found()
        self._writers: dict[str, _Writer] = {}
        self._beside: dict[str, _Side] = {}
        self._read: set[str] = set()
        self._lines = self._signed = 0

    def run(self, files: tuple[Path, ...], progress: Callable[[int], None]) -> Verified:
        """Read everything, and then ask what is not there."""
        for base in dict.fromkeys(map(_base, files)):
            self._read_beside(base)
        for file in files:
            self._file(file, progress)
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
        number = 0
        try:
            with _opened(file) as lines:
                for line in iter(partial(lines.readline, _LONGEST), b""):
                    number += 1
                    progress(len(line))
                    self._line(str(file), number, line)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            self._problems.add(str(file), number, "", None, "can't be unpacked any further")

    def _read_beside(self, base: Path) -> None:
        """The checkpoints of the file beside a ledger; the same line stands in both."""
        own, shared = Path(f"{base}{CHECKPOINTS}"), base.with_name(SHARED_CHECKPOINTS)
        beside = shared if shared.exists() and not own.exists() else own
        if str(beside) in self._read:
            return
        self._read.add(str(beside))
        if not beside.exists():
            what = "is missing: whether the ledger was cut at its end can't be told without it"
            self._problems.add(str(beside), 0, "", None, what)
            return
        with beside.open("rb") as lines:
            for number, line in enumerate(iter(partial(lines.readline, _LONGEST), b""), 1):
                link = read_link(line.rstrip(b"\n"))
                if link is None or link.event != names.EVENT_CHECKPOINT:
                    self._strange(str(beside), number, line)
                    continue
                side = self._beside.setdefault(link.writer, _Side({}, str(beside)))
                side.lines[link.sequence] = digest(line.rstrip(b"\n"))

    def _line(self, file: str, number: int, line: bytes) -> None:
        self._lines += 1
        whole = line.removesuffix(b"\n")
        link = read_link(whole)
        if link is None:
            self._strange(file, number, line)
            return
        writer = self._writers.get(link.writer)
        if writer is None:
            writer = self._writers[link.writer] = _Writer()
        self._follow(writer, link, file, number)
        if link.sequence >= writer.expected:  # else there is no more to say of it
            writer.expected, writer.previous = link.sequence + 1, digest(whole)
            writer.file, writer.line = file, number
            writer.closed = False
            if link.event == names.EVENT_CHECKPOINT:
                self._checkpoint(writer, link, whole, file, number)

    def _strange(self, file: str, number: int, line: bytes) -> None:
        """A line that no ledger's writer has written to its end."""
        if line.startswith(b'{"resourceLogs":') and not _is_json(line):
            what = "a line without its end; whoever wrote it was killed, or it was cut"
            self._notes.add(file, number, "", None, what)
        elif line.strip():
            quoted = line[:_QUOTED].decode("utf-8", "replace").strip()
            self._problems.add(file, number, "", None, f"no record of a ledger stands here: {quoted!r}")

    def _follow(self, writer: _Writer, link: Link, file: str, number: int) -> None:
        """Hold a line against the one before it of the same writer."""
        about = file, number, link.writer, link.sequence
        if link.sequence > writer.expected:
            first, last = writer.expected, link.sequence - 1
            missing = f"record {first} is" if first == last else f"records {first} to {last} are"
            self._problems.add(*about, f"{missing} missing before it")
        elif link.sequence < writer.expected:
            self._problems.add(*about, f"stands behind record {writer.expected - 1}: put here, or repeated")
        elif link.previous != writer.previous:
            before = f"{writer.file}:{writer.line}" if writer.file else "before it"
            self._problems.add(
                *about, f"record {link.sequence - 1} at {before} was changed, or what this one says of it"
            )

    def _checkpoint(self, writer: _Writer, link: Link, line: bytes, file: str, number: int) -> None:
        try:
            attributes = read_record(line).attributes
        except ValueError:
            self._strange(file, number, line)
            return
        writer.checked = max(writer.checked, link.sequence)
        writer.closed = attributes.get(names.LEDGER_CLOSED) is True
        writer.dropped = max(writer.dropped, int(attributes.get(names.LEDGER_DROPPED, 0)))
        about = file, number, link.writer, link.sequence
        if attributes.get(names.LEDGER_HEAD) != link.previous:
            self._problems.add(*about, "the checkpoint is about another record than the one before it")
        side = self._beside.get(link.writer)
        if side is not None:
            there = side.lines.pop(link.sequence, None)
            if there is None and side.lines and max(side.lines) > link.sequence:
                self._problems.add(*about, f"the checkpoint is missing in {side.file}")
            elif there not in (None, digest(line)):
                self._problems.add(*about, f"the checkpoint is another one than in {side.file}")
        if self._keys:
            self._signature(writer, link, attributes, about)

    def _signature(
        self, writer: _Writer, link: Link, attributes: Mapping[str, object], about: tuple[str, int, str, int]
    ) -> None:
        check = self._keys.get(str(attributes.get(names.LEDGER_KEY)))
        text = signed_text(link.writer, link.sequence, link.previous, closed=writer.closed)
        if names.LEDGER_SIGNATURE not in attributes:
            self._problems.add(*about, "the checkpoint is not signed")
        elif check is None:
            self._problems.add(*about, f"signed with another key: {attributes.get(names.LEDGER_KEY)}")
        elif not check(text, str(attributes[names.LEDGER_SIGNATURE])):
            self._problems.add(*about, "the signature of the checkpoint is wrong")
        else:
            self._signed += 1
            writer.signed = max(writer.signed, link.sequence)

    def _end(self, name: str, writer: _Writer) -> None:
        """Ask whether a chain goes as far as its checkpoints say, and whether it came to its end."""
        last = writer.expected - 1
        about = writer.file, writer.line, name, last
        side = self._beside.get(name)
        for sequence, _ in sorted(side.lines.items()) if side is not None else ():
            what = "cut here" if sequence > last else "a checkpoint is not in its place"
            self._problems.add(*about, f"{what}: {side.file if side else ''} has record {sequence}")
        if self._keys and writer.signed < 0:
            self._problems.add(*about, "no record of this writer is signed")
        elif not writer.closed:
            what = "the writer did not end here in order: it runs, was killed, or its end was cut"
            if last > writer.checked:
                what += f"; records after {writer.checked} are in no checkpoint yet"
            self._notes.add(*about, what)


def _base(file: Path) -> Path:
    """The path that a ledger is written to, of a file that may have been put aside."""
    aside = _ASIDE.fullmatch(file.name)
    return file.with_name(aside[1]) if aside else file


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _opened(file: Path) -> IO[bytes]:
    return gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb")  # type: ignore[return-value]


def _age(file: Path) -> tuple[str, bool, str]:
    """Rotated files of one ledger before what followed them."""
    base = _base(file).name
    return base, file.name == base, file.name
