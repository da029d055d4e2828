"""Batch input files: the kinds of lines in a file, and the file that a call uploads or names.

A file is read in pieces, and of its lines only what a verdict depends on is kept. A line that can't be read
is kept as an unread line, and never left out.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from copy import copy
from functools import partial, reduce
from typing import Any, NamedTuple

from otel_residency.calls.body import MAPPING, BodyReader, RegionOf, RequestFacts
from otel_residency.calls.hashed_cache import HashedCache, keyed_hash
from otel_residency.core.facts import UNSEEN_LINE, BatchLine
from otel_residency.core.interruption import reraise_interruption
from otel_residency.core.request_entries import BatchFiles
from otel_residency.runtime.runtime import runtime

PIECE = 1 << 20
"""Bytes that are read at a time."""
LONGEST = 16 << 20
"""Bytes of a line that is still read; one with several images can be some megabytes long."""
KINDS = 256
"""Kinds of lines that are distinguished. A file is for one model, so a few kinds are usual."""
_UPLOAD, _PART = "upload", "upload_part"
"""The catalogue's names for uploads in parts and for their parts, as things that the vendor stores."""


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
    """What was read of a file so far. It does not change: reading on returns another one."""

    def __init__(self, bodies: BodyReader, limits: BatchFiles, region_of: RegionOf) -> None:
        """Begin with nothing; `region_of` gives the region of the stored things that lines name."""
        self._read_line = partial(bodies.read_line, region_of=region_of)
        self._counts: dict[BatchLine, int] = {}
        self._pieces: list[bytes] = []
        """The pieces of a line whose end has not been read."""
        self._length = 0
        """Length of that line in bytes, also if it is too long to be kept."""
        self._lines = limits.max_lines
        """Lines that may still come."""
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
        reading = copy(self)  # the client may send a part again: its lines must count once
        reading._counts, reading._pieces = dict(self._counts), list(self._pieces)
        try:
            step(reading)
        except Exception:  # whatever is wrong with it, it was not read
            reraise_interruption()
            reading._count(UNSEEN_LINE)
            reading._pieces, reading._length, reading._over = [], 0, True
        return reading

    def _read(self, content: Any) -> None:
        with closing(_pieces(content)) as pieces:
            for piece in pieces:
                self._bytes -= len(piece)
                if self._bytes < 0:  # a file object may have no end
                    raise OverflowError
                *ends, rest = piece.split(b"\n")  # bytes: a piece may end within a letter
                for end in ends:
                    self._end_line(end)
                self._add_piece(rest)

    def _end_line(self, end: bytes) -> None:
        if not self._lines:
            raise OverflowError
        self._lines -= 1
        self._add_piece(end)
        line, length = b"".join(self._pieces), self._length
        self._pieces, self._length = [], 0
        if length > LONGEST:  # left out, it would make the file look better
            self._count(UNSEEN_LINE)
        elif line and not line.isspace():
            self._count(self._read_line(line))

    def _add_piece(self, piece: bytes) -> None:
        self._length += len(piece)
        if self._length <= LONGEST:
            self._pieces.append(piece)
        else:
            self._pieces.clear()  # memory is bounded (test_memory_does_not_grow_with_the_file)

    def _count(self, line: BatchLine) -> None:
        kind = line if line in self._counts or len(self._counts) < KINDS else UNSEEN_LINE
        self._counts[kind] = self._counts.get(kind, 0) + 1


def read_batch(content: Any, bodies: BodyReader, limits: BatchFiles, region_of: RegionOf) -> Contents:
    """Read the kinds of lines of a whole file, as `Reading` does; raises nothing."""
    return Reading(bodies, limits, region_of).after(content).ended().contents


def _pieces(content: Any) -> Generator[bytes, None, None]:
    if isinstance(content, bytes | str):
        for start in range(0, len(content), PIECE):
            yield _bytes(content[start : start + PIECE])
        return
    position = content.tell()
    content.seek(0)  # as httpx 0.28.1 does before it sends a file (`_multipart.py`)
    try:
        while piece := content.read(PIECE):
            yield _bytes(piece)
    finally:
        content.seek(position)  # test_batches.py, test_the_position_of_a_file_is_as_it_was


def _bytes(piece: bytes | str) -> bytes:
    # A lone surrogate must not raise: its bytes are no UTF-8, so the line counts as unseen.
    return piece.encode("utf-8", "surrogatepass") if isinstance(piece, str) else piece


class Parts(NamedTuple):
    """The parts of an upload that have arrived, one after the other."""

    reading: Reading
    order: bytes = b""
    """A hash of their ids in this order."""


class Upload(NamedTuple):
    """What a request uploads for a batch: a file, or a part of one."""

    host: str
    name: str | None
    """Id of the upload that it is a part of."""
    content: Any
    before: Parts

    def has_content_of(self, other: "Upload | None") -> bool:
        """Whether it is the very content of another request."""
        return other is not None and self.content is other.content and self[:2] == other[:2]


class Batch(NamedTuple):
    """The file that a call uploads or names."""

    contents: Contents | None
    """`None` as long as no line has arrived."""
    keep: Callable[[str], None] | None = None
    """Keeps the contents for later calls; takes the id of what this call creates."""
    upload: Upload | None = None
    """What was read, if the call uploads it."""

    @property
    def lines(self) -> tuple[BatchLine, ...] | None:
        """The kinds of lines, if there is a file."""
        return None if self.contents is None else self.contents.lines

    def doubted(self) -> "Batch":
        """The contents where something else is sent than what was read; they are not kept."""
        return Batch(Contents((*(self.contents or Contents()).kinds, *_UNSEEN.kinds)))


class UploadedFiles:
    """What the files hold that this process uploaded for batches, until a batch names them.

    A file that another process uploaded, or that was dropped from here, counts as unread.

    Attributes:
        files: contents by file id.
        uploads: uploads in parts that have begun, by upload id. Each may keep a line that is cut by two
            parts.
    """

    def __init__(self) -> None:
        self.files: HashedCache[Contents] = HashedCache(4096)
        self.uploads: HashedCache[Parts] = HashedCache(16)  # each may hold a line of 16 MB


class Batches:
    """Finds the file that a call uploads for a batch, at once or in parts, or that a new batch names.

    A part is read as what follows the parts that arrived before it, since most are uploaded one after the
    other. What was read so is the file only if the upload is completed with these parts in this order.
    """

    def __init__(self, bodies: BodyReader, limits: BatchFiles | None, region_of: RegionOf) -> None:
        """Read files within `limits`; without them the catalogue knows no batch files."""
        self._bodies = bodies
        uploaded = runtime.part(UploadedFiles)
        self._files, self._uploads = uploaded.files, uploaded.uploads
        self._purpose = limits.purpose if limits else None
        self._empty = Parts(Reading(bodies, limits, region_of)) if limits else None

    def of(
        self, host: str, path: str, options: Any, body: RequestFacts, earlier: Batch | None = None
    ) -> Batch | None:
        """The file of a request; `earlier` is what an earlier attempt of the call found."""
        if getattr(options, "files", None):
            upload = self.upload(host, path, options)
            if upload is None:
                return None
            return (
                earlier
                if earlier is not None and upload.has_content_of(earlier.upload)
                else self.read(upload)
            )
        if body.batch_input:
            contents = self._files.get(host, body.batch_input)
            return None if contents is None else Batch(contents)
        if body.stored and (parts := [name for kind, name in body.stored if kind == _PART]):
            return self._completed(host, self._upload_in(path), parts)
        if self._empty is None or not self._is_for_batch(options):
            return None
        return Batch(None, partial(self._uploads.put, host, value=self._empty))

    def upload(self, host: str, path: str, options: Any) -> Upload | None:
        """What a request with files uploads for a batch; `None` if they are for something else."""
        whole = self._is_for_batch(options)
        name = None if whole else self._upload_in(path)
        before = self._empty if whole else self._uploads.get(host, name) if name else None
        if before is None:
            return None
        return Upload(host=host, name=name, content=_content(options.files), before=before)

    def read(self, upload: Upload) -> Batch:
        """Read what is about to be uploaded."""
        host, name, content, before = upload
        reading = before.reading.after(content)
        if name is None:
            contents = reading.ended().contents
            return Batch(contents, partial(self._files.put, host, value=contents), upload)
        contents = reading.so_far().contents

        def keep(part_id: str) -> None:
            self._uploads.put(host, name, Parts(reading, keyed_hash(before.order, part_id)))

        return Batch(contents if contents.kinds else None, keep, upload)

    def _completed(self, host: str, name: str | None, part_ids: Iterable[str]) -> Batch | None:
        parts = self._uploads.get(host, name) if name else None
        if parts is None or name is None:
            return None
        # The vendor joins the parts in this order.
        in_order = reduce(keyed_hash, part_ids, b"") == parts.order
        contents = parts.reading.ended().contents if in_order else _UNSEEN

        def keep(file_id: str) -> None:
            self._uploads.drop(host, name)  # it takes no more parts
            self._files.put(host, file_id, contents)

        return Batch(contents, keep)

    def _upload_in(self, path: str) -> str | None:
        return dict(self._bodies.named(path, None)).get(_UPLOAD)

    def _is_for_batch(self, options: Any) -> bool:
        for fields in (getattr(options, "extra_json", None), getattr(options, "json_data", None)):
            if fields and isinstance(fields, MAPPING) and "purpose" in fields:
                return self._purpose is not None and fields["purpose"] == self._purpose
        return False


def _content(files: Any) -> Any:
    """The content of the one file; of several files a list, which can't be read."""
    given = list(files.values()) if isinstance(files, Mapping) else [file for _, file in files]
    if len(given) != 1:
        return given
    return given[0][1] if isinstance(given[0], tuple) else given[0]
