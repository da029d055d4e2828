"""What the vendor sends in WebSocket sessions: a model that it names counts as one that answered."""

import json
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from websockets.sync.client import connect
from websockets.sync.server import Server, ServerConnection, serve

from otel_residency.telemetry import names
from tests.patches.test_sockets import MODEL, OTHER, RAW
from tests.recorded import Instrument, Recorded, settle

CREATED = {"type": "session.created", "session": {"type": "realtime", "model": OTHER}}


class Vendor:
    """A server that sends messages to whoever connects, and after each message that it gets."""

    def __init__(self) -> None:
        """Start it."""
        self.messages: list[Any] = []
        self.server: Server = serve(self._talk, "127.0.0.1", 0)
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def place(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server.socket.getsockname()[1]}"

    @property
    def uri(self) -> str:
        """That of a realtime session."""
        return f"ws://{self.place}/v1/realtime?model={MODEL}"

    def _talk(self, connection: ServerConnection) -> None:
        for _ in connection:
            for message in self.messages:
                connection.send(message)
            connection.send("the end")


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    """A server in the EU."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    vendor = Vendor()
    yield vendor
    vendor.server.shutdown()


def after(vendor: Vendor, instrument: Instrument, *messages: Any) -> Recorded:
    """What is recorded of a session in which the vendor sends these messages."""
    vendor.messages = list(messages)
    recorded = instrument(hosts={vendor.place: {"region": "eu"}})
    event = {"type": "session.update", "session": {"type": "realtime"}}
    with connect(vendor.uri) as connection:
        connection.send(json.dumps(event))
        while connection.recv() != "the end":
            pass
    settle()
    return recorded


def judged(recorded: Recorded) -> tuple[Any, Any]:
    """The model that counts, and the verdict."""
    (span,) = recorded.spans
    attributes = span.attributes or {}
    return attributes[names.MODEL_SNAPSHOT], attributes[names.VERDICT]


@pytest.mark.parametrize(
    "event",
    [
        CREATED,
        {"type": "session.updated", "session": {"model": OTHER}},
        {"type": "response.created", "response": {"model": OTHER}},
        {"type": "response.done", "response": {"model": OTHER, "output": []}},
    ],
    ids=lambda event: event["type"],
)
def test_a_model_that_an_event_names_counts(event: Any, vendor: Vendor, instrument: Instrument) -> None:
    """An event with another model than the requested one is a contradiction."""
    model, verdict = judged(after(vendor, instrument, json.dumps(event)))
    assert model == OTHER
    assert verdict != "eligible"


@pytest.mark.parametrize("library", RAW.values(), ids=RAW)
def test_the_events_of_each_client_count(library: Any, vendor: Vendor, instrument: Instrument) -> None:
    """All clients of the library are read, the legacy one too."""
    vendor.messages = [json.dumps(CREATED)]
    recorded = instrument(hosts={vendor.place: {"region": "eu"}})
    library(vendor.uri)
    settle()
    assert judged(recorded)[0] == OTHER


def test_an_earlier_event_counts_too(vendor: Vendor, instrument: Instrument) -> None:
    """A later event with the right model takes nothing back."""
    later = {"type": "session.updated", "session": {"model": MODEL}}
    assert judged(after(vendor, instrument, *map(json.dumps, (CREATED, later))))[1] != "eligible"


@pytest.mark.parametrize("size", [1, 20])
def test_an_event_in_several_frames_is_read(size: int, vendor: Vendor, instrument: Instrument) -> None:
    """The frames of an event are put together."""
    text = json.dumps(CREATED)
    frames = [text[at : at + size] for at in range(0, len(text), size)]
    assert judged(after(vendor, instrument, frames))[0] == OTHER


@pytest.mark.parametrize(
    "message",
    [
        json.dumps({"type": "session.created", "session": {"model": MODEL}}),
        json.dumps({"type": "response.output_text.delta", "delta": json.dumps(CREATED)}),
        json.dumps({"type": "session.created", "session": {"model": {"id": OTHER}}}),
        json.dumps({"type": "session.created", "session": "model"}),
        '{"model": ' * 5000,
        '"model"',
        b'\xff"model"',
        json.dumps({"type": "response.output_audio.delta", "delta": "A" * 900_000, "model": 1}),
        "",
    ],
    ids=["same", "text", "object", "no session", "deep", "scalar", "no UTF-8", "long", "empty"],
)
def test_other_events_change_nothing(message: Any, vendor: Vendor, instrument: Instrument) -> None:
    """What an event quotes, and what makes no sense, reaches the application and not the verdict."""
    assert judged(after(vendor, instrument, message)) == (MODEL, "eligible")
