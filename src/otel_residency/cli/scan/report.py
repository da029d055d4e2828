"""A scan: every file in turn, and what is to say of it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from otel_residency.cli.environ import without_secrets
from otel_residency.cli.output import printable
from otel_residency.cli.scan.files import content_of, reader_of
from otel_residency.cli.scan.ignored import Ignored, read_ignored
from otel_residency.cli.scan.judge import Judge, Judged
from otel_residency.cli.scan.said import Client, Found, Open, Said, UnreadableError

Setters = Mapping[str, set[Path]]
"""By what is set, the directories of the files that set it."""


class Unread(NamedTuple):
    """A file that was not read."""

    file: str
    why: str


class NotKnown(NamedTuple):
    """What decides, and is not known before the program runs."""

    file: str
    line: int
    column: int
    what: str


class Report(NamedTuple):
    """What a scan found."""

    files: int
    """How many were read."""
    catalogue: str
    """The revision that they were judged by."""
    findings: tuple[Judged, ...]
    not_known: tuple[NotKnown, ...]
    unread: tuple[Unread, ...]

    @property
    def violations(self) -> int:
        """How many findings break the policy, and are not ignored."""
        return sum(each.violation and not each.ignored for each in self.findings)


class _Read(NamedTuple):
    found: tuple[Found, ...]
    ignored: Ignored


def scan(files: Iterable[Path], judge: Judge) -> Report:
    """Read all files first, since one may set what another one leaves open, then judge what they say.

    Of a file only what may concern the policy is kept in memory.

    Raises:
        ImportError: the library that reads a kind of files is not installed.
    """
    told: dict[Path, _Read] = {}
    setters: dict[str, set[Path]] = defaultdict(set)
    unread, count = [], 0
    for file in files:
        try:
            read = _read(file, judge)
        except UnreadableError as error:
            unread.append(Unread(_name(file), str(error)))
            continue
        count += 1
        if read.found:
            told[file] = read
        for each in read.found:
            if isinstance(each, Said) and each.sets and each.value:
                setters[each.key].add(file.parent)
    findings: list[Judged] = []
    not_known: list[NotKnown] = []
    for file, read in told.items():
        found = read.found if judge.base_url else tuple(_reached(read.found, file, setters))
        for one in judge.judge(_name(file), found):
            why = read.ignored.get((one.line, one.reason), "")
            findings.append(one._replace(ignored=printable(without_secrets(why, {}))))
        places = {NotKnown(_name(file), *each.place, each.what) for each in judge.open(found)}
        not_known += sorted(places)
    return Report(count, judge.catalogue, tuple(findings), tuple(not_known), tuple(unread))


def _read(file: Path, judge: Judge) -> _Read:
    content = content_of(file)
    ignored, wrong = read_ignored(content)
    return _Read((*judge.concerning(reader_of(file)(content)), *wrong), ignored)


def _reached(found: Iterable[Found], file: Path, setters: Setters) -> Iterator[Found]:
    """Without the clients that are told where to call by a file beside them or above.

    Whether one elsewhere reaches them is not known.
    """
    for each in found:
        if isinstance(each, Client):
            set_at = [(name, place) for name in each.settings for place in setters.get(name, ())]
            if any(file.is_relative_to(place) for _, place in set_at):
                continue
            if set_at:
                name = set_at[0][0]
                yield Open(each.place, f"base URL of the client: {name} is set in another directory")
                continue
        yield each


def _name(file: Path) -> str:
    """The file's name as it can be printed anywhere."""
    return printable(file.as_posix().encode(errors="replace").decode())
