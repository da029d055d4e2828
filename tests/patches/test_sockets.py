"""WebSocket sessions of the real client with real servers: judged, refused before the handshake, ended."""

import asyncio
import gc
import json
import pkgutil
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple
from warnings import catch_warnings, simplefilter

import openai
import pytest
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import WebSocketException
from websockets.http11 import Response
from websockets.sync.client import connect
from websockets.sync.server import Server, ServerConnection, serve

from otel_residency import ResidencyInstrumentor, ResidencyViolationError, require
from otel_residency.patches import websocket_sessions
from otel_residency.patches.openai_sessions import MODULES
from otel_residency.telemetry import names
from tests.audit.lines import read_record
from tests.recorded import Instrument, Recorded, settle

try:
    from openai.resources.responses import Responses
except ImportError:  # 1.99.0 can't import a part of its own
    Responses = None  # type: ignore[assignment,misc]

# openai opens sessions in the way that websockets 17.1 deprecates.
pytestmark = pytest.mark.filterwarnings(r"ignore:connect\(\) must be used:DeprecationWarning")

MODEL = "gpt-realtime-2.1"
OTHER = "gpt-realtime-of-nobody"


class Far(NamedTuple):
    """A server, what reached it, and what it answers a handshake with, if not as usual.

    Attributes:
        paths: of handshakes.
        headers: `Host` headers of each.
    """

    port: int
    paths: list[str]
    headers: list[list[str]]
    messages: list[dict[str, Any]]
    answers: list[tuple[int, dict[str, str]]]

    @property
    def place(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def sockets(self) -> str:
        """Base URL of its sockets."""
        return f"ws://127.0.0.1:{self.port}/v1"

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of a client; releases before 2.x would make a `wss` URL of its base URL."""
        return {
            "base_url": f"http://127.0.0.1:{self.port}/v1",
            "api_key": "k",
            "websocket_base_url": self.sockets,
        }


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Far, Far]]:
    """Two servers; in the policy one is in the EU and the other in the US."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    servers: list[Server] = []

    def start() -> Far:
        paths: list[str] = []
        headers: list[list[str]] = []
        messages: list[dict[str, Any]] = []
        answers: list[tuple[int, dict[str, str]]] = []

        def process_request(connection: ServerConnection, request: Any) -> Response | None:
            paths.append(request.path)
            headers.append(request.headers.get_all("Host"))
            if not answers:
                return None
            status, more = answers.pop()
            answer = connection.respond(status, "")
            answer.headers.update(more)
            return answer

        def process_response(_connection: ServerConnection, _request: Any, answer: Response) -> None:
            answer.headers["x-request-id"] = "req_test"

        def talk(connection: ServerConnection) -> None:
            for message in connection:
                messages.append(json.loads(message))
                if messages[-1]["type"] == "bye":
                    return
                connection.send(json.dumps({"type": "session.updated", "event_id": "e", "session": {}}))

        server = serve(
            talk, "127.0.0.1", 0, process_request=process_request, process_response=process_response
        )
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        return Far(server.socket.getsockname()[1], paths, headers, messages, answers)

    made = start(), start()
    yield made
    for server in servers:
        server.shutdown()


def placed(instrument: Instrument, far: tuple[Far, Far], **arguments: Any) -> Recorded:
    """The package, with a policy that has the regions of both servers."""
    hosts = {server.place: {"region": region} for server, region in zip(far, ("eu", "us"), strict=True)}
    return instrument(hosts=hosts, **arguments)


def update(model: str = MODEL, **more: Any) -> dict[str, Any]:
    """An event that sets up a session."""
    return {"type": "session.update", "session": {"type": "realtime", "model": model, **more}}


def realtime(client: Any) -> Any:
    """The sessions of a client; releases before 1.108 had them among what is not final."""
    return getattr(client, "realtime", None) or client.beta.realtime


def talk(far: Far, *events: Any, of: Any = realtime, **arguments: Any) -> None:
    """A session of the synchronous client, that sends some events and waits for an answer to each."""
    client = openai.OpenAI(**{**far.arguments, **arguments})
    with client, opened(client, of) as connection:
        for event in events:
            connection.send(event)
            connection.recv()


def talk_async(far: Far, *events: Any, of: Any = realtime, **arguments: Any) -> None:
    """A session of the asynchronous client."""

    async def run() -> None:
        async with (
            openai.AsyncOpenAI(**{**far.arguments, **arguments}) as client,
            opened(client, of) as connection,
        ):
            for event in events:
                await connection.send(event)
                await connection.recv()

    asyncio.run(run())


SESSION: dict[Any, dict[str, Any]] = {realtime: {"model": MODEL}}


def opened(client: Any, of: Any) -> Any:
    """A session of one kind."""
    return of(client).connect(**SESSION.get(of, {}))


@pytest.fixture(params=[talk, talk_async], ids=["sync", "async"])
def session(request: pytest.FixtureRequest) -> Any:
    """Either kind of session."""
    return request.param


def test_a_session_is_recorded(
    session: Any, instrument: Instrument, far: tuple[Far, Far], tmp_path: Path
) -> None:
    """The ledger has one record of it, with what the span has."""
    path = tmp_path / "ledger.jsonl"
    recorded = placed(instrument, far, ledger=path)
    session(far[0], update(instructions="my claim is number 4711"))
    settle()
    ResidencyInstrumentor().uninstrument()
    _, record, *_ = map(read_record, path.read_bytes().splitlines())
    (span,) = recorded.spans
    attributes = json.loads(json.dumps(dict(span.attributes or {})))
    assert {key: record.attributes.get(key) for key in attributes} == attributes
    assert b"my claim" not in path.read_bytes()


def test_a_session_is_a_call(session: Any, instrument: Instrument, far: tuple[Far, Far]) -> None:
    """It has one span with all attributes of the contract and without content, and counts once."""
    recorded = placed(instrument, far)
    session(far[0], update(instructions="my claim is number 4711"))
    settle()
    (span,) = recorded.spans
    assert span.name == "residency GET /v1/realtime"
    attributes = dict(span.attributes or {})
    assert len(str(attributes.pop(names.POLICY))) >= 8
    assert str(attributes.pop(names.CATALOGUE)).startswith("openai-")
    assert attributes.pop(names.REASONS) is not None
    assert attributes == {
        names.VERDICT: "eligible",
        names.VIOLATION: False,
        names.REGION: "eu",
        names.REQUIRED: ("eu",),
        names.BASE_URL: far[0].sockets,
        names.ENDPOINT: "/v1/realtime",
        names.MODEL_REQUESTED: MODEL,
        names.MODEL_SNAPSHOT: MODEL,
        names.HOP_HOSTS: ("127.0.0.1",),
        names.HOP_REGIONS: ("eu",),
        names.SERVER_ADDRESS: "127.0.0.1",
        names.SERVER_PORT: far[0].port,
        names.HTTP_METHOD: "GET",
        names.HTTP_STATUS: 101,
        names.EVIDENCE["request_id"]: "req_test",
    }
    assert recorded.counted == 1
    assert len(far[0].messages) == 1
    assert "my claim" not in recorded.everything


def test_the_span_ends_with_the_session(instrument: Instrument, far: tuple[Far, Far]) -> None:
    """It is open for as long as the session is, and over when that is closed."""
    recorded = placed(instrument, far)
    client = openai.OpenAI(**far[0].arguments)
    with client, opened(client, realtime) as connection:
        connection.send(update())
        connection.recv()
        assert recorded.spans == []
    settle()
    (span,) = recorded.spans
    assert span.end_time is not None


def test_the_span_of_an_async_session_ends_with_it(instrument: Instrument, far: tuple[Far, Far]) -> None:
    """The same of the asynchronous client."""
    recorded = placed(instrument, far)

    async def run() -> None:
        client = openai.AsyncOpenAI(**far[0].arguments)
        async with client, opened(client, realtime) as connection:
            await connection.send(update())
            await connection.recv()
            assert recorded.spans == []
        assert len(recorded.spans) == 1

    asyncio.run(run())


def test_the_span_ends_when_the_other_end_closes(instrument: Instrument, far: tuple[Far, Far]) -> None:
    """A session that the vendor closes ends its span, though the application does not close it."""
    recorded = placed(instrument, far)
    client = openai.OpenAI(**far[0].arguments)
    with client, opened(client, realtime) as connection:
        connection.send({"type": "bye"})
        with suppress(Exception):
            connection.recv()
        connection._connection.recv_events_thread.join()
        assert len(recorded.spans) == 1


def test_a_handshake_that_is_declined_is_reported(
    session: Any, instrument: Instrument, far: tuple[Far, Far]
) -> None:
    """Its status is that of the span, and what went wrong."""
    recorded = placed(instrument, far)
    far[0].answers.append((403, {}))
    with pytest.raises(WebSocketException):
        session(far[0])
    settle()
    assert recorded.values(names.HTTP_STATUS) == [403]
    assert recorded.values(names.ERROR_TYPE) == ["403"]


def test_a_session_that_can_not_be_dialled_is_reported(
    session: Any, instrument: Instrument, far: tuple[Far, Far]
) -> None:
    """It has a span, with the error."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        nobody = far[0]._replace(port=server.getsockname()[1])
    recorded = placed(instrument, (nobody, far[1]))
    with pytest.raises(ConnectionRefusedError):
        session(nobody)
    assert recorded.values(names.ERROR_TYPE) == ["ConnectionRefusedError"]
    assert recorded.counted == 1


def test_a_session_that_is_hung_up_on_is_reported(
    session: Any, instrument: Instrument, far: tuple[Far, Far]
) -> None:
    """So has one whose handshake is not answered."""

    def hang_up() -> None:
        taken, _ = server.accept()
        taken.close()

    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        mute = far[0]._replace(port=server.getsockname()[1])
        recorded = placed(instrument, (mute, far[1]))
        thread = Thread(target=hang_up)
        thread.start()
        with pytest.raises((WebSocketException, OSError, EOFError)):
            session(mute)
        thread.join()
    settle()
    (kind,) = recorded.values(names.ERROR_TYPE)
    assert kind is not None


def test_block_refuses_before_the_handshake(
    session: Any, instrument: Instrument, far: tuple[Far, Far]
) -> None:
    """A session in another region is refused, with an error of ours that is one of the library's too."""
    recorded = placed(instrument, far, on_call="block")
    with pytest.raises(ResidencyViolationError, match=r"host\.region_mismatch") as raised:
        session(far[1], update())
    assert isinstance(raised.value, WebSocketException)
    assert far[1].paths == []
    assert recorded.values(names.ACTION) == ["blocked"]
    assert recorded.counted == len(recorded.violations) == 1


def test_block_refuses_what_the_customer_may_not(
    session: Any, instrument: Instrument, far: tuple[Far, Far]
) -> None:
    """A session that the policy allows is refused where it is for a customer of another region."""
    recorded = placed(instrument, far, require=["eu", "us"], on_call="block")
    with require("eu"):
        session(far[0], update())
        with pytest.raises(ResidencyViolationError, match="eu is required"):
            session(far[1], update())
    settle()
    assert far[1].paths == []
    assert recorded.values(names.REQUIRED) == [("eu",), ("eu",)]


def test_a_message_for_another_customer_is_refused(instrument: Instrument, far: tuple[Far, Far]) -> None:
    """An open session sends no message for a customer of another region."""
    placed(instrument, far, require=["eu", "us"], on_call="block")
    content = {"type": "input_text", "text": "Hello"}
    with openai.OpenAI(**far[1].arguments) as client, opened(client, realtime) as connection:
        connection.send(content)
        with require("us"):
            connection.send(content)
        with (
            require("eu"),
            pytest.raises(ResidencyViolationError, match=r"requirement\.conflict|host\.region_mismatch"),
        ):
            connection.send(content)
        connection.recv()
    assert far[1].messages in ([content], [content, content])  # the other one may be on its way


def test_flag_lets_it_go_and_reports(session: Any, instrument: Instrument, far: tuple[Far, Far]) -> None:
    """A session in another region is flagged, and everything arrives."""
    recorded = placed(instrument, far)
    session(far[1], update())
    settle()
    assert len(far[1].messages) == 1
    assert recorded.values(names.ACTION) == ["flagged"]
    assert recorded.counted == len(recorded.violations) == 1


def test_the_websocket_base_url_counts(session: Any, instrument: Instrument, far: tuple[Far, Far]) -> None:
    """The address of sockets may lead elsewhere than that of requests: it is the one that is judged."""
    placed(instrument, far, on_call="block")
    with pytest.raises(ResidencyViolationError):
        session(far[0], update(), websocket_base_url=far[1].sockets)
    assert far[1].paths == []


def test_the_base_url_of_a_gateway_counts(session: Any, instrument: Instrument, far: tuple[Far, Far]) -> None:
    """Below the base path that the client has for sockets, endpoints are those of the vendor."""
    recorded = placed(instrument, far, on_call="block")
    base = f"ws://{far[0].place}/vendor/v1"
    session(far[0], update(), websocket_base_url=base)
    settle()
    assert recorded.values(names.ENDPOINT) == ["/v1/realtime"]
    assert recorded.values(names.BASE_URL) == [base]
    assert recorded.values(names.VERDICT) == ["eligible"]
    with pytest.raises(ResidencyViolationError):
        session(far[1], websocket_base_url=f"ws://{far[1].place}/vendor/v1")
    assert far[1].paths == []


def test_a_host_that_nobody_described_is_in_doubt(
    session: Any, instrument: Instrument, far: tuple[Far, Far]
) -> None:
    """A session of the client is judged at any host, as any call of the client is."""
    recorded = instrument()
    session(far[0], update())
    settle()
    assert recorded.values(names.REGION) == ["unknown"]
    assert recorded.values(names.VERDICT) == ["indeterminate"]


EVENTS = [
    pytest.param(update(OTHER), "model.not_listed", id="model"),
    pytest.param(update(tracing="auto"), "feature.tracing", id="tracing"),
    pytest.param(update(tracing={"workflow_name": "w"}), "feature.tracing", id="tracing, in detail"),
]


@pytest.mark.parametrize(("event", "reason"), EVENTS)
def test_what_a_session_is_set_up_with_counts(
    session: Any, instrument: Instrument, far: tuple[Far, Far], event: dict[str, Any], reason: str
) -> None:
    """Another model, or tracing in the EU, is a finding."""
    recorded = placed(instrument, far)
    session(far[0], event)
    settle()
    assert len(far[0].messages) == 1
    assert recorded.values(names.MODEL_REQUESTED) == [event["session"]["model"]]
    assert recorded.values(names.VERDICT) == ["ineligible"]
    (reasons,) = recorded.values(names.REASONS)
    assert reason in reasons


@pytest.mark.parametrize(("event", "reason"), EVENTS)
def test_block_does_not_send_such_an_event(
    session: Any, instrument: Instrument, far: tuple[Far, Far], event: dict[str, Any], reason: str
) -> None:
    """In block mode the event is refused and does not arrive; the session goes on until it is closed."""
    recorded = placed(instrument, far, on_call="block")
    with pytest.raises(ResidencyViolationError, match=reason):
        session(far[0], event)
    settle()
    assert far[0].messages == []
    assert recorded.values(names.ACTION) == ["blocked"]


def responses(client: Any) -> Any:
    """Responses over a socket."""
    return client.responses


@pytest.mark.skipif(not hasattr(Responses, "connect"), reason="this release has no such sessions")
@pytest.mark.parametrize(
    ("model", "verdict"), [("gpt-5.2-2025-12-11", "eligible"), ("gpt-of-nobody", "ineligible")]
)
def test_responses_over_a_socket(
    session: Any, instrument: Instrument, far: tuple[Far, Far], model: str, verdict: str
) -> None:
    """The model is in the event that requests a response."""
    recorded = placed(instrument, far)
    session(far[0], {"type": "response.create", "model": model, "input": "?"}, of=responses)
    settle()
    (span,) = recorded.spans
    assert span.name == "residency GET /v1/responses"
    assert (span.attributes or {})[names.VERDICT] == verdict


def live(client: Any) -> Any:
    """Live sessions."""
    return client.live


@pytest.mark.skipif(not hasattr(openai.OpenAI, "live"), reason="this release has no such sessions")
def test_the_model_of_a_live_session_counts(
    session: Any, instrument: Instrument, far: tuple[Far, Far]
) -> None:
    """The event that starts it names the model."""
    recorded = placed(instrument, far)
    session(far[0], {"type": "session.start", "session": {"model": "gpt-of-nobody"}}, of=live)
    settle()
    assert recorded.values(names.MODEL_REQUESTED) == ["gpt-of-nobody"]
    assert recorded.values(names.VERDICT) == ["ineligible"]


KINDS: dict[str, tuple[Callable[[Any], Any], dict[str, str]]] = {
    "realtime": (realtime, {"model": MODEL}),
    "beta realtime": (lambda client: client.beta.realtime, {"model": MODEL}),
    "translations": (lambda client: client.realtime.translations, {"model": MODEL}),
    "responses": (responses, {}),
    "beta responses": (lambda client: client.beta.responses, {}),
    "live": (live, {}),
    "fork": (lambda client: client.live.forks, {"session_id": "s"}),
    "sideband": (lambda client: client.live.sideband, {"session_id": "s"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_block_refuses_every_kind_of_session(
    session: Any, instrument: Instrument, far: tuple[Far, Far], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind of session outside the region is refused with an error of the client."""
    of, arguments = KINDS[kind]
    try:
        assert of(openai.OpenAI(**far[1].arguments)).connect
    except (AttributeError, ImportError):
        pytest.skip("this release has no such sessions")
    monkeypatch.setitem(SESSION, of, arguments)
    recorded = placed(instrument, far, on_call="block")
    with pytest.raises(ResidencyViolationError):
        session(far[1], of=of)
    assert far[1].paths == []
    assert recorded.values(names.BASE_URL) == [far[1].sockets]


def test_every_manager_of_sessions_is_patched() -> None:
    """The installed client opens sessions nowhere but in the modules that are patched."""
    from openai import resources

    found = set()
    for module in pkgutil.walk_packages(resources.__path__, "openai.resources."):
        with suppress(ImportError):  # 1.99.0 can't import a part of its own
            members = vars(import_module(module.name)).items()
            if any(
                name.endswith("ConnectionManager") and each.__module__ == module.name
                for name, each in members
            ):
                found.add(module.name.removeprefix("openai.resources."))
    assert found
    assert found <= set(MODULES)


def test_an_event_that_hides_its_type_is_read(instrument: Instrument, far: tuple[Far, Far]) -> None:
    """Escapes in the JSON of an event make it no other event."""
    placed(instrument, far, on_call="block")
    hidden = json.dumps(update(OTHER)).replace("session.update", r"session\u002eupdate")
    client = openai.OpenAI(**far[0].arguments)
    with client, realtime(client).connect(model=MODEL) as connection:
        with pytest.raises(ResidencyViolationError):
            connection._connection.send(hidden)
    assert far[0].messages == []


# The library by itself.


def raw(uri: str, event: Any = None, **arguments: Any) -> None:
    """A session of the synchronous client of the library."""
    with connect(uri, **arguments) as connection:
        connection.send(json.dumps(event or update()))
        connection.recv()


def raw_async(uri: str, event: Any = None, **arguments: Any) -> None:
    """A session of its asynchronous client."""

    async def run() -> None:
        async with connect_async(uri, **arguments) as connection:
            await connection.send(json.dumps(event or update()))
            await connection.recv()

    asyncio.run(run())


@cache
def legacy_client() -> Any:
    """The legacy client of the library."""
    with catch_warnings():
        simplefilter("ignore", DeprecationWarning)
        from websockets.legacy.client import connect

        return connect


def raw_legacy(uri: str, event: Any = None, **arguments: Any) -> None:
    """A session of its legacy client."""

    async def run() -> None:
        if headers := arguments.pop("additional_headers", None):
            arguments["extra_headers"] = headers
        async with legacy_client()(uri, **arguments) as connection:
            await connection.send(json.dumps(event or update()))
            await connection.recv()

    asyncio.run(run())


def raw_reconnecting(uri: str, event: Any = None, **arguments: Any) -> None:
    """A session of the synchronous client that dials again, which came with websockets 17.1."""
    for connection in import_module("websockets.sync.client").reconnect(uri, **arguments):
        connection.send(json.dumps(event or update()))
        connection.recv()
        return


def raw_trio(uri: str, event: Any = None, **arguments: Any) -> None:
    """A session of its trio client, which came with websockets 17."""

    async def run() -> None:
        async with import_module("websockets.trio.client").connect(uri, **arguments) as connection:
            await connection.send(json.dumps(event or update()))
            await connection.recv()

    import_module("trio").run(run)


RELEASE = tuple(map(int, version("websockets").split(".")[:2]))
RAW: dict[str, Callable[..., None]] = {"sync": raw, "async": raw_async, "legacy": raw_legacy}
ELSEWHERE = {"async": raw_async, "legacy": raw_legacy}
"""Those that may be given another host and port, as two arguments."""
if RELEASE >= (17, 0):
    RAW["trio"] = ELSEWHERE["trio"] = raw_trio
if RELEASE >= (17, 1):
    RAW["reconnecting"] = raw_reconnecting
REDIRECTED = {name: each for name, each in RAW.items() if name != "sync" or RELEASE >= (17, 1)}
"""Those that follow a redirect."""


@pytest.fixture(params=RAW.values(), ids=RAW)
def library(request: pytest.FixtureRequest) -> Any:
    """Each client of the library."""
    return request.param


def uri(far: Far) -> str:
    """That of a realtime session."""
    return f"{far.sockets}/realtime?model={MODEL}"


def test_a_session_of_the_library_is_a_call(
    library: Any, instrument: Instrument, far: tuple[Far, Far]
) -> None:
    """A session with a vendor that the library opens without the client has a span, which ends with it."""
    recorded = placed(instrument, far)
    library(uri(far[0]))
    settle()
    assert recorded.values(names.VERDICT) == ["eligible"]
    assert recorded.values(names.HTTP_STATUS) == [101]
    assert recorded.values(names.MODEL_REQUESTED) == [MODEL]
    assert recorded.counted == 1


def test_block_lets_an_eligible_session_of_the_library_go(
    library: Any, instrument: Instrument, far: tuple[Far, Far]
) -> None:
    """An eligible session is opened, and its messages arrive."""
    placed(instrument, far, on_call="block")
    library(uri(far[0]))
    assert far[0].messages == [update()]


def test_the_library_does_not_send_a_refused_event(
    library: Any, instrument: Instrument, far: tuple[Far, Far]
) -> None:
    """An event that violates the policy is not sent, with each client."""
    placed(instrument, far, on_call="block")
    with pytest.raises(ResidencyViolationError, match=r"model\.not_listed"):
        library(uri(far[0]), event=update(OTHER))
    assert far[0].messages == []


@pytest.mark.parametrize("library", ELSEWHERE.values(), ids=ELSEWHERE)
@pytest.mark.parametrize("mode", ["flag", "block"])
def test_where_a_session_is_dialled_counts(
    library: Any, instrument: Instrument, far: tuple[Far, Far], mode: str
) -> None:
    """A host and port in the arguments count, and not those of the URI."""
    recorded = placed(instrument, far, on_call=mode)
    given = {"host": "127.0.0.1", "port": far[1].port}
    if mode == "block":
        with pytest.raises(ResidencyViolationError):
            library(uri(far[0]), **given)
    else:
        library(uri(far[0]), **given)
    settle()
    assert len(far[1].paths) == (mode == "flag")
    assert recorded.values(names.REGION) == ["us"]
    assert recorded.values(names.VERDICT) == ["ineligible"]


def test_another_host_in_the_header_is_reported(
    library: Any, instrument: Instrument, far: tuple[Far, Far]
) -> None:
    """The `Host` header that goes out is looked at, and not only the URI."""
    recorded = placed(instrument, far)
    with suppress(WebSocketException):  # this server wants one of them
        library(uri(far[0]), additional_headers={"Host": "us.api.openai.com"})
    settle()
    (reasons,) = recorded.values(names.REASONS)
    assert "host.header_mismatch" in reasons
    assert recorded.values(names.VERDICT) == ["ineligible"]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"OpenAI-Project": "proj_us"}, "host.region_mismatch"),
        ({"x-portkey-custom-host": "https://us.api.openai.com/v1"}, "gateway.route"),
    ],
)
def test_the_headers_of_the_handshake_count(
    library: Any, instrument: Instrument, far: tuple[Far, Far], headers: dict[str, str], reason: str
) -> None:
    """A project with a rule, and a routing header of a gateway, are judged before the handshake is sent."""
    rules = [{"when": {"project": "proj_us"}, "require": ["us"]}]
    placed(instrument, far, on_call="block", rule=rules)
    with pytest.raises(ResidencyViolationError, match=reason.replace(".", r"\.")):
        library(uri(far[0]), additional_headers=headers)
    assert far[0].paths == []


@pytest.mark.skipif(RELEASE < (17, 1), reason="this release has no such argument")
def test_the_address_of_a_socket_counts(instrument: Instrument, far: tuple[Far, Far]) -> None:
    """The synchronous client of websockets 17.1 may be given another address to dial."""
    placed(instrument, far, on_call="block")
    with pytest.raises(ResidencyViolationError):
        raw(uri(far[0]), address=("127.0.0.1", far[1].port))
    assert far[1].paths == []


@pytest.mark.parametrize("library", REDIRECTED.values(), ids=REDIRECTED)
def test_a_redirect_is_refused_and_nothing_stays_open(
    library: Any, instrument: Instrument, far: tuple[Far, Far]
) -> None:
    """What a redirect leads to outside of the region hears nothing, and no socket is left open."""
    recorded = placed(instrument, far, on_call="block")
    far[0].answers.append((307, {"Location": uri(far[1])}))
    with catch_warnings():
        simplefilter("error")
        with pytest.raises(ResidencyViolationError):
            library(uri(far[0]))
        gc.collect()
    assert far[1].paths == []
    settle()
    assert recorded.values(names.ACTION).count("blocked") == 1


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every reading of a session fail."""

    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(websocket_sessions, "_request", broken)


@pytest.mark.usefixtures("failing")
def test_a_failure_of_ours_is_none_of_a_session(
    library: Any, instrument: Instrument, far: tuple[Far, Far]
) -> None:
    """When a session can't be judged it goes on in flag mode."""
    placed(instrument, far)
    library(uri(far[0]))
    assert len(far[0].messages) == 1


@pytest.mark.usefixtures("failing")
def test_a_failure_of_ours_refuses_a_session(
    library: Any, instrument: Instrument, far: tuple[Far, Far]
) -> None:
    """In block mode a doubt is a refusal."""
    placed(instrument, far, on_call="block")
    with pytest.raises(ResidencyViolationError, match=r"guard\.failed"):
        library(uri(far[0]))
    assert far[0].paths == []


def test_sockets_to_other_hosts_are_not_judged(residency: Recorded, far: tuple[Far, Far]) -> None:
    """A socket to a host that is no vendor's leaves nothing."""
    with connect(f"ws://127.0.0.1:{far[0].port}/v1/realtime") as connection:
        connection.send("{}")
    assert residency.spans == []
    assert residency.counted == 0
