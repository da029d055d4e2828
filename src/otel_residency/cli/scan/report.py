"""A scan: every file in turn, and what is to say of it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from otel_residency.cli.base_url import BASE_URL
from otel_residency.cli.plain import printable
from otel_residency.cli.scan.files import content_of, reader_of
from otel_residency.cli.scan.judge import Judge, Judged
from otel_residency.cli.scan.said import Found, Said, UnreadableError


class Unread(NamedTuple):
    """A file that was not read."""

    file: str
    why: str


class Report(NamedTuple):
    """What a scan found."""

    files: int
    """How many were read."""
    findings: tuple[Judged, ...]
    unread: tuple[Unread, ...]

    @property
    def violations(self) -> int:
        """How many findings break the policy."""
        return sum(each.violation for each in self.findings)


def scan(files: Iterable[Path], judge: Judge) -> Report:
    """Read all files first, since one may set what another one leaves open, then judge what they say.

    Of a file only what may concern the policy is kept in memory.

    Raises:
        ImportError: the library that reads a kind of files is not installed.
    """
    told: dict[Path, tuple[Found, ...]] = {}
    unread, count = [], 0
    for file in files:
        try:
            told_here = tuple(judge.concerning(_read(file)))
        except UnreadableError as error:
            unread.append(Unread(_name(file), str(error)))
            continue
        count += 1
        if told_here:
            told[file] = told_here
    base_url_set = any(
        isinstance(each, Said) and each.key == BASE_URL for found in told.values() for each in found
    )
    findings = (
        each
        for file, found in told.items()
        for each in judge.judge(_name(file), found, base_url_set=base_url_set)
    )
    return Report(count, tuple(findings), tuple(unread))


def _read(file: Path) -> Iterator[Found]:
    content = content_of(file)
    return iter(reader_of(file)(content))


def _name(file: Path) -> str:
    """The file's name as it can be printed anywhere."""
    return printable(file.as_posix().encode(errors="replace").decode())
