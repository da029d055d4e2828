"""Whatever a server answers, and wherever a connection breaks, an application sees what it saw without us."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

from examples.demo.loopback import Asked, Reply
from tests.calls.http_library import http
from tests.calls.kinds import Kind
from tests.calls.test_unchanged import error_state, items, late_body, plain, raw, raw_stream, shape
from tests.internet import EU, Internet
from tests.recorded import Instrument, settle
from tests.vendor import DONE, SNAPSHOT, answer, body_of, chat_events, events

CHAT_PATH = "/v1/chat/completions"
MANY = 10_000
LARGE = 10_000_000


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client try again at once."""
    monkeypatch.setattr(openai._base_client.BaseClient, "_calculate_retry_timeout", lambda *_, **__: 0)


def outcome(act: Callable[[], Any]) -> Any:
    """What something returns or raises, as it can be compared."""
    try:
        return shape(act())
    except Exception as error:  # noqa: BLE001 - it is compared
        return error_state(error)


def same(instrument: Instrument, kind: Kind, act: Callable[[], Any], **settings: Any) -> Any:
    """The outcome, which is the same with the package and without, where it is one call."""
    expected = outcome(act)
    recorded = instrument(**settings)
    assert outcome(act) == expected
    kind.rest()
    settle()
    assert (len(recorded.spans), recorded.counted) == (1, 1)
    return expected


def body(content: bytes, **headers: str) -> Reply:
    """An answer with any bytes as its body."""
    return Reply(200, {"content-type": "application/json", **headers}, content)


def changed(**fields: Any) -> Reply:
    """An answer with other values in some of its fields."""
    return answer({**body_of(CHAT_PATH, SNAPSHOT), **fields})


ANSWERS: dict[str, Callable[[], Reply]] = {
    "nothing": lambda: body(b""),
    "half": lambda: body(b'{"model": "gpt'),
    "null": lambda: body(b"null"),
    "list": lambda: body(b"[1, 2]"),
    "number": lambda: body(b"9" * 5000),
    "text": lambda: body(b'"text"'),
    "not UTF-8": lambda: body(b'{"model": "\xff\xfe"}'),
    "surrogate": lambda: body(b'{"model": "\\ud800", "choices": []}'),
    "NUL": lambda: body(b'{"model": "a\\u0000b", "id": "\x00"}'),
    "deep": lambda: body(b'{"model":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "twice": lambda: body(b'{"model": "a", "model": {"b": 1}}'),
    "large": lambda: changed(model="m" * LARGE),
    "many headers": lambda: Reply(200, {f"x-{number}": "a" for number in range(99)}, b"{}"),
    "large header": lambda: body(b"{}", **{"x-request-id": "a" * LARGE}),
    "odd headers": lambda: body(
        b"{}", **{"x-request-id": "\x7f\x01", "openai-project": ", ,;=", "cf-ray": "-"}
    ),
    "other type": lambda: Reply(200, {"content-type": "text/html"}, b"<html>"),
    "odd type": lambda: Reply(200, {"content-type": "; charset=nonsense"}, b"{}"),
    "other encoding": lambda: body(b"{}", **{"content-encoding": "gzip"}),
    "no content": lambda: Reply(204),
    "odd status": lambda: Reply(599, {}, b"{}"),
}


@pytest.mark.parametrize("respond", ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize("make_call", [plain, raw, late_body])
def test_malformed_answers(
    kind: Kind,
    instrument: Instrument,
    internet: Internet,
    make_call: Callable[[Kind, Any], Any],
    respond: Callable[[], Reply],
) -> None:
    """Bad JSON, wrong types, too long and too many headers: the same value or error, and one span."""
    internet.respond = lambda _: respond()
    client = kind.open()
    same(instrument, kind, lambda: make_call(kind, client))


FIELDS = ("model", "id", "service_tier", "object", "choices")
VALUES: tuple[Any, ...] = (None, 7, 1.5, True, [], ["a"], {}, {"a": {"b": []}})


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", VALUES, ids=json.dumps)
def test_fields_of_other_types(
    kind: Kind, instrument: Instrument, internet: Internet, field: str, value: Any
) -> None:
    """So it is with a field that is not of its type."""
    internet.respond = lambda _: changed(**{field: value})
    client = kind.open()
    same(instrument, kind, lambda: plain(kind, client))


def chunk(**fields: Any) -> bytes:
    """An event of a chat stream with other values in some of its fields."""
    event = json.loads(next(iter(chat_events(SNAPSHOT))).removeprefix(b"data: "))
    return f"data: {json.dumps({**event, **fields})}\n\n".encode()


STREAMS: dict[str, list[bytes]] = {
    "nothing": [],
    "no colon": [b"data\n\n", chunk(), DONE],
    "comment": [b": hello\n\n", chunk(), DONE],
    "byte order mark": [b"\xef\xbb\xbf" + chunk(), DONE],
    "NUL": [b"data: \x00\n\n", DONE],
    "not UTF-8": [b'data: {"a": "\xff"}\n\n', DONE],
    "letter in two": [b'data: {"a": "\xc3', b'\xa9"}\n\n', DONE],
    "null": [b"data: null\n\n", DONE],
    "list": [b"data: [1, 2]\n\n", DONE],
    "text": [b'data: "text"\n\n', DONE],
    "number": [b"data: 1\n\n", DONE],
    "half": [b'data: {"model": "g\n\n', DONE],
    "event only": [b"event: x\n\n", chunk(), DONE],
    "odd fields": [b"id: \x00\nretry: never\nevent: \nother: 1\n\n", chunk(), DONE],
    "carriage returns": [chunk().replace(b"\n", b"\r"), DONE],
    "both": [chunk().replace(b"\n", b"\r\n"), DONE],
    "several lines": [b'data: {"model":\ndata: "a"}\n\n', DONE],
    "without its end": [chunk().rstrip()],
    "done first": [DONE, chunk()],
    "done twice": [chunk(), DONE, DONE],
    "large": [chunk(model="m" * 1_000_000), DONE],
    "byte by byte": [bytes([each]) for each in chunk() + DONE],
    **{
        f"{field} {json.dumps(value)}": [chunk(**{field: value}), chunk(), DONE]
        for field in ("model", "id", "choices", "service_tier", "error", "object")
        for value in (None, 7, True, [], ["a"], {"message": 1})
    },
}


@pytest.mark.parametrize("parts", STREAMS.values(), ids=STREAMS.keys())
@pytest.mark.parametrize("make_call", [items, raw_stream])
def test_malformed_streams(
    kind: Kind,
    instrument: Instrument,
    internet: Internet,
    make_call: Callable[[Kind, Any], Any],
    parts: list[bytes],
) -> None:
    """Invalid events, and events of wrong types: the same events or error, and one span."""
    internet.respond = lambda _: events(parts)
    client = kind.open()
    same(instrument, kind, lambda: make_call(kind, client))


def broken(after: list[bytes]) -> Iterator[bytes]:
    """These parts, and then the connection breaks."""
    yield from after
    raise ConnectionError


STAGES = {
    "before the first event": [],
    "within an event": [chunk()[:20]],
    "after an event": [chunk()],
    "within the second event": [chunk(), chunk()[:20]],
    "within the last line": [chunk(), DONE[:-4]],
    "after the last line": [chunk(), DONE],
}


@pytest.mark.parametrize("parts", STAGES.values(), ids=STAGES.keys())
@pytest.mark.parametrize("make_call", [items, raw_stream])
def test_a_connection_that_breaks_at_each_stage(
    kind: Kind,
    instrument: Instrument,
    internet: Internet,
    make_call: Callable[[Kind, Any], Any],
    parts: list[bytes],
) -> None:
    """The events before it, then the error: as without us."""
    internet.respond = lambda _: events(broken(parts))
    client = kind.open(max_retries=1)
    same(instrument, kind, lambda: make_call(kind, client))


def test_a_connection_that_breaks_before_the_answer(
    kind: Kind, instrument: Instrument, internet: Internet
) -> None:
    """Every attempt ends without an answer."""

    def fail(_: Asked) -> Reply:
        raise ConnectionError

    internet.respond = fail
    client = kind.open(max_retries=2)
    assert same(instrument, kind, lambda: plain(kind, client)).kind is openai.APIConnectionError


def test_ten_thousand_redirects(kind: Kind, instrument: Instrument) -> None:
    """All of them are followed, and the error is that of the HTTP library; few hops are kept."""
    hops: list[str] = []

    def respond(request: Any) -> Any:
        hops.append(request.url.host)
        return http.Response(307, headers={"location": f"https://{EU}{CHAT_PATH}"})

    client = kind.open(
        http_client=kind.pick(http.Client, http.AsyncClient)(
            transport=http.MockTransport(respond), max_redirects=MANY, follow_redirects=True
        )
    )
    found = same(instrument, kind, lambda: plain(kind, client), on_call="block")
    assert found.kind is openai.APIConnectionError
    assert len(hops) == 2 * (MANY + 1)
