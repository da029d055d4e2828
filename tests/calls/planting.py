"""Sends a request for each place, by the real client over a real connection, and reads what was recorded."""

import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import openai
import pytest
from pydantic import RootModel
from websockets.sync.server import ServerConnection, serve

from otel_residency import ResidencyInstrumentor
from otel_residency.calls.state import runtime
from otel_residency.telemetry import names
from tests.audit.lines import read_record
from tests.calls.kinds import Sync
from tests.calls.places import Place, main_model
from tests.calls.resources import dummy_arguments, method
from tests.calls.roots import RAW
from tests.recorded import Recorded, collect, settle, switching

CATALOGUE = "openai-2026-10"
"""The newest table that is complete."""
START = {"live.connect": {"type": "session.start", "session": {"model": main_model("live")}}}
"""What a session has to send before anything else."""
NOT_COMPARED = ("on", "hops", "method", "base_path", "answer", "project", "required")
"""Facts that are not about the body."""
OFTEN = 500


FORMS: Mapping[str, Callable[[Any], Any]] = {
    "model": lambda thing: openai.BaseModel.construct(**thing) if isinstance(thing, dict) else None,
    "root model": RootModel[Any],
}
"""Objects that the client writes as JSON like the thing itself; `None` if there is no such object."""


class Judged(NamedTuple):
    """What was recorded of a request."""

    verdict: str
    reasons: frozenset[str]
    facts: frozenset[tuple[str, str]]
    """Each fact about the body, and each member of one that is a set."""


def in_other_forms(place: Place) -> Iterator[Place]:
    """The same place with its thing as an object of pydantic's."""
    for form, made in FORMS.items():
        value = made(place.thing)
        if value is not None:
            body = _replaced(place.body, place.thing, value)
            yield place._replace(kind="form", path=f"{place.path} as {form}", parent=place.path, body=body)


def _replaced(value: Any, thing: Any, other: Any) -> Any:
    if value is thing:
        return other
    if isinstance(value, dict):
        return {key: _replaced(each, thing, other) for key, each in value.items()}
    return [_replaced(each, thing, other) for each in value] if isinstance(value, list) else value


class Sender:
    """Sends requests and events, and notes under which trace."""

    def __init__(self, recorded: Recorded, socket_url: str, forms: Container[str]) -> None:
        self._forms = forms
        self._tracer = recorded.tracer_provider.get_tracer("tests")
        self._recorded = recorded
        self._kind = Sync()
        self._client = self._kind.open()
        self._socket_client = self._kind.open(
            api_key="k", base_url=socket_url.replace("ws", "http"), websocket_base_url=socket_url
        )
        self._arguments: dict[str, dict[str, Any]] = {}
        self.traces: dict[str, tuple[str, str]] = {}

    def send(self, place: Place) -> None:
        """Send the request, or the event in a session of its own."""
        with self._tracer.start_as_current_span("place") as span:
            if place.root.endswith(".connect"):
                self._send_event(place)
            else:
                self._send_request(place)
        self.traces[f"{span.get_span_context().trace_id:032x}"] = place.root, place.path
        if len(self.traces) % OFTEN == 0:
            self._recorded.clear()
            collect()

    def _send_request(self, place: Place) -> None:
        function = method(self._client, place.root, RAW)
        if place.root not in self._arguments:
            self._arguments[place.root] = dummy_arguments(place.root, method(self._client, place.root))
        arguments = self._arguments[place.root]
        # With `extra_body` the client does not look for what to translate in the body, which takes longer
        # than to send it. A form has files, which can only be arguments, unless an object stands for a file.
        try:
            more = place.body if place.root in self._forms else {"extra_body": place.body}
            function(**{**arguments, **more})
        except RuntimeError:
            function(**arguments, extra_body=place.body)

    def _send_event(self, place: Place) -> None:
        connect = method(self._socket_client, place.root)
        arguments = dummy_arguments(place.root, connect)
        if "model" in signature(connect).parameters:
            arguments["model"] = main_model(place.root)
        with connect(**arguments) as connection:
            for event in (START.get(place.root), place.body):
                # As above: `send` would translate it first. Not every connection has `send_raw`.
                if event and hasattr(connection, "send_raw"):
                    connection.send_raw(json.dumps(event))
                elif event:
                    connection.send(event)

    def close(self) -> None:
        """Close the clients."""
        self._kind.close()


@contextmanager
def far_end() -> Iterator[str]:
    """The URL of a WebSocket server that listens and says nothing."""

    def listen(connection: ServerConnection) -> None:
        for _ in connection:
            pass

    with serve(listen, "127.0.0.1", 0) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/v1"


def judge(places: Iterable[Place], forms: Container[str], file: Path) -> dict[tuple[str, str], Judged]:
    """Send everything, and read the ledger: by root and path. `forms` are roots whose body is a form."""
    with switching() as instrument, far_end() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        host = url.partition("//")[2].partition("/")[0]
        recorded = instrument(ledger=file, catalogue=CATALOGUE, hosts={host: {"region": "eu"}})
        sender = Sender(recorded, url, forms)
        for place in places:
            sender.send(place)
        sender.close()
        settle()
        runtime.state.ledger.flush()
        ResidencyInstrumentor().uninstrument()
    return dict(_read(file, sender.traces))


def _read(file: Path, traces: Mapping[str, tuple[str, str]]) -> Iterator[tuple[tuple[str, str], Judged]]:
    for line in file.read_bytes().splitlines():
        record = read_record(line)
        if record.trace_id in traces:
            attributes = record.attributes
            facts = json.loads(attributes.get(names.FACTS, "{}"))
            yield (
                traces[record.trace_id],
                Judged(
                    verdict=attributes[names.VERDICT],
                    reasons=frozenset(attributes[names.REASONS]),
                    facts=frozenset(_facts(facts)),
                ),
            )


def _facts(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in facts.items():
        if name not in NOT_COMPARED:
            for each in value if isinstance(value, list) else [value]:
                if each:
                    yield name, json.dumps(each, sort_keys=True)
