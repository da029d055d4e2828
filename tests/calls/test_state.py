"""Where the vendor's stored things were created is remembered, and using one elsewhere is found."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openai
import pytest

from examples.demo.loopback import Asked, Reply
from otel_residency import ResidencyViolationError
from otel_residency.calls.state import runtime
from otel_residency.settings.projects import ProjectSettings, ProjectsFile
from tests.calls import stateful
from tests.calls.kinds import Kind, Sync
from tests.calls.resources import METHODS
from tests.internet import EU, GATEWAY, GLOBAL, US, Internet
from tests.recorded import Instrument, Recorded
from tests.vendor import SNAPSHOT, answer, event, events, ordinary, response_events, response_object

pytestmark = pytest.mark.skipif(
    "responses.create" not in METHODS, reason=f"openai {openai.VERSION} has no responses"
)
FILE = ("hello.txt", b"Hello")
TUNED = "ft:gpt-4.1-2025-04-14:example::1"
MISMATCH, UNSEEN = "state.region_mismatch", "state.unseen"
Use = Callable[[Any], Any]


def base(host: str) -> str:
    """The base URL of a host."""
    return f"https://{host}/v1"


def response(client: Any, **more: Any) -> Any:
    """Create a response."""
    return client.responses.create(**{"model": SNAPSHOT, "input": "Hello", **more})


def with_tool(tool: dict[str, Any]) -> Use:
    """Create a response with a tool."""
    return lambda client: response(client, tools=[tool])


USES: dict[str, tuple[str, Use, Use]] = {
    "response": (
        "responses.create",
        response,
        lambda client: response(client, previous_response_id="resp_1"),
    ),
    "response by path": (
        "responses.retrieve",
        response,
        lambda client: client.responses.retrieve("resp_1"),
    ),
    "item": (
        "responses.create",
        response,
        lambda client: response(client, input=[{"type": "item_reference", "id": "msg_1"}]),
    ),
    "conversation": (
        "conversations.create",
        lambda client: client.conversations.create(),
        lambda client: response(client, conversation="id_1"),
    ),
    "vector store": (
        "vector_stores.create",
        lambda client: client.vector_stores.create(),
        with_tool({"type": "file_search", "vector_store_ids": ["id_1"]}),
    ),
    "container": (
        "containers.create",
        lambda client: client.containers.create(name="one"),
        with_tool({"type": "code_interpreter", "container": "id_1"}),
    ),
    "file for training": (
        "files.create",
        lambda client: client.files.create(file=FILE, purpose="fine-tune"),
        lambda client: client.fine_tuning.jobs.create(model="gpt-4.1-2025-04-14", training_file="id_1"),
    ),
    "file in a vector store": (
        "vector_stores.create",
        lambda client: client.files.create(file=FILE, purpose="assistants"),
        lambda client: client.vector_stores.create(file_ids=["id_1"]),
    ),
    "upload": (
        "uploads.create",
        lambda client: client.uploads.create(bytes=1, filename="a", mime_type="a/b", purpose="batch"),
        lambda client: client.uploads.cancel("id_1"),
    ),
    "batch": (
        "batches.create",
        lambda client: client.batches.create(
            completion_window="24h", endpoint="/v1/chat/completions", input_file_id="file-1"
        ),
        lambda client: client.batches.retrieve("id_1"),
    ),
    "stored completion": (
        "chat.completions.retrieve",
        lambda client: client.chat.completions.create(model=SNAPSHOT, messages=[], store=True),
        lambda client: client.chat.completions.retrieve("id_1"),
    ),
}


@pytest.fixture(params=USES.values(), ids=USES.keys())
def thing(request: pytest.FixtureRequest) -> tuple[Use, Use]:
    """How a thing of each kind is created, and used."""
    needed, create, use = request.param
    if needed not in METHODS:
        pytest.skip(f"openai {openai.VERSION} has no {needed}")
    return create, use


def made(kind: Kind, residency: Recorded, call: Use, host: str = EU) -> tuple[str, ...]:
    """Make a call: the reasons of its verdict."""
    residency.clear()
    kind.run(call(kind.open(base_url=base(host))))
    reasons: tuple[str, ...] = residency.span["residency.reasons"]
    return reasons


def test_used_where_it_was_created(kind: Kind, residency: Recorded, thing: tuple[Use, Use]) -> None:
    """A thing that was created in the region is used there without a word about it."""
    create, use = thing
    made(kind, residency, create)
    assert {MISMATCH, UNSEEN}.isdisjoint(made(kind, residency, use))


@pytest.mark.parametrize("elsewhere", [US, GLOBAL])
def test_used_elsewhere_than_it_was_created(
    kind: Kind, residency: Recorded, thing: tuple[Use, Use], *, elsewhere: str
) -> None:
    """A thing that was created out of the region, and is used in it, makes the call ineligible."""
    create, use = thing
    made(kind, residency, create, elsewhere)
    assert MISMATCH in made(kind, residency, use)
    assert residency.span["residency.verdict"] in ("ineligible", "not_applicable")


def test_the_id_is_never_recorded(kind: Kind, residency: Recorded, thing: tuple[Use, Use]) -> None:
    """Neither a span nor an event nor a metric names what was used."""
    create, use = thing
    kind.run(create(kind.open(base_url=base(US))))
    kind.run(use(kind.open()))
    assert "id_1" not in residency.everything
    assert "resp_1" not in residency.everything


@pytest.mark.parametrize(
    "more",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"conversation": {"id": "conv_1"}},
        {"prompt": {"id": "pmpt_1"}},
        {"extra_body": {"previous_response_id": "resp_1"}},
    ],
    ids=["response", "conversation", "conversation object", "prompt", "extra body"],
)
def test_what_was_not_recorded_is_unknown(kind: Kind, residency: Recorded, *, more: dict[str, Any]) -> None:
    """A request that brings along what was stored somewhere is indeterminate, and no violation."""
    extra = {"extra_body": more} if "extra_body" not in more else more
    kind.run(response(kind.open(), **extra))
    assert residency.span["residency.reasons"] == (UNSEEN,)
    assert residency.span["residency.verdict"] == "indeterminate"
    assert residency.violations == []


def test_a_doubt_is_refused_where_it_must_be(kind: Kind, instrument: Instrument, internet: Internet) -> None:
    """In strict block mode nothing is sent that brings unknown content along."""
    instrument(on_call="block", strict=True)
    with pytest.raises(ResidencyViolationError, match=UNSEEN):
        kind.run(response(kind.open(), previous_response_id="resp_1"))
    assert internet.requests == []


def test_what_is_elsewhere_is_refused(kind: Kind, instrument: Instrument, internet: Internet) -> None:
    """In block mode nothing is sent that uses what was created elsewhere."""
    instrument(on_call="block")
    assert runtime.state is not None
    runtime.state.created_objects.remember("resp_1", "us")
    with pytest.raises(ResidencyViolationError, match="the response was created in us and is used in eu"):
        kind.run(response(kind.open(), previous_response_id="resp_1"))
    assert internet.requests == []


@pytest.mark.parametrize("where", ["first", "all"])
def test_streams_report_what_they_create(kind: Kind, residency: Recorded, *, where: str) -> None:
    """The response of a stream may be used as soon as its first event is there, and its items at the end."""
    client = kind.open(base_url=base(US))
    stream = kind.run(response(client, stream=True))
    if where == "first":
        kind.next(stream)
        used: dict[str, Any] = {"previous_response_id": "resp_1"}
    else:
        kind.items(stream)
        used = {"input": [{"type": "item_reference", "id": "msg_1"}]}
    residency.clear()
    kind.run(response(kind.open(), **used))
    assert residency.span["residency.reasons"] == (MISMATCH,)
    kind.run(stream.close())


@pytest.mark.parametrize("variant", ["with_raw_response", "with_streaming_response"])
def test_raw_responses_report_what_they_create(kind: Kind, residency: Recorded, *, variant: str) -> None:
    """It does not matter who parses the answer."""
    create = getattr(kind.open(base_url=base(US)).responses, variant).create
    answered = create(model=SNAPSHOT, input="Hello")
    if variant == "with_streaming_response":
        inside = kind.enter(answered)
        kind.run(inside.read())
        kind.exit(answered)
    else:
        kind.run(kind.run(answered).parse())
    assert MISMATCH in made(kind, residency, lambda client: response(client, previous_response_id="resp_1"))


def test_what_is_not_stored_is_not_remembered(kind: Kind, residency: Recorded) -> None:
    """A response that the vendor does not store is not remembered."""
    made(kind, residency, lambda client: response(client, store=False))
    assert made(kind, residency, lambda client: response(client, previous_response_id="resp_1")) == (UNSEEN,)


def test_a_completion_is_not_stored_unless_requested(kind: Kind, residency: Recorded) -> None:
    """The ordinary chat completion leaves nothing in the memory."""
    made(kind, residency, lambda client: client.chat.completions.create(model=SNAPSHOT, messages=[]), US)
    assert runtime.state is not None
    assert runtime.state.created_objects.region_of("id_1") is None


def test_a_failure_creates_nothing(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """An id in an error does not show where an object is."""
    internet.respond = lambda _: answer(response_object(SNAPSHOT), 500)
    with pytest.raises(openai.InternalServerError):
        kind.run(response(kind.open()))
    internet.respond = ordinary
    assert made(kind, residency, lambda client: response(client, previous_response_id="resp_1")) == (UNSEEN,)


def test_a_gateway_s_region_is_that_of_the_policy(kind: Kind, instrument: Instrument) -> None:
    """An object created through a gateway is in the region that the policy names for the gateway."""
    residency = instrument(hosts={GATEWAY: {"region": "us"}})
    made(kind, residency, response, GATEWAY)
    assert MISMATCH in made(kind, residency, lambda client: response(client, previous_response_id="resp_1"))


def test_a_gateway_that_went_elsewhere_gives_no_region(
    kind: Kind, instrument: Instrument, internet: Internet
) -> None:
    """Where a gateway reports another upstream, the region of the object is unknown."""
    residency = instrument(hosts={GATEWAY: {"region": "eu"}})
    upstream = {"x_litellm_model_api_base": base(US)}
    internet.respond = lambda _: answer(response_object(SNAPSHOT), **upstream)
    made(kind, residency, response, GATEWAY)
    internet.respond = ordinary
    assert UNSEEN in made(kind, residency, lambda client: response(client, previous_response_id="resp_1"))


def test_a_gateway_that_is_sent_elsewhere_gives_no_region(kind: Kind, instrument: Instrument) -> None:
    """Where the request routes a gateway elsewhere, the region of the object is unknown."""
    residency = instrument(hosts={GATEWAY: {"region": "eu"}})
    order = {"x-portkey-custom-host": base(US)}
    made(kind, residency, lambda client: response(client, extra_headers=order), GATEWAY)
    assert UNSEEN in made(
        kind, residency, lambda client: response(client, previous_response_id="resp_1"), GATEWAY
    )


def test_a_project_of_another_region_gives_no_region(
    kind: Kind, instrument: Instrument, internet: Internet, tmp_path: Path
) -> None:
    """Where the project that answers has another geography, the region of the object is unknown."""
    us = {"proj_us": ProjectSettings("US_STORAGE_PROCESSING")}
    (tmp_path / "projects.json").write_text(ProjectsFile(datetime.now(UTC).date(), "here", "", us).as_json())
    residency = instrument(projects={"file": str(tmp_path / "projects.json")})
    internet.respond = lambda _: answer(response_object(SNAPSHOT), openai_project="proj_us")
    made(kind, residency, response)
    internet.respond = ordinary
    assert UNSEEN in made(kind, residency, lambda client: response(client, previous_response_id="resp_1"))


def test_a_private_link_gives_no_region(kind: Kind, residency: Recorded) -> None:
    """The region of a private link is not that of the project behind it."""
    made(kind, residency, response, "spaincentral.privatelink.api.openai.com")
    assert UNSEEN in made(kind, residency, lambda client: response(client, previous_response_id="resp_1"))


def test_a_redirect_creates_where_it_led(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """The region is that of the host that answered."""
    internet.respond = lambda request: (
        ordinary(request) if request.host == US else Reply(307, {"location": base(US) + "/responses"})
    )
    made(kind, residency, response)
    internet.respond = ordinary
    assert MISMATCH in made(kind, residency, lambda client: response(client, previous_response_id="resp_1"))


def job(request: Asked) -> Reply:
    """A fine-tuning job that is done, or an ordinary answer."""
    if "fine_tuning" not in request.path:
        return ordinary(request)
    tuned = TUNED if request.method == "GET" else None
    return answer({"id": "ftjob-1", "object": "fine_tuning.job", "fine_tuned_model": tuned})


@pytest.mark.parametrize(("place", "found"), [(EU, False), (US, True)])
def test_a_model_is_where_its_job_was_created(
    kind: Kind, residency: Recorded, internet: Internet, *, place: str, found: bool
) -> None:
    """The model of a finished job is in the region of the job, at whichever host the job is read."""
    internet.respond = job
    create = {"model": "gpt-4.1-2025-04-14", "training_file": "file-1"}
    made(kind, residency, lambda client: client.fine_tuning.jobs.create(**create), place)
    made(kind, residency, lambda client: client.fine_tuning.jobs.retrieve("ftjob-1"))
    chat = made(kind, residency, lambda client: client.chat.completions.create(model=TUNED, messages=[]))
    assert (MISMATCH in chat) is found


def test_a_model_of_an_unknown_job_has_no_region(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """The host at which a job is read does not show where it was created."""
    internet.respond = job
    made(kind, residency, lambda client: client.fine_tuning.jobs.retrieve("ftjob-1"))
    assert runtime.state is not None
    assert runtime.state.created_objects.region_of(TUNED) is None


def test_a_file_of_a_finished_upload_is_where_the_upload_is(
    kind: Kind, residency: Recorded, internet: Internet
) -> None:
    """An upload in parts ends with a file, which is where it began."""
    internet.respond = lambda _: answer({"id": "upload_1", "file": {"id": "file-1"}, "status": "completed"})
    create = {"bytes": 1, "filename": "a", "mime_type": "a/b", "purpose": "fine-tune"}
    made(kind, residency, lambda client: client.uploads.create(**create), US)
    made(kind, residency, lambda client: client.uploads.complete("upload_1", part_ids=[]), US)
    use = {"model": "gpt-4.1-2025-04-14", "training_file": "file-1"}
    assert MISMATCH in made(kind, residency, lambda client: client.fine_tuning.jobs.create(**use))


def test_calls_past_the_client_use_stored_things_too(sync: Sync, residency: Recorded) -> None:
    """A request that is made with httpx alone is read in the same way."""
    from tests.calls.http_library import http

    made(sync, residency, response, US)
    residency.clear()
    with http.Client() as client:
        body = {"model": SNAPSHOT, "input": "Hello", "previous_response_id": "resp_1"}
        client.post(base(EU) + "/responses", json=body)
    assert MISMATCH in residency.span["residency.reasons"]


def test_a_stream_by_hand_without_a_first_id(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """A stream whose first event gives no id is waited for to its end."""

    def late() -> Any:
        yield event({"type": "response.queued"}, "response.queued")
        yield from response_events(SNAPSHOT)

    internet.respond = lambda _: events(late())
    kind.items(kind.run(response(kind.open(base_url=base(US)), stream=True)))
    internet.respond = ordinary
    assert MISMATCH in made(kind, residency, lambda client: response(client, previous_response_id="resp_1"))


# A file that outlives the process.


def test_a_restart_does_not_forget(internet: Internet, tmp_path: Path) -> None:
    """What one process created elsewhere, the next one may not use: it is refused before a byte is sent."""
    file = tmp_path / "state.sqlite"
    assert stateful.run(file, "flag", "create-us") == [["made", "host.region_mismatch"]]
    internet.reset()
    assert stateful.run(file, "block", "use-eu") == [["refused", MISMATCH]]
    assert internet.requests == []
    assert b"resp_1" not in file.read_bytes()


def test_a_restart_does_not_forget_what_is_fine(internet: Internet, tmp_path: Path) -> None:
    """What one process created in the region, the next one may use."""
    file = tmp_path / "state.sqlite"
    stateful.run(file, "block", "create-eu")
    assert stateful.run(file, "block", "use-eu") == [["made"]]
    assert internet.hosts == [EU, EU]


def test_a_fork_remembers_and_is_remembered(tmp_path: Path) -> None:
    """A child reads what its parent created, and the parent reads what the child creates."""
    file = tmp_path / "state.sqlite"
    outcome = stateful.run(file, "flag", "create-us", "fork", "use-eu", "create-eu")
    assert outcome == [["made", "host.region_mismatch"], ["made", MISMATCH], ["made"]]
    assert stateful.run(file, "flag", "use-eu") == [["made", UNSEEN]]  # by now there are two of that id


def test_without_a_file_a_restart_forgets(tmp_path: Path) -> None:
    """A file that can't be had counts as none: what was created before is unseen."""
    file = tmp_path / "nowhere" / "state.sqlite"
    stateful.run(file, "flag", "create-us")
    assert stateful.run(file, "block", "use-eu") == [["made", UNSEEN]]
