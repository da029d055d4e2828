"""Fields of any type, and events that are written oddly: an application sees what it saw without us."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from examples.demo.loopback import Reply
from tests.calls.kinds import Kind
from tests.calls.test_unchanged import error_state, items, plain, raw_stream, shape
from tests.internet import Internet
from tests.recorded import Instrument, settle
from tests.vendor import DONE, SNAPSHOT, answer, body_of, chat_events, events

CHAT_PATH = "/v1/chat/completions"


def outcome(act: Callable[[], Any]) -> Any:
    """What something returns or raises, as it can be compared."""
    try:
        return shape(act())
    except Exception as error:  # noqa: BLE001 - it is compared
        return error_state(error)


def compare(instrument: Instrument, kind: Kind, act: Callable[[], Any]) -> None:
    """The outcome is the same with the package and without, and it is one call."""
    expected = outcome(act)
    recorded = instrument()
    assert outcome(act) == expected
    kind.rest()
    settle()
    assert (len(recorded.spans), recorded.counted) == (1, 1)


def changed(**fields: Any) -> Reply:
    """An answer with other values in some of its fields."""
    return answer({**body_of(CHAT_PATH, SNAPSHOT), **fields})


FIELDS = ("model", "id", "service_tier", "object", "choices")
VALUES: tuple[Any, ...] = (None, 7, 1.5, True, [], ["a"], {}, {"a": {"b": []}})


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", VALUES, ids=json.dumps)
def test_fields(kind: Kind, instrument: Instrument, internet: Internet, field: str, value: Any) -> None:
    """A field of an answer is not of its type: the same value or error, and one span."""
    internet.respond = lambda _: changed(**{field: value})
    client = kind.open()
    compare(instrument, kind, lambda: plain(kind, client))


def chunk(**fields: Any) -> bytes:
    """An event of a chat stream with other values in some of its fields."""
    event = json.loads(next(iter(chat_events(SNAPSHOT))).removeprefix(b"data: "))
    return f"data: {json.dumps({**event, **fields})}\n\n".encode()


STREAMS: dict[str, list[bytes]] = {
    "no colon": [b"data\n\n", chunk(), DONE],
    "comment": [b": hello\n\n", chunk(), DONE],
    "byte order mark": [b"\xef\xbb\xbf" + chunk(), DONE],
    "NUL": [b"data: \x00\n\n", DONE],
    "letter in two": [b'data: {"a": "\xc3', b'\xa9"}\n\n', DONE],
    "event only": [b"event: x\n\n", chunk(), DONE],
    "odd fields": [b"id: \x00\nretry: never\nevent: \nother: 1\n\n", chunk(), DONE],
    "carriage returns": [chunk().replace(b"\n", b"\r"), DONE],
    "both": [chunk().replace(b"\n", b"\r\n"), DONE],
    "several lines": [b'data: {"model":\ndata: "a"}\n\n', DONE],
    "without its end": [chunk().rstrip()],
    "done first": [DONE, chunk()],
    "done twice": [chunk(), DONE, DONE],
    "byte by byte": [bytes([each]) for each in chunk() + DONE],
    **{
        f"{field} {json.dumps(value)}": [chunk(**{field: value}), chunk(), DONE]
        for field in ("model", "id", "choices", "service_tier", "error", "object")
        for value in (None, 7, True, [], ["a"], {"message": 1})
    },
}


@pytest.mark.parametrize("parts", STREAMS.values(), ids=STREAMS.keys())
@pytest.mark.parametrize("make_call", [items, raw_stream])
def test_events(
    kind: Kind,
    instrument: Instrument,
    internet: Internet,
    make_call: Callable[[Kind, Any], Any],
    parts: list[bytes],
) -> None:
    """Events that are written oddly, or whose fields are not of their type: the same."""
    internet.respond = lambda _: events(parts)
    client = kind.open()
    compare(instrument, kind, lambda: make_call(kind, client))
