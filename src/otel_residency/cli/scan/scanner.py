"""Reads all files of a scan, then checks what stands in them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from otel_residency.cli.environ import without_secrets
from otel_residency.cli.output import printable
from otel_residency.cli.scan.files import content_of, reader_of
from otel_residency.cli.scan.findings import PolicyChecker, ScanFinding
from otel_residency.cli.scan.ignored import Ignored, read_ignored
from otel_residency.cli.scan.literals import Found, Literal, UnboundClient, UnreadableError, Unresolved

Setters = Mapping[str, set[Path]]
"""By variable, the directories of the files that set it."""


class UnreadFile(NamedTuple):
    """A file that can't be read, and why."""

    file: str
    why: str


class OpenQuestion(NamedTuple):
    """A value that the verdict depends on and that is known only when the program runs."""

    file: str
    line: int
    column: int
    what: str


class ScanResult(NamedTuple):
    """The findings of a scan."""

    files: int
    """How many were read."""
    catalogue: str
    """Id of the revision that they were checked with."""
    findings: tuple[ScanFinding, ...]
    not_known: tuple[OpenQuestion, ...]
    unread: tuple[UnreadFile, ...]

    @property
    def violations(self) -> int:
        """How many findings violate the policy and are not ignored."""
        return sum(each.violation and not each.ignored for each in self.findings)


class _Contents(NamedTuple):
    found: tuple[Found, ...]
    ignored: Ignored


def scan(files: Iterable[Path], checker: PolicyChecker) -> ScanResult:
    """Read all files first, since one may set a variable that another reads, then check them.

    Only what may concern the policy is kept in memory.

    Raises:
        ImportError: the library that reads a kind of files is not installed.
    """
    contents: dict[Path, _Contents] = {}
    setters: dict[str, set[Path]] = defaultdict(set)
    unread, count = [], 0
    for file in files:
        try:
            read = _read(file, checker)
        except UnreadableError as error:
            unread.append(UnreadFile(_name(file), str(error)))
            continue
        count += 1
        if read.found:
            contents[file] = read
        for each in read.found:
            if isinstance(each, Literal) and each.sets and each.value:
                setters[each.key].add(file.parent)
    findings: list[ScanFinding] = []
    unresolved: list[OpenQuestion] = []
    for file, read in contents.items():
        found = read.found if checker.base_url else tuple(_reached(read.found, file, setters))
        for one in checker.check(_name(file), found):
            why = read.ignored.get((one.line, one.reason), "")
            findings.append(one._replace(ignored=printable(without_secrets(why, {}))))
        places = {
            OpenQuestion(file=_name(file), line=each.place.line, column=each.place.column, what=each.what)
            for each in checker.unresolved(found)
        }
        unresolved += sorted(places)
    return ScanResult(
        files=count,
        catalogue=checker.catalogue,
        findings=tuple(findings),
        not_known=tuple(unresolved),
        unread=tuple(unread),
    )


def _read(file: Path, checker: PolicyChecker) -> _Contents:
    content = content_of(file)
    ignored, wrong = read_ignored(content)
    return _Contents((*checker.concerning(reader_of(file)(content)), *wrong), ignored)


def _reached(found: Iterable[Found], file: Path, setters: Setters) -> Iterator[Found]:
    """Without the clients whose base URL is set by a file in the same directory or above.

    Whether a file elsewhere reaches them is not known.
    """
    for each in found:
        if isinstance(each, UnboundClient):
            set_at = [(name, place) for name in each.settings for place in setters.get(name, ())]
            if any(file.is_relative_to(place) for _, place in set_at):
                continue
            if set_at:
                name = set_at[0][0]
                yield Unresolved(each.place, f"base URL of the client: {name} is set in another directory")
                continue
        yield each


def _name(file: Path) -> str:
    """The file's name in printable characters."""
    return printable(file.as_posix().encode(errors="replace").decode())
