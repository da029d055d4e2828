"""Files of calls: read before they are uploaded, and remembered for the batch that names them."""

import asyncio
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO, RawIOBase
from pathlib import Path
from typing import Any

import openai
import pytest
from openai._files import to_httpx_files

from examples.demo.loopback import Asked, Reply
from otel_residency import ResidencyInstrumentor, ResidencyViolationError
from otel_residency.calls.batches import PIECE, UploadedFiles
from otel_residency.runtime.runtime import runtime
from tests.calls.http_library import http
from tests.calls.kinds import Async, Kind, Sync
from tests.calls.resources import METHODS
from tests.internet import EU, US, Gate, Internet
from tests.recorded import Instrument, Recorded
from tests.vendor import SNAPSHOT, answer, error, ordinary

CHAT = "/v1/chat/completions"
SECRET = "Frau Muster, Konto 4711"
FILE_ID = "file-batch-input-1"
HEAD = {"headers": {"Content-Type": "multipart/form-data"}}
BATCH_ATTRIBUTES = ("residency.batch.lines", "residency.batch.reasons", "residency.batch.counts")


def line(model: str | None = SNAPSHOT, path: str = CHAT, **body: Any) -> bytes:
    """One line of a batch's input file."""
    named = {"model": model} if model else {}
    message = {"messages": [{"role": "user", "content": SECRET}]}
    call = {"custom_id": "r", "method": "POST", "url": path, "body": {**named, **message, **body}}
    return json.dumps(call).encode() + b"\n"


GOOD = line() * 3
MIXED = line() * 3 + line("text-embedding-3-small", "/v1/embeddings") * 2 + line("gpt-5.2")
WITHOUT_TAIL = MIXED[:-1]


def upload(request: Asked) -> Reply:
    """The vendor's answer: an uploaded file has an id."""
    if request.path.endswith("/files"):
        batch_attributes = {
            "id": FILE_ID,
            "object": "file",
            "bytes": 1,
            "created_at": 1,
            "filename": "f",
            "purpose": "batch",
        }
        return answer(batch_attributes)
    return ordinary(request)


@pytest.fixture(autouse=True)
def _uploads(internet: Internet) -> None:
    runtime.part(UploadedFiles).files.clear()
    internet.respond = upload


@pytest.fixture
def residency(instrument: Instrument) -> Recorded:
    """Under a storage policy: by the vendor's table files are stored in the region, and not processed."""
    return instrument(scope="storage")


class Pipe(RawIOBase):
    """A file object that can't be put back to where it stood."""

    def __init__(self, content: bytes) -> None:
        self.left = [content]

    def readable(self) -> bool:
        """It can be read, once."""
        return True

    def read(self, _: int = -1) -> bytes:
        """All of it, or nothing any more."""
        return self.left.pop() if self.left else b""


def at(content: bytes, position: int, directory: Path) -> BytesIO:
    """A file object that somebody has read from."""
    del directory
    opened = BytesIO(content)
    opened.seek(position)
    return opened


def on_disk(content: bytes, directory: Path) -> Path:
    """A file."""
    path = directory / "calls.jsonl"
    path.write_bytes(content)
    return path


FORMS: dict[str, Callable[[bytes, Path], Any]] = {
    "bytes": lambda content, _: content,
    "path": on_disk,
    "file": lambda content, directory: on_disk(content, directory).open("rb"),
    "file in memory": lambda content, directory: at(content, 7, directory),
    "pair": lambda content, _: ("calls.jsonl", content),
    "path in a pair": lambda content, directory: ("calls.jsonl", on_disk(content, directory)),
    "triple": lambda content, _: ("calls.jsonl", BytesIO(content), "application/jsonl"),
    "quadruple": lambda content, _: ("calls.jsonl", content, "application/jsonl", {"x-own": "1"}),
}


if not isinstance(to_httpx_files([("file", ("f", Path(__file__)))])[0][1][1], bytes):  # type: ignore[index]
    del FORMS["path in a pair"]  # older releases of the client say that they take it, and fail


@pytest.fixture(params=FORMS)
def give(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[bytes], Any]]:
    """Gives content to the client in each form that it takes."""
    with ExitStack() as stack:

        def given(content: bytes) -> Any:
            made = FORMS[request.param](content, tmp_path)
            return stack.enter_context(made) if hasattr(made, "close") else made

        yield given


def batch(client: Any, file_id: str = FILE_ID) -> Any:
    """Create a batch of the file."""
    return client.batches.create(input_file_id=file_id, endpoint=CHAT, completion_window="24h")


def batch_attributes(residency: Recorded, number: int = -1) -> tuple[Any, ...]:
    """Lines, reasons and counts, as one span tells them."""
    attributes = residency.spans[number].attributes or {}
    return tuple(attributes.get(name) for name in BATCH_ATTRIBUTES)


def test_a_file_is_judged_in_every_form_before_it_is_uploaded(
    kind: Kind, instrument: Instrument, internet: Internet, give: Callable[[bytes], Any]
) -> None:
    """In block mode nothing leaves for a file with an ineligible line, whatever it is given as."""
    residency = instrument(on_call="block", scope="storage")
    client = kind.open()
    with pytest.raises(ResidencyViolationError, match=r"batch\.line_ineligible") as refused:
        kind.run(client.files.create(file=give(MIXED), purpose="batch"))
    assert internet.requests == []
    assert internet.connections == []
    assert residency.span["residency.action"] == "blocked"
    assert batch_attributes(residency) == (6, ("batch.line_ineligible", "model.alias"), (2, 1))
    assert "Muster" not in str(refused.value) + residency.everything


def test_a_good_file_arrives_whole_and_is_remembered(
    kind: Kind, residency: Recorded, internet: Internet, give: Callable[[bytes], Any]
) -> None:
    """A file with eligible lines is sent as it is, and the batch that names it is eligible too."""
    client = kind.open()
    kind.run(client.files.create(file=give(GOOD), purpose="batch"))
    kind.run(batch(client))
    sent, _ = internet.received(EU)
    assert GOOD in sent.body
    assert residency.values("residency.verdict") == ["eligible", "eligible"]
    assert [batch_attributes(residency, 0), batch_attributes(residency, 1)] == [(3, (), ())] * 2


def test_a_batch_carries_the_worst_of_its_lines(kind: Kind, residency: Recorded) -> None:
    """Flagged at the upload, the lines are a violation of the batch as well, with the same counts."""
    client = kind.open()
    kind.run(client.files.create(file=WITHOUT_TAIL, purpose="batch"))
    kind.run(batch(client))
    assert residency.values("residency.verdict") == ["ineligible", "ineligible"]
    assert residency.values("residency.endpoint") == ["/v1/files", "/v1/batches"]
    assert residency.values("residency.reasons")[0] == residency.values("residency.reasons")[1]
    assert (
        batch_attributes(residency, 0)
        == batch_attributes(residency, 1)
        == (6, ("batch.line_ineligible", "model.alias"), (2, 1))
    )
    for event in residency.violations:
        assert event.attributes["residency.batch.lines"] == 6


def test_the_batch_of_a_remembered_file_is_refused(
    kind: Kind, instrument: Instrument, internet: Internet
) -> None:
    """What was uploaded before the guard blocked is refused when a batch names it."""
    instrument(scope="storage")
    client = kind.open()
    kind.run(client.files.create(file=MIXED, purpose="batch"))
    ResidencyInstrumentor().uninstrument()
    instrument(on_call="block", scope="storage")
    with pytest.raises(ResidencyViolationError):
        kind.run(batch(client))
    assert [request.path for request in internet.requests] == ["/v1/files"]


@pytest.mark.parametrize(("host", "reasons"), [(EU, ()), (US, ("state.region_mismatch",))], ids=["eu", "us"])
def test_a_line_uses_things_where_they_were_created(
    kind: Kind, residency: Recorded, *, host: str, reasons: tuple[str, ...]
) -> None:
    """A line that names a vector store of another region is a finding of the upload and of the batch."""
    kind.run(kind.open(base_url=f"https://{host}/v1").post("/vector_stores", cast_to=object, body={}))
    client = kind.open()
    search = {"type": "file_search", "vector_store_ids": ["id_1"]}
    kind.run(client.files.create(file=line(path="/v1/responses", tools=[search]), purpose="batch"))
    kind.run(batch(client))
    for number in (1, 2):
        assert batch_attributes(residency, number) == (1, reasons, (1,) * len(reasons))


def test_a_tier_that_the_region_lacks_is_refused_in_a_line(
    kind: Kind, instrument: Instrument, internet: Internet
) -> None:
    """A line says its tier as a call does."""
    instrument(on_call="block", scope="storage")
    with pytest.raises(ResidencyViolationError, match=r"tier\.not_available"):
        kind.run(kind.open().files.create(file=line("gpt-6-luna", service_tier="priority"), purpose="batch"))
    assert internet.requests == []


def test_an_upload_by_another_http_client_is_not_remembered(kind: Kind, residency: Recorded) -> None:
    """It may send another file than it was given: the batch of it is a doubt."""
    base: Any = kind.pick(openai.DefaultHttpxClient, openai.DefaultAsyncHttpxClient)

    class FileSubclass(base):  # type: ignore[misc]
        def build_request(self, *args: Any, **given: Any) -> Any:
            return super().build_request(*args, **given)

    client = kind.open(http_client=FileSubclass())
    kind.run(client.files.create(file=GOOD, purpose="batch"))
    kind.run(batch(client))
    assert residency.values("residency.reasons") == [("request.unseen",), ("batch.contents_unseen",)]


def test_another_file_than_the_one_that_was_named_is_a_doubt(kind: Kind, residency: Recorded) -> None:
    """A hook that names another file has the batch be one of a file that nobody saw."""

    def change(request: Any) -> None:
        if request.url.path.endswith("/batches"):
            content = request.content.replace(FILE_ID.encode(), FILE_ID[:-1].encode() + b"2")
            request.stream = http.ByteStream(content)

    async def change_async(request: Any) -> None:
        change(request)

    hooks = {"request": [kind.pick(change, change_async)]}
    client = kind.open(http_client=kind.pick(http.Client, http.AsyncClient)(event_hooks=hooks))
    kind.run(client.files.create(file=GOOD, purpose="batch"))
    kind.run(batch(client))
    assert "batch.contents_unseen" in residency.values("residency.reasons")[1]
    assert batch_attributes(residency)[0] == 4


def test_a_file_that_was_not_read_is_a_doubt(kind: Kind, residency: Recorded) -> None:
    """A batch of a file that another process uploaded is indeterminate, without counts."""
    kind.run(batch(kind.open(), "file-from-elsewhere"))
    assert residency.span["residency.reasons"] == ("batch.contents_unseen",)
    assert batch_attributes(residency) == (None, None, None)


def test_an_id_counts_at_its_host_only(kind: Kind, residency: Recorded) -> None:
    """A file is known where it was uploaded: another host may have given the same id to another file."""
    kind.run(kind.open().files.create(file=GOOD, purpose="batch"))
    kind.run(batch(kind.open(base_url=f"https://{US}/v1")))
    assert "batch.contents_unseen" in residency.values("residency.reasons")[1]


@pytest.mark.parametrize("raw", ["with_raw_response", "with_streaming_response"])
def test_an_upload_is_remembered_however_its_answer_is_read(
    kind: Kind, residency: Recorded, *, raw: str
) -> None:
    """The id of the file is learnt from a raw answer, too, when the application reads it."""
    client = kind.open()
    made = getattr(client.files, raw).create(file=MIXED, purpose="batch")
    if raw == "with_raw_response":
        kind.run(made)
    else:
        response = kind.enter(made)
        kind.run(response.read())
        kind.exit(made)
    kind.run(batch(client))
    assert batch_attributes(residency) == (6, ("batch.line_ineligible", "model.alias"), (2, 1))


def unusual_uploads(client: Any) -> Iterator[Callable[[], Any]]:
    """Uploads that are not spelt as usual."""
    yield lambda: client.files.create(file=MIXED, purpose="user_data", extra_body={"purpose": "batch"})
    body = {"purpose": "batch"}
    yield lambda: client.post("/files", cast_to=object, body=body, files={"file": MIXED}, options=HEAD)
    files = [("file", ("f", BytesIO(MIXED)))]
    yield lambda: client.post("/files", cast_to=object, body=body, files=files, options=HEAD)


@pytest.mark.parametrize("index", range(3))
def test_uploads_that_are_spelt_otherwise_are_recognised(
    kind: Kind, instrument: Instrument, internet: Internet, *, index: int
) -> None:
    """The purpose may come by `extra_body`, and the whole upload by `post`."""
    instrument(on_call="block", scope="storage")
    call = list(unusual_uploads(kind.open()))[index]
    with pytest.raises(ResidencyViolationError):
        kind.run(call())
    assert internet.requests == []


@pytest.mark.parametrize(
    "files",
    [
        lambda: {"file": MIXED, "other": b""},
        lambda: [("file", MIXED), ("file", b"")],
        lambda: {"file": Pipe(MIXED)},
    ],
    ids=["two fields", "one field twice", "a pipe"],
)
def test_what_cannot_be_read_is_a_doubt(
    kind: Kind, residency: Recorded, internet: Internet, *, files: Callable[[], Any]
) -> None:
    """A pipe is not consumed, and of several files none is taken for the one that counts."""
    body = {"purpose": "batch"}
    kind.run(kind.open().post("/files", cast_to=object, body=body, files=files(), options=HEAD))
    assert residency.span["residency.reasons"] == ("batch.contents_unseen",)
    assert batch_attributes(residency) == (1, ("batch.contents_unseen",), (1,))
    assert MIXED in internet.requests[0].body


class Watched(BytesIO):
    """A file object that keeps in which sizes it was read."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.reads: list[int | None] = []

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and keep the size."""
        self.reads.append(size)
        return super().read(size)


def test_an_upload_in_parts_is_refused_where_a_region_is_required(
    kind: Kind, instrument: Instrument, internet: Internet
) -> None:
    """The vendor's tables do not list uploads in parts: the first call of one is refused."""
    instrument(on_call="block", scope="storage")
    with pytest.raises(ResidencyViolationError, match=r"endpoint\.not_listed"):
        kind.run(kind.open().post("/uploads", cast_to=object, body={"purpose": "batch", "bytes": 1}))
    assert internet.requests == []


@pytest.mark.skipif("responses.create" not in METHODS, reason="there are no responses")
@pytest.mark.parametrize(
    ("created", "reasons"),
    [(EU, ()), (US, ("state.region_mismatch",)), (None, ("state.unseen",))],
)
def test_what_a_line_brings_along_counts(
    kind: Kind, residency: Recorded, *, created: str | None, reasons: tuple[str, ...]
) -> None:
    """A stored thing that a line uses is held against the region, at the upload and for the batch."""
    if created:
        first = kind.open(base_url=f"https://{created}/v1")
        kind.run(first.responses.create(model=SNAPSHOT, input="Hello"))
    residency.clear()
    client = kind.open()
    lines = line(path="/v1/responses", previous_response_id="resp_1")
    kind.run(client.files.create(file=lines, purpose="batch"))
    kind.run(batch(client))
    assert residency.values("residency.reasons") == [reasons] * 2


def test_files_for_other_purposes_are_left_alone(kind: Kind, residency: Recorded) -> None:
    """A file that is not for a batch is not read by us."""
    file = Watched(MIXED)
    kind.run(kind.open().files.create(file=("f", file), purpose="user_data"))
    assert PIECE not in file.reads
    assert batch_attributes(residency) == (None, None, None)
    assert residency.span["residency.verdict"] == "eligible"


def test_a_file_is_read_once_for_all_attempts(
    kind: Kind, residency: Recorded, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry sends what was judged, and it is not read again for that."""
    monkeypatch.setattr(openai._base_client.BaseClient, "_calculate_retry_timeout", lambda *_, **__: 0)
    failures = [error(500), error(500)]
    internet.respond = lambda request: failures.pop() if failures else upload(request)
    file = Watched(GOOD)
    kind.run(kind.open(max_retries=2).files.create(file=("f", file), purpose="batch"))
    assert file.reads.count(PIECE) == 2  # all of it, and the end
    assert len(internet.requests) == 3
    assert residency.span["residency.verdict"] == "eligible"


def test_the_event_loop_goes_on_while_a_file_is_read(residency: Recorded) -> None:
    """The asynchronous client reads in a thread: here the file is only there once the loop has had a turn."""
    turn = Gate()

    class Slow(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            turn.wait()
            return super().read(size)

    async def both() -> None:
        asyncio.get_running_loop().call_soon(turn.open)
        await client.files.create(file=("f", Slow(GOOD)), purpose="batch")

    kind = Async()
    client = kind.open()
    kind.run(both())
    kind.close()
    assert batch_attributes(residency) == (3, (), ())


def test_the_position_of_a_file_is_as_it_was(sync: Sync, instrument: Instrument, tmp_path: Path) -> None:
    """A file that was refused, and so not sent, still stands where it stood."""
    instrument(on_call="block", scope="storage")
    client = sync.open()
    with on_disk(MIXED, tmp_path).open("rb") as opened, tempfile.SpooledTemporaryFile() as spooled:
        spooled.write(MIXED)
        for file in (opened, spooled):
            file.seek(11)
            with pytest.raises(ResidencyViolationError):
                client.files.create(file=("f", file), purpose="batch")  # type: ignore[arg-type]
            assert file.tell() == 11
