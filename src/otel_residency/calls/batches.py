"""Files of calls: which kinds of lines there are in one, and which file a call is about.

A file is read in pieces, and of its lines nothing is kept but what eligibility depends on. What can't be
read is a kind of line, too: a doubt, never left out.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from copy import copy
from functools import partial, reduce
from typing import Any, NamedTuple

from otel_residency.calls.batch_files import files, follow, uploads
from otel_residency.calls.body import BodyReader, RegionOf, RequestFacts
from otel_residency.calls.fields import MAPPING
from otel_residency.core.entries import BatchFiles
from otel_residency.core.facts import UNSEEN_LINE, BatchLine

PIECE = 1 << 20
"""Bytes that are read at a time."""
LONGEST = 16 << 20
"""Bytes of a line that is still read; one with several images can be some megabytes long."""
KINDS = 256
"""Kinds of lines that are told apart. One file is for one model; a few kinds are usual."""
_UPLOAD, _PART = "upload", "upload_part"
"""What the catalogue calls uploads in parts, and their parts, as things that the vendor stores."""


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


_UNSEEN = Contents(((UNSEEN_LINE, 1),))


class Reading:
    """What was read of a file, as far as it came. It stays as it is: what follows makes another one."""

    def __init__(self, bodies: BodyReader, limits: BatchFiles, region_of: RegionOf) -> None:
        """Begin with nothing; `region_of` tells where the things are that lines name."""
        self._read_line = partial(bodies.read_line, region_of=region_of)
        self._counts: dict[BatchLine, int] = {}
        self._held: list[bytes] = []
        """The beginning of a line whose end is still to come."""
        self._length = 0
        """That of it, held or too long to be."""
        self._lines = limits.max_lines
        """How many may come."""
        self._bytes = limits.max_bytes
        self._over = False
        """Whether nothing further is read."""

    @property
    def contents(self) -> Contents:
        """The lines that have ended."""
        return Contents(tuple(self._counts.items()))

    def after(self, content: Any) -> "Reading":
        """What is read with the bytes, the text, or the file object that follows; raises nothing.

        A file object is read from its beginning, as an upload is, and put back to where it stood. One that
        can't be put back is not read, nor is what follows it.
        """
        return self if self._over else self._with(lambda reading: reading._read(content))

    def ended(self) -> "Reading":
        """What is read where nothing follows; raises nothing."""
        return self._with(lambda reading: reading._end_line(b"")) if self._length else self

    def so_far(self) -> "Reading":
        """What is read where something may follow: a last line without an end counts if it is one."""
        ended = self.ended()
        return self if ended._counts.get(UNSEEN_LINE) != self._counts.get(UNSEEN_LINE) else ended

    def _with(self, step: Callable[["Reading"], None]) -> "Reading":
        reading = copy(self)
        reading._counts, reading._held = dict(self._counts), list(self._held)
        try:
            step(reading)
        except Exception:  # any doubt has the same answer
            reading._count(UNSEEN_LINE)
            reading._held, reading._length, reading._over = [], 0, True
        return reading

    def _read(self, content: Any) -> None:
        with closing(_pieces(content)) as pieces:
            for piece in pieces:
                self._bytes -= len(piece)
                if self._bytes < 0:
                    raise OverflowError
                *ends, rest = piece.split(b"\n")
                for end in ends:
                    self._end_line(end)
                self._hold(rest)

    def _end_line(self, end: bytes) -> None:
        if not self._lines:
            raise OverflowError
        self._lines -= 1
        self._hold(end)
        line, length = b"".join(self._held), self._length
        self._held, self._length = [], 0
        if length > LONGEST:
            self._count(UNSEEN_LINE)
        elif line and not line.isspace():
            self._count(self._read_line(line))

    def _hold(self, piece: bytes) -> None:
        self._length += len(piece)
        if self._length <= LONGEST:
            self._held.append(piece)
        else:
            self._held.clear()

    def _count(self, line: BatchLine) -> None:
        known = line if line in self._counts or len(self._counts) < KINDS else UNSEEN_LINE
        self._counts[known] = self._counts.get(known, 0) + 1


def read_batch(content: Any, bodies: BodyReader, limits: BatchFiles, region_of: RegionOf) -> Contents:
    """Read the kinds of lines of a whole file, as `Reading` does; raises nothing."""
    return Reading(bodies, limits, region_of).after(content).ended().contents


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


class Parts(NamedTuple):
    """The parts of an upload that have arrived, one after the other."""

    reading: Reading
    order: bytes = b""
    """What stands for their ids in this order."""


class Upload(NamedTuple):
    """What a request uploads for a batch: a file, or a part of one."""

    host: str
    name: str | None
    """Id of the upload that it is a part of."""
    content: Any
    before: Parts

    def is_of(self, other: "Upload | None") -> bool:
        """Whether it is the very content of another request."""
        return other is not None and self.content is other.content and self[:2] == other[:2]


class Batch(NamedTuple):
    """What is known of the file that a call is about."""

    contents: Contents | None
    """`None` where there is none yet."""
    keep: Callable[[str], None] | None = None
    """Keeps what is known for the calls that follow; takes the id of what this one creates."""
    upload: Upload | None = None
    """What was read, if the call uploads it."""

    @property
    def lines(self) -> tuple[BatchLine, ...] | None:
        """The kinds of lines, if there is a file."""
        return None if self.contents is None else self.contents.lines

    def doubted(self) -> "Batch":
        """What is known where something else is sent than what was read; it is not kept."""
        return Batch(Contents((*(self.contents or Contents()).kinds, *_UNSEEN.kinds)))


class Batches:
    """Finds the file that a call uploads for a batch, at once or in parts, or that a new batch names.

    A part is read as what follows the parts that arrived before it, since most are uploaded one after the
    other. What was read so is the file only if the upload is completed with these parts in this order.
    """

    def __init__(self, bodies: BodyReader, told: BatchFiles | None, region_of: RegionOf) -> None:
        """Go by what the catalogue has `told`."""
        self._bodies = bodies
        self._purpose = told.purpose if told else None
        self._nothing = Parts(Reading(bodies, told, region_of)) if told else None

    def of(
        self, host: str, path: str, options: Any, body: RequestFacts, known: Batch | None = None
    ) -> Batch | None:
        """The file of a request; `known` is what was found out before, of this file or another."""
        if getattr(options, "files", None):
            upload = self.upload(host, path, options)
            if upload is None:
                return None
            return known if known is not None and upload.is_of(known.upload) else self.read(upload)
        if body.batch_input:
            contents = files.get(host, body.batch_input)
            return None if contents is None else Batch(contents)
        if body.stored and (parts := [name for kind, name in body.stored if kind == _PART]):
            return self._completed(host, self._upload_in(path), parts)
        if self._nothing is None or not self._is_for_batch(options):
            return None
        return Batch(None, partial(uploads.put, host, value=self._nothing))

    def upload(self, host: str, path: str, options: Any) -> Upload | None:
        """What a request with files uploads for a batch; `None` if they are for something else."""
        whole = self._is_for_batch(options)
        name = None if whole else self._upload_in(path)
        before = self._nothing if whole else uploads.get(host, name) if name else None
        return None if before is None else Upload(host, name, _content(options.files), before)

    def read(self, upload: Upload) -> Batch:
        """Read what is about to be uploaded."""
        host, name, content, before = upload
        reading = before.reading.after(content)
        if name is None:
            contents = reading.ended().contents
            return Batch(contents, partial(files.put, host, value=contents), upload)
        seen = reading.so_far().contents

        def keep(part_id: str) -> None:
            uploads.put(host, name, Parts(reading, follow(before.order, part_id)))

        return Batch(seen if seen.kinds else None, keep, upload)

    def _completed(self, host: str, name: str | None, part_ids: Iterable[str]) -> Batch | None:
        parts = uploads.get(host, name) if name else None
        if parts is None or name is None:
            return None
        in_order = reduce(follow, part_ids, b"") == parts.order
        contents = parts.reading.ended().contents if in_order else _UNSEEN

        def keep(file_id: str) -> None:
            uploads.drop(host, name)
            files.put(host, file_id, contents)

        return Batch(contents, keep)

    def _upload_in(self, path: str) -> str | None:
        return dict(self._bodies.named(path, None)).get(_UPLOAD)

    def _is_for_batch(self, options: Any) -> bool:
        for said in (getattr(options, "extra_json", None), getattr(options, "json_data", None)):
            if said and isinstance(said, MAPPING) and "purpose" in said:
                return self._purpose is not None and said["purpose"] == self._purpose
        return False


def _content(files: Any) -> Any:
    """What the one file holds. A list can't be read: of several files it is not known which counts."""
    given = list(files.values()) if isinstance(files, Mapping) else [file for _, file in files]
    if len(given) != 1:
        return given
    return given[0][1] if isinstance(given[0], tuple) else given[0]
