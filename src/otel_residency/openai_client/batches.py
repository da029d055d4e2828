"""Files of calls: which kinds of lines there are in one, and which file a call is about.

A file is read in pieces, and of its lines nothing is kept but what eligibility depends on. What can't be
read is a kind of line, too: a doubt, never left out.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any, NamedTuple

from otel_residency.core.entries import BatchFiles
from otel_residency.core.facts import UNSEEN_LINE, BatchLine
from otel_residency.openai_client.batch_files import recall
from otel_residency.openai_client.facts import BodyReader, RegionOf, RequestFacts

PIECE = 1 << 20
"""Bytes that are read at a time."""
LONGEST = 16 << 20
"""Bytes of a line that is still read; one with several images can be some megabytes long."""
KINDS = 256
"""Kinds of lines that are told apart. One file is for one model; a few kinds are usual."""


class Contents(NamedTuple):
    """Each kind of line that a file holds, and how many there are of it.

    What follows a limit of the vendor, after which nothing is read, counts as one unseen line.
    """

    kinds: tuple[tuple[BatchLine, int], ...] = ()

    @property
    def lines(self) -> tuple[BatchLine, ...]:
        """The kinds of lines."""
        return tuple(line for line, _ in self.kinds)

    @property
    def total(self) -> int:
        """How many lines there are."""
        return sum(count for _, count in self.kinds)


def read_batch(
    content: Any, bodies: BodyReader, limits: BatchFiles, region_of: RegionOf = lambda _: None
) -> Contents:
    """Read the kinds of lines from bytes, text, or a file object; raises nothing.

    A file object is read from its beginning, as an upload is, and put back to where it stood. One that
    can't be put back is not read.
    """
    counts: dict[BatchLine, int] = {}

    def count(line: BatchLine) -> None:
        known = line if line in counts or len(counts) < KINDS else UNSEEN_LINE
        counts[known] = counts.get(known, 0) + 1

    try:
        with closing(_pieces(content)) as pieces:
            for number, line in enumerate(_lines(_limited(pieces, limits.max_bytes))):
                if number == limits.max_lines:
                    count(UNSEEN_LINE)
                    break
                if line is None:
                    count(UNSEEN_LINE)
                elif line and not line.isspace():
                    count(bodies.read_line(line, region_of))
    except Exception:  # any doubt has the same answer
        count(UNSEEN_LINE)
    return Contents(tuple(counts.items()))


def _pieces(content: Any) -> Generator[bytes, None, None]:
    if isinstance(content, bytes | str):
        for start in range(0, len(content), PIECE):
            yield _bytes(content[start : start + PIECE])
        return
    position = content.tell()
    content.seek(0)
    try:
        while piece := content.read(PIECE):
            yield _bytes(piece)
    finally:
        content.seek(position)


def _bytes(piece: bytes | str) -> bytes:
    return piece.encode("utf-8", "surrogatepass") if isinstance(piece, str) else piece


def _limited(pieces: Iterable[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise OverflowError
        yield piece


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes | None]:
    """The lines without their ends; `None` for one that is too long."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        *ends, rest = piece.split(b"\n")
        for end in ends:
            yield b"".join((*held, end)) if size + len(end) <= LONGEST else None
            held, size = [], 0
        size += len(rest)
        if size <= LONGEST:
            held.append(rest)
        else:
            held.clear()
    if size:
        yield b"".join(held) if size <= LONGEST else None


class Batch(NamedTuple):
    """What is known of the file that a call is about."""

    contents: Contents
    upload: Any = None
    """What was read, if the call uploads it."""


class Batches:
    """Finds the file that a call uploads for a batch, or that a new batch names."""

    def __init__(self, bodies: BodyReader, told: BatchFiles | None, region_of: RegionOf) -> None:
        """Go by what the catalogue has `told`, and by where stored things were seen to be created."""
        self._bodies = bodies
        self._told = told
        self._region_of = region_of

    def of(self, host: str, options: Any, body: RequestFacts, known: Batch | None = None) -> Batch | None:
        """The file of a request to `host`; `known` is what was found out before, of this file or another."""
        if getattr(options, "files", None):
            upload = self.upload(options)
            if upload is None:
                return None
            return known if known is not None and known.upload is upload else self.read(upload)
        contents = recall(host, body.batch_input) if body.batch_input else None
        return Batch(contents) if contents is not None else None

    def upload(self, options: Any) -> Any:
        """The content of the file that a request uploads for a batch; `None` if it is no such request."""
        fields: dict[Any, Any] = {}
        for said in (getattr(options, "json_data", None), getattr(options, "extra_json", None)):
            fields |= said if isinstance(said, Mapping) else {}
        if self._told is None or fields.get("purpose") != self._told.purpose:
            return None
        files = options.files
        given = list(files.values()) if isinstance(files, Mapping) else [file for _, file in files]
        if len(given) != 1:
            return given  # a list can't be read: which of the files counts is not known
        return given[0][1] if isinstance(given[0], tuple) else given[0]

    def read(self, upload: Any) -> Batch:
        """Read what is about to be uploaded."""
        assert self._told is not None  # noqa: S101
        return Batch(read_batch(upload, self._bodies, self._told, self._region_of), upload)
