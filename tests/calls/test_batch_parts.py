"""Files of calls that are uploaded in parts: read one part after the other, and known if completed so."""

import asyncio
import json
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any

import openai
import pytest

from examples.demo.loopback import Asked, Reply
from otel_residency import ResidencyViolationError
from otel_residency.calls.batches import UploadedFiles
from otel_residency.runtime.runtime import runtime
from tests.calls.kinds import Async, Kind
from tests.calls.resources import METHODS
from tests.calls.test_batches import GOOD, MIXED, WITHOUT_TAIL, batch, batch_attributes, line
from tests.internet import EU, US, Internet
from tests.recorded import Instrument, Recorded
from tests.vendor import answer, error, ordinary

pytestmark = pytest.mark.skipif(
    "uploads.upload_file_chunked" not in METHODS, reason="this client has no chunked uploads"
)
NUMBERS = count(1)
"""For ids: what is known of files and uploads outlives a test."""
UNSEEN = ("batch.contents_unseen",)
WORST = (6, ("batch.line_ineligible", "model.alias"), (2, 1))
HALF = len(MIXED) // 2


@pytest.fixture(autouse=True)
def _uploads(internet: Internet) -> None:
    """The vendor: each upload has an id, each part another one, and the file of each upload its own."""

    def respond(request: Asked) -> Reply:
        upload = {"object": "upload", "status": "pending", "filename": "f", "purpose": "batch"}
        if request.path.endswith("/uploads"):
            return answer({**upload, "id": f"upload_{next(NUMBERS)}"})
        if request.path.endswith("/parts"):
            return answer({"object": "upload.part", "id": f"part_{next(NUMBERS)}"})
        if request.path.endswith("/complete"):
            return answer({**upload, "file": {"id": f"file-{next(NUMBERS)}", "object": "file"}})
        return ordinary(request)

    internet.respond = respond


class Uploads:
    """Makes the calls of one upload."""

    def __init__(self, kind: Kind, purpose: str = "batch", **client: Any) -> None:
        self.kind = kind
        self.client = kind.open(**client)
        self.uploads = self.client.uploads
        made = self.uploads.create(bytes=1, filename="f", mime_type="application/jsonl", purpose=purpose)
        self.id = kind.run(made).id

    def part(self, data: Any) -> str:
        """Upload a part: its id."""
        part_id: str = self.kind.run(self.uploads.parts.create(self.id, data=data)).id
        return part_id

    def complete(self, *part_ids: str) -> None:
        """Complete it, and create a batch of the file."""
        completed = self.kind.run(self.uploads.complete(self.id, part_ids=list(part_ids)))
        self.kind.run(batch(self.client, completed.file.id))


def contract(directory: Path) -> str:
    """A catalogue by which uploads in parts may be stored in the EU: else each is refused as such."""
    ours = files("otel_residency.catalogue") / "data" / "revisions" / "openai-2026-10.json"
    revision = {**json.loads(ours.read_text("utf-8")), "id": "contract", "effective_from": "2026-11-19"}
    row = {"id": "uploads", "services": ["/v1/uploads"], "storage": ["eu"], "processing": []}
    table = {key: value for key, value in revision.items() if not key.startswith("$")}
    path = directory / "contract.json"
    path.write_text(json.dumps({"revisions": [{**table, "rows": [*table["rows"], row]}]}), encoding="utf-8")
    return str(path)


def lines(residency: Recorded) -> tuple[Any, ...]:
    """What the last span, that of a batch, tells of lines."""
    assert residency.values("residency.endpoint")[-1] == "/v1/batches"
    return batch_attributes(residency)


@pytest.mark.parametrize("size", [7, 100, 1 << 20])
def test_a_chunked_upload_is_read_line_by_line(kind: Kind, residency: Recorded, *, size: int) -> None:
    """However lines are cut, the upload is completed with all of them, and the batch carries the worst."""
    client = kind.open()
    content = {"file": WITHOUT_TAIL, "filename": "f", "bytes": len(WITHOUT_TAIL), "part_size": size}
    made = kind.run(client.uploads.upload_file_chunked(**content, mime_type="a/b", purpose="batch"))
    assert residency.values("residency.endpoint")[-1].endswith("/complete")
    assert batch_attributes(residency)[0] == WORST[0]
    kind.run(batch(client, made.file.id))
    assert lines(residency) == WORST
    assert residency.values("residency.verdict")[-1] == "ineligible"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # older clients leave it open
def test_a_file_on_disk_is_read_too(kind: Kind, residency: Recorded, tmp_path: Path) -> None:
    """A good file is eligible for a batch, though the upload is not."""
    path = tmp_path / "calls.jsonl"
    path.write_bytes(GOOD)
    client = kind.open()
    chunked = {"part_size": 50, "mime_type": "a/b", "purpose": "batch"}
    made = kind.run(client.uploads.upload_file_chunked(file=path, **chunked))
    kind.run(batch(client, made.file.id))
    assert lines(residency) == (3, (), ())
    assert residency.values("residency.verdict")[-1] == "eligible"


def test_each_part_reports_the_lines_so_far(kind: Kind, residency: Recorded) -> None:
    """A line counts as soon as it is whole; before the first one there is nothing to tell of."""
    upload = Uploads(kind)
    content = line() + line("gpt-5.2")
    upload.part(content[:10])
    upload.part(content[10:-20])
    upload.part(content[-20:-1])
    assert [batch_attributes(residency, number)[0] for number in range(4)] == [None, None, 1, 2]


def test_a_part_with_an_ineligible_line_is_refused_before_it_is_sent(
    kind: Kind, instrument: Instrument, internet: Internet, tmp_path: Path
) -> None:
    """Where a contract lists such uploads, `block` lets the good part go, and not the one that is not."""
    attest = {name: {"value": True} for name in ("modified_abuse_monitoring", "retention_amendment")}
    residency = instrument(on_call="block", scope="storage", attest=attest, catalogue=contract(tmp_path))
    upload = Uploads(kind)
    cut = len(GOOD) + 20
    good = upload.part(MIXED[:cut])
    sent = len(internet.requests)
    for _ in range(2):  # what was refused has not become a part of the file
        with pytest.raises(ResidencyViolationError, match=r"batch\.line_ineligible"):
            upload.part(MIXED[cut:-1])
    assert len(internet.requests) == sent
    assert "Muster" not in residency.everything
    last = upload.part(line()[20:])
    upload.complete(good, last)
    assert lines(residency) == (4, (), ())


@pytest.mark.parametrize(
    "order",
    [(1, 0), (0,), (1,), (0, 1, 1), (0, 0, 1)],
    ids=["turned", "without the last", "without the first", "one twice", "first twice"],
)
def test_another_order_than_that_of_the_uploads_is_unseen(
    kind: Kind, residency: Recorded, *, order: tuple[int, ...]
) -> None:
    """What was read is the file only if it is put together of these parts in this order."""
    upload = Uploads(kind)
    parts = [upload.part(MIXED[:HALF]), upload.part(MIXED[HALF:])]
    upload.complete(*(parts[number] for number in order))
    assert batch_attributes(residency, -2) == (1, ("batch.contents_unseen", "endpoint.not_listed"), (1, 1))
    assert lines(residency) == (1, UNSEEN, (1,))


def test_a_part_that_was_not_read_makes_the_file_unseen(kind: Kind, residency: Recorded) -> None:
    """A part of another process is named at the end, and was not read."""
    upload = Uploads(kind)
    upload.complete(upload.part(GOOD), "part_of_another")
    assert "state.unseen" in residency.values("residency.reasons")[-2]
    assert lines(residency) == (1, UNSEEN, (1,))


def test_parts_that_are_sent_at_a_time_are_unseen(residency: Recorded) -> None:
    """Only the end shows which part follows which: neither was read as following the other."""
    kind = Async()
    upload = Uploads(kind)

    async def both() -> Any:
        halves = (MIXED[:HALF], MIXED[HALF:])
        return await asyncio.gather(*(upload.uploads.parts.create(upload.id, data=each) for each in halves))

    upload.complete(*(part.id for part in kind.run(both())))
    kind.close()
    assert lines(residency) == (1, UNSEEN, (1,))


def test_an_upload_of_another_process_or_host_is_unseen(kind: Kind, residency: Recorded) -> None:
    """An upload that was not begun here is not read, nor one that only has the same id at another host."""
    upload = Uploads(kind)
    upload.uploads = kind.open(base_url=f"https://{US}/v1").uploads
    upload.complete(upload.part(GOOD))
    assert batch_attributes(residency, 1) == batch_attributes(residency, 2) == (None, None, None)
    assert residency.values("residency.reasons")[-1][0] == "batch.contents_unseen"


def test_an_upload_for_another_purpose_is_left_alone(kind: Kind, residency: Recorded) -> None:
    """Its parts are not read by us."""
    upload = Uploads(kind, "user_data")
    upload.complete(upload.part(MIXED))
    assert [batch_attributes(residency, number) for number in range(3)] == [(None, None, None)] * 3


def test_a_part_that_failed_can_be_sent_again(
    kind: Kind, residency: Recorded, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lines are not counted twice, whether the client or the application tries again."""
    monkeypatch.setattr(openai._base_client.BaseClient, "_calculate_retry_timeout", lambda *_, **__: 0)
    respond, failures = internet.respond, [error(500)] * 3
    upload = Uploads(kind, max_retries=1)
    internet.respond = lambda request: failures.pop() if failures else respond(request)
    with pytest.raises(openai.InternalServerError):
        upload.part(MIXED[:HALF])
    upload.complete(upload.part(MIXED[:HALF]), upload.part(MIXED[HALF:]))
    assert lines(residency) == WORST


def test_raw_answers_report_the_ids_too(kind: Kind, residency: Recorded) -> None:
    """The application may parse an answer itself."""
    upload = Uploads(kind)
    raw = upload.uploads.with_raw_response
    part = kind.run(upload.uploads.parts.with_raw_response.create(upload.id, data=MIXED)).parse()
    completed = kind.run(raw.complete(upload.id, part_ids=[part.id])).parse()
    kind.run(batch(upload.client, completed.file.id))
    assert lines(residency) == WORST


@pytest.mark.usefixtures("residency")
def test_a_completed_upload_is_released(kind: Kind) -> None:
    """What is known of an upload goes when its file is known."""
    upload = Uploads(kind)
    part = upload.part(GOOD)
    assert runtime.part(UploadedFiles).uploads.get(EU, upload.id) is not None
    upload.complete(part)
    assert runtime.part(UploadedFiles).uploads.get(EU, upload.id) is None
