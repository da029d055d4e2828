"""What is read of a file of calls, and what it takes."""

import json
import tracemalloc
from collections.abc import Callable
from io import BytesIO, RawIOBase, StringIO, UnsupportedOperation
from itertools import permutations
from typing import Any

import pytest

from otel_residency.calls import batches
from otel_residency.calls.batches import KINDS, LONGEST, PIECE, Contents, Reading, read_batch
from otel_residency.calls.body import BodyReader
from otel_residency.catalogue import load_catalogue
from otel_residency.core.facts import UNSEEN_LINE, BatchLine, Reference
from tests.internet import EU
from tests.vendor import SNAPSHOT

ENTRIES = load_catalogue().entries
BODIES = BodyReader(ENTRIES)
LIMITS = ENTRIES.batch_files
REGIONS = {"resp_1": "us", "resp_2": "us", "vs_1": "eu", "ft:gpt:1": "us"}
PATH = "/v1/responses"
PLAIN = BatchLine(PATH, SNAPSHOT)


def call(path: Any = PATH, **body: Any) -> bytes:
    """A line, without its end."""
    document = {"custom_id": "1", "url": path, "body": {"model": SNAPSHOT, "input": "Hello", **body}}
    return json.dumps(document, ensure_ascii=False).encode()


def kinds(content: Any) -> dict[BatchLine, int]:
    """What is read of `content`."""
    assert LIMITS is not None
    return dict(read_batch(content, BODIES, LIMITS, REGIONS.get).kinds)


def test_lines_are_grouped_by_what_matters_and_counted() -> None:
    """Model, path, features and tools make a kind; prompts do not."""
    image = [{"role": "user", "content": [{"type": "input_image", "image_url": "data:,x"}]}]
    found = kinds(
        b"\n".join(
            [
                call(input="one"),
                call(input="two"),
                call(path="/v1/chat/completions?key=sk-1"),
                call(input=image),
                call(tools=[{"type": "web_search"}], store=True),
            ]
        )
    )
    assert found == {
        PLAIN: 2,
        BatchLine("/v1/chat/completions", SNAPSHOT): 1,
        BatchLine(PATH, SNAPSHOT, frozenset({"image_input"})): 1,
        BatchLine(PATH, SNAPSHOT, frozenset({"store"}), frozenset({"web_search"})): 1,
    }


def test_tiers_and_stored_things_make_a_kind_by_their_regions() -> None:
    """Of what a line uses the region counts, not the id; a model is one only where it is known."""
    found = kinds(
        b"\n".join(
            [
                *(call(previous_response_id=name) for name in ("resp_1", "resp_2", "resp_3", "resp_4")),
                call(tools=[{"type": "file_search", "vector_store_ids": ["vs_1", "vs_2"]}]),
                call(model="ft:gpt:1"),
                call(model="ft:gpt:2"),
                call(service_tier="flex"),
            ]
        )
    )
    stores = frozenset({Reference("vector_store", "eu"), Reference("vector_store", "unknown")})
    tuned = frozenset({Reference("fine_tuned_model", "us")})
    assert found == {
        PLAIN._replace(references=frozenset({Reference("response", "us")})): 2,
        PLAIN._replace(references=frozenset({Reference("response", "unknown")})): 2,
        PLAIN._replace(tools=frozenset({"file_search"}), references=stores): 1,
        PLAIN._replace(model="ft:gpt:1", references=tuned): 1,
        PLAIN._replace(model="ft:gpt:2"): 1,
        PLAIN._replace(service_tier="flex"): 1,
    }


@pytest.mark.parametrize(
    "broken",
    [
        b"{",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"url": 1, "body": {}}',
        b'{"url": "/v1/responses", "body": "x"}',
        b'{"url": "/v1/responses"}',
        b'{"url": "/v1/responses", "body": {"model": "a", "model": "b"}}',
        b'{"url": "/v1/responses", "url": "/v1/embeddings", "body": {"model": "a"}}',
        call() + b"\r" + call(),
        call(tools=[{"type": str(number)} for number in range(100)]),
    ],
    ids=lambda broken: broken[:40],
)
def test_a_line_that_cannot_be_read_is_counted_as_unseen(broken: bytes) -> None:
    """A broken or ambiguous line is a doubt, and the lines around it are read all the same."""
    assert kinds(b"\n".join([call(), broken, call()])) == {PLAIN: 2, UNSEEN_LINE: 1}


@pytest.mark.parametrize("content", [b"", b"\n", b" \r\n\n", "", BytesIO()], ids=repr)
def test_an_empty_file_has_no_lines(content: Any) -> None:
    """Blank lines are no calls."""
    assert kinds(content) == {}


def test_ends_of_lines_do_not_matter() -> None:
    """With or without a last end, with a carriage return, with a byte order mark, with blank lines."""
    for content in (
        call() + b"\n" + call(),
        b"\xef\xbb\xbf" + call() + b"\r\n\r\n" + call() + b"\r\n",
        b"\n\n" + call() + b"\n \n" + call() + b"\n\n",
    ):
        assert kinds(content) == {PLAIN: 2}


@pytest.mark.parametrize("make", [bytes, bytes.decode, BytesIO, lambda content: StringIO(content.decode())])
def test_pieces_do_not_cut_lines(make: Callable[[bytes], Any]) -> None:
    """Lines are whole wherever a piece ends, also within a letter of several bytes."""
    lines = [call(input="é" * size) for size in (PIECE // 2, PIECE // 2 + 1, 3 * PIECE, 1)]
    assert kinds(make(b"\n".join(lines))) == {PLAIN: 4}


class Dribbling(BytesIO):
    """A file object that gives less than it is asked for."""

    def __init__(self, content: bytes, most: int) -> None:
        super().__init__(content)
        self._most = most

    def read(self, size: int | None = -1, /) -> bytes:
        """A few bytes."""
        del size
        return super().read(self._most)


@pytest.mark.parametrize("most", [1, 2, 3, 17, 150, 151, 152, 1000])
def test_every_line_is_counted_once_wherever_pieces_end(most: int) -> None:
    """Short pieces, cut anywhere, give what long ones give."""
    for lines in permutations([call(), b"{", b"", b" \r", call(input="é"), b"\x00\xff"]):
        content = b"\n".join(lines)
        assert kinds(Dribbling(content, most)) == kinds(content) == {PLAIN: 2, UNSEEN_LINE: 2}


def test_text_that_no_file_can_contain_is_unseen() -> None:
    """A lone surrogate is no UTF-8, and no error."""
    assert kinds('{"url": "\ud800"}') == {UNSEEN_LINE: 1}


def test_a_line_that_is_too_long_is_unseen() -> None:
    """It is skipped, not held, and what follows is read; one of just the right length is read too."""
    spare = LONGEST - len(call(input=""))
    content = b"\n".join([call(input="x" * (spare + 1)), call(input="x" * spare), call()])
    assert kinds(content) == {UNSEEN_LINE: 1, PLAIN: 2}
    assert kinds(b"x" * (LONGEST + 1)) == {UNSEEN_LINE: 1}


def test_more_kinds_than_are_distinguished_are_unseen() -> None:
    """Each line of a further kind counts as unseen; those of known kinds are still counted."""
    lines = [call(model=f"model-{number}") for number in range(KINDS + 3)]
    found = kinds(b"\n".join([*lines, lines[0]]))
    assert len(found) == KINDS + 1
    assert found[UNSEEN_LINE] == 3
    assert found[BatchLine(PATH, "model-0")] == 2


def test_reading_ends_where_the_vendor_s_limits_are() -> None:
    """What follows the last line or byte that the vendor takes is one doubt."""
    assert LIMITS is not None
    limits = LIMITS._replace(max_lines=3)
    three, four = (b"\n".join([call()] * number) for number in (3, 4))
    assert read_batch(three + b"\n", BODIES, limits, REGIONS.get).total == 3
    for content in (four * 2, four):
        assert dict(read_batch(content, BODIES, limits, REGIONS.get).kinds) == {PLAIN: 3, UNSEEN_LINE: 1}
    limits = LIMITS._replace(max_bytes=len(three))
    assert read_batch(three, BODIES, limits, REGIONS.get).lines == (PLAIN,)
    assert UNSEEN_LINE in read_batch(four, BODIES, limits, REGIONS.get).lines


def test_parts_are_read_as_one_file() -> None:
    """However a file is cut in two, each line is counted once, and the same limits hold."""
    assert LIMITS is not None
    content = b"\n".join([call(), b"{", call(input="é")])
    nothing = Reading(BODIES, LIMITS, REGIONS.get)
    for cut in range(len(content) + 1):
        begun = nothing.after(content[:cut])
        assert dict(begun.after(content[cut:]).ended().contents.kinds) == {PLAIN: 2, UNSEEN_LINE: 1}
    assert nothing.contents.kinds == ()
    begun = Reading(BODIES, LIMITS._replace(max_bytes=len(call()) + 1), REGIONS.get).after(call())
    assert dict(begun.after(b"\n" * 2).after(call()).ended().contents.kinds) == {UNSEEN_LINE: 1}


def test_what_follows_a_part_that_cannot_be_read_is_not_read() -> None:
    """Where the next line begins is not known then."""
    assert LIMITS is not None
    begun = Reading(BODIES, LIMITS, REGIONS.get).after(call() + b"\n").after(Unwilling("tell"))
    assert dict(begun.after(call()).ended().contents.kinds) == {PLAIN: 1, UNSEEN_LINE: 1}


def test_a_last_line_counts_as_soon_as_it_is_whole() -> None:
    """A part may end without an end of line: half a line is not judged yet, and a whole one is."""
    assert LIMITS is not None
    begun = Reading(BODIES, LIMITS, REGIONS.get).after(call() + b"\n" + call()[:-1])
    assert dict(begun.so_far().contents.kinds) == {PLAIN: 1}
    assert dict(begun.after(call()[-1:]).so_far().contents.kinds) == {PLAIN: 2}


class Unwilling(BytesIO):
    """A file object that fails in one way."""

    def __init__(self, how: str) -> None:
        super().__init__(call())
        self._how = how

    def tell(self) -> int:
        """Where it stands, unless it does not tell."""
        if self._how == "tell":
            raise UnsupportedOperation
        return super().tell()

    def seek(self, position: int, whence: int = 0, /) -> int:
        """Go there, unless it does not."""
        if self._how == "seek":
            raise OSError
        return super().seek(position, whence)

    def read(self, size: int | None = -1, /) -> bytes:
        """What is there, unless it breaks off."""
        found = super().read(size)
        if self._how == "read":
            raise OSError
        return found


@pytest.mark.parametrize("how", ["tell", "seek", "read"])
def test_a_file_object_that_fails_is_unseen_and_stands_where_it_stood(how: str) -> None:
    """Nothing is raised, and nothing is consumed."""
    file = Unwilling(how)
    super(Unwilling, file).seek(5)
    assert kinds(file) == {UNSEEN_LINE: 1}
    assert super(Unwilling, file).tell() == 5


class Generated(RawIOBase):
    """A long file that is made while it is read."""

    def __init__(self, line: bytes, count: int) -> None:
        self._line = line + b"\n"
        self._count = self._left = count

    def tell(self) -> int:
        """Never anywhere but at the beginning, for whoever asks first."""
        return 0

    def seek(self, position: int, whence: int = 0) -> int:
        """Begin again."""
        self._left = self._count
        return position + whence

    def read(self, size: int = -1) -> bytes:
        """As many whole lines as fit."""
        taken = min(self._left, size // len(self._line))
        self._left -= taken
        return self._line * taken


@pytest.mark.parametrize("count", [200, 9_900])
def test_memory_does_not_grow_with_the_file(count: int) -> None:
    """200 MB take no more than a few pieces, whether the lines are short or long."""
    line = call(input="x" * (199_000_000 // count))
    tracemalloc.start()
    try:
        assert kinds(Generated(line, count)) == {PLAIN: count}
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * PIECE


def test_the_oldest_files_are_forgotten() -> None:
    """What is remembered of files is bounded, and holds no id."""
    contents = [Contents(((PLAIN, number),)) for number in range(5)]
    kept = batches.HashedCache[Contents](3)
    for number in (0, 1, 2, 0, 3):
        kept.put(EU, f"file-{number}", contents[number])
    found = [kept.get(EU, f"file-{number}") for number in range(5)]
    assert found == [contents[0], None, contents[2], contents[3], None]
    assert not any(b"file" in key for key in kept._values)


def test_a_catalogue_without_batch_files_recognises_none() -> None:
    """Where it is not known how files are uploaded for batches, nothing is taken for such a file."""
    entries = ENTRIES._replace(batch_files=None)
    bodies = BodyReader(entries)
    options = type("Options", (), {"files": {"file": b""}, "json_data": {"purpose": "batch"}})()
    reader = batches.Batches(bodies, None, REGIONS.get)
    for files in ({"file": b""}, None):
        options.files = files
        assert reader.of(EU, "/v1/files", options, bodies.read(options, None)) is None
