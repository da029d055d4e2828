"""WebSocket sessions of the real client with real servers: judged, refused before the handshake, ended."""

import asyncio
import json
from collections.abc import Iterator
from threading import Thread
from typing import Any, NamedTuple

import openai
import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.server import Server, ServerConnection, serve

from otel_residency import ResidencyViolationError, require
from otel_residency.telemetry import names
from tests.recorded import Instrument, Recorded, settle

try:
    from openai.resources.responses import Responses
except ImportError:  # 1.99.0 can't import a part of its own
    Responses = None  # type: ignore[assignment,misc]

MODEL = "gpt-realtime-2.1"
OTHER = "gpt-realtime-of-nobody"


class Far(NamedTuple):
    """A server, and what reached it: paths of handshakes, and messages."""

    port: int
    paths: list[str]
    messages: list[dict[str, Any]]

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
    """Two servers; the policy says that one is in the EU and the other in the US."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    servers: list[Server] = []

    def start() -> Far:
        paths: list[str] = []
        messages: list[dict[str, Any]] = []

        def talk(connection: ServerConnection) -> None:
            assert connection.request is not None
            paths.append(connection.request.path)
            for message in connection:
                messages.append(json.loads(message))
                connection.send(json.dumps({"type": "session.updated", "event_id": "e", "session": {}}))

        server = serve(talk, "127.0.0.1", 0)
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        return Far(server.socket.getsockname()[1], paths, messages)

    made = start(), start()
    yield made
    for server in servers:
        server.shutdown()


def placed(instrument: Instrument, far: tuple[Far, Far], **arguments: Any) -> Recorded:
    """The package, with a policy that knows where the two are."""
    hosts = {
        f"127.0.0.1:{server.port}": {"region": region}
        for server, region in zip(far, ("eu", "us"), strict=True)
    }
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
    with client, of(client).connect(**SESSION.get(of, {})) as connection:
        for event in events:
            connection.send(event)
            connection.recv()


def talk_async(far: Far, *events: Any, of: Any = realtime, **arguments: Any) -> None:
    """A session of the asynchronous client."""

    async def run() -> None:
        async with (
            openai.AsyncOpenAI(**{**far.arguments, **arguments}) as client,
            of(client).connect(**SESSION.get(of, {})) as connection,
        ):
            for event in events:
                await connection.send(event)
                await connection.recv()

    asyncio.run(run())


SESSION: dict[Any, dict[str, Any]] = {realtime: {"model": MODEL}}


@pytest.fixture(params=[talk, talk_async], ids=["sync", "async"])
def session(request: pytest.FixtureRequest) -> Any:
    """Either kind of session."""
    return request.param


def test_a_session_is_a_call(session: Any, instrument: Instrument, far: tuple[Far, Far]) -> None:
    """It has one span, from the handshake to the end of the connection, and counts once."""
    recorded = placed(instrument, far)
    session(far[0], update())
    settle()
    (span,) = recorded.spans
    assert span.name == "residency GET /v1/realtime"
    attributes = dict(span.attributes or {})
    assert attributes[names.REGION] == "eu"
    assert attributes[names.MODEL_REQUESTED] == MODEL
    assert attributes[names.VERDICT] == "eligible"
    assert recorded.counted == 1
    assert len(far[0].messages) == 1


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


def test_flag_lets_it_go_and_tells(session: Any, instrument: Instrument, far: tuple[Far, Far]) -> None:
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


EVENTS = [pytest.param(update(OTHER), id="model"), pytest.param(update(tracing="auto"), id="tracing")]


@pytest.mark.parametrize("event", EVENTS)
def test_what_a_session_is_set_up_with_counts(
    session: Any, instrument: Instrument, far: tuple[Far, Far], event: dict[str, Any]
) -> None:
    """Another model, or tracing in the EU, is a finding."""
    recorded = placed(instrument, far)
    session(far[0], event)
    settle()
    assert len(far[0].messages) == 1
    assert recorded.values(names.VERDICT) == ["ineligible"]


@pytest.mark.parametrize("event", EVENTS)
def test_block_does_not_send_such_an_event(
    session: Any, instrument: Instrument, far: tuple[Far, Far], event: dict[str, Any]
) -> None:
    """In block mode the event is refused and does not arrive; the session goes on until it is closed."""
    recorded = placed(instrument, far, on_call="block")
    with pytest.raises(ResidencyViolationError):
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
    """The model is in the event that asks for a response."""
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


@pytest.mark.skipif(not hasattr(openai.OpenAI, "live"), reason="this release has no such sessions")
def test_block_refuses_a_live_session(session: Any, instrument: Instrument, far: tuple[Far, Far]) -> None:
    """Whatever kind of session it is, it is refused where it may not go."""
    placed(instrument, far, on_call="block")
    with pytest.raises(ResidencyViolationError):
        session(far[1], of=live)
    assert far[1].paths == []


def test_an_event_that_hides_its_type_is_read(instrument: Instrument, far: tuple[Far, Far]) -> None:
    """Escapes in the JSON of an event make it no other event."""
    placed(instrument, far, on_call="block")
    hidden = json.dumps(update(OTHER)).replace("session.update", r"session\u002eupdate")
    client = openai.OpenAI(**far[0].arguments)
    with client, realtime(client).connect(model=MODEL) as connection:
        with pytest.raises(ResidencyViolationError):
            connection._connection.send(hidden)
    assert far[0].messages == []


def test_sockets_to_others_are_not_looked_at(residency: Recorded, far: tuple[Far, Far]) -> None:
    """A socket to a host that is no vendor's leaves nothing."""
    from websockets.sync.client import connect

    with connect(f"ws://127.0.0.1:{far[0].port}/v1/realtime") as connection:
        connection.send("{}")
    assert residency.spans == []
    assert residency.counted == 0
