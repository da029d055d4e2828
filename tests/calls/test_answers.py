"""What answers name, more than once or of any size: it may make a verdict worse, and does nothing else."""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.demo.loopback import Reply
from otel_residency import ResidencyViolationError
from otel_residency.calls.request import foreign_text
from otel_residency.calls.state import runtime
from otel_residency.core.cut import TEXT_LIMIT
from otel_residency.core.facts import CallFacts, Hop
from otel_residency.instrumentor import deactivate
from otel_residency.records.record import read_facts, write_facts
from tests.calls.http_library import http
from tests.calls.kinds import Kind
from tests.calls.resources import METHODS
from tests.internet import EU, GATEWAY, US, Internet
from tests.recorded import Instrument, Recorded, settle
from tests.vendor import (
    DONE,
    SNAPSHOT,
    answer,
    body_of,
    chat_events,
    event,
    events,
    ordinary,
    redirect,
    response_object,
)

CHAT: dict[str, Any] = {"model": SNAPSHOT, "messages": [{"role": "user", "content": "Hello"}]}
OTHER, UNLISTED = "gpt-4o-2024-08-06", "gpt-4o-2024-05-13"
IN_THE_EU = {GATEWAY: {"region": "eu"}}
needs_responses = pytest.mark.skipif("responses.create" not in METHODS, reason="this openai has no responses")


def chunk(**more: Any) -> bytes:
    """A chunk of a chat completion, without a choice."""
    return event({"id": "chatcmpl_1", "object": "chat.completion.chunk", "created": 1, "choices": [], **more})


def read_stream(kind: Kind, **arguments: Any) -> None:
    """Make a streamed call, and read it to its end."""
    kind.items(kind.run(kind.open().chat.completions.create(**CHAT, stream=True, **arguments)))


def test_a_model_in_the_middle_of_a_stream_counts(
    kind: Kind, residency: Recorded, internet: Internet
) -> None:
    """A stream that begins and ends with the requested model was answered by another one in between."""
    first, *rest = chat_events(SNAPSHOT)
    internet.respond = lambda _: events([first, chunk(model=UNLISTED), *rest, DONE])
    read_stream(kind)
    assert residency.span["residency.verdict"] == "ineligible"
    assert {"model.changed", "model.not_listed"} <= set(residency.span["residency.reasons"])


def test_a_tier_in_the_middle_of_a_stream_counts(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """The same for a service tier that no table names."""
    first, *rest = chat_events(SNAPSHOT)
    internet.respond = lambda _: events([first, chunk(model=SNAPSHOT, service_tier="warp"), *rest, DONE])
    read_stream(kind)
    assert residency.span["residency.reasons"] == ("tier.unknown",)


def test_what_a_broken_stream_named_counts(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """A stream that the application closes early has named a model all the same."""
    first, *rest = chat_events(SNAPSHOT)
    internet.respond = lambda _: events([first, chunk(model=OTHER), *rest, DONE])
    stream = kind.run(kind.open().chat.completions.create(**CHAT, stream=True))
    for _ in range(3):
        kind.next(stream)
    kind.run(stream.close())
    settle()
    assert residency.span["residency.reasons"] == ("model.changed",)


def test_more_models_than_are_kept_are_a_doubt(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """However many models a stream names, a bounded number is kept, and that there were more."""
    many = [chunk(model=f"{UNLISTED}-{number}") for number in range(1000)]
    internet.respond = lambda _: events([*many, *chat_events(SNAPSHOT), DONE])
    read_stream(kind)
    assert "response.unread" in residency.span["residency.reasons"]


Headers = Sequence[tuple[str, str]]
UPSTREAM = "x-litellm-model-api-base"


def answering(kind: Kind, *answers: tuple[int, Headers]) -> Any:
    """A client of the gateway, which gives these answers: status and headers."""
    waiting = iter(answers)

    def respond(_: Any) -> Any:
        status, headers = next(waiting)
        return http.Response(status, headers=list(headers), json=body_of("/chat/completions", SNAPSHOT))

    own = kind.pick(http.Client, http.AsyncClient)(transport=http.MockTransport(respond))
    return kind.open(base_url=f"https://{GATEWAY}/v1", http_client=own, max_retries=len(answers) - 1)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("joined", [False, True])
def test_a_header_that_is_repeated_counts_by_its_worst(
    kind: Kind, instrument: Instrument, *, order: int, joined: bool
) -> None:
    """Whether the other region comes first or last, and whether a proxy has joined both headers."""
    recorded = instrument(hosts=IN_THE_EU)
    values = [f"https://{EU}/v1", f"https://{US}/v1"][::order]
    headers = [(UPSTREAM, value) for value in ([", ".join(values)] if joined else values)]
    kind.run(answering(kind, (200, headers)).chat.completions.create(**CHAT))
    assert recorded.span["residency.verdict"] == "ineligible"
    assert recorded.span["residency.reasons"] == ("gateway.left_region",)
    assert recorded.span["residency.evidence.upstream"] == ", ".join([EU, US][::order])


def test_what_an_earlier_attempt_was_answered_counts(
    kind: Kind, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway that failed in another region has had the prompt there, whatever it answers the next time."""
    monkeypatch.setattr(openai._base_client.BaseClient, "_calculate_retry_timeout", lambda *_, **__: 0)
    recorded = instrument(hosts=IN_THE_EU)
    client = answering(kind, (500, [(UPSTREAM, f"https://{US}/v1")]), (200, [(UPSTREAM, f"https://{EU}/v1")]))
    kind.run(client.chat.completions.create(**CHAT))
    assert recorded.span["residency.reasons"] == ("gateway.left_region",)
    assert recorded.span["residency.evidence.upstream"] == EU


HOSTILE = (
    "gpt-5.2-2025-12-11\x00",
    "\ud800" * 3,
    "line\nbreak\x1b[31m",
    "g\u0440t-5.2-2025-12-11",
    "x" * 100_000,
)


@pytest.mark.parametrize("text", HOSTILE, ids=["null", "surrogates", "control", "cyrillic", "long"])
def test_hostile_names_reach_nothing_but_short_and_plain(
    kind: Kind, instrument: Instrument, internet: Internet, text: str, tmp_path: Any
) -> None:
    """A model, tier and provider of any letters and length: no verdict improves, and nothing breaks."""
    ledger = tmp_path / "ledger.jsonl"
    recorded = instrument(ledger={"path": str(ledger)})
    body = {**body_of("/chat/completions", text), "service_tier": text, "provider": text}
    internet.respond = lambda _: Reply(200, {"content-type": "application/json"}, json.dumps(body).encode())
    kind.run(kind.open().chat.completions.create(**CHAT))
    span = recorded.span
    assert span["residency.verdict"] == "indeterminate"
    assert {"model.changed", "catalogue.models_unknown", "tier.unknown"} <= set(span["residency.reasons"])
    shown = [value for value in span.values() if isinstance(value, str)]
    assert all(len(value) <= TEXT_LIMIT and value.isascii() and value.isprintable() for value in shown)
    deactivate()
    assert ledger.read_bytes().isascii()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.characters(), max_size=2 * TEXT_LIMIT), st.integers(32, TEXT_LIMIT))
def test_text_of_strangers_is_cut_and_never_becomes_another_name(text: str, limit: int) -> None:
    """It is short and printable, and is the text itself or a text that is in no table."""
    cut = foreign_text(text, limit)
    assert (cut is None) == (text == "")
    if cut is not None:
        assert len(cut) <= limit
        assert all(" " <= letter <= "~" for letter in cut)
        assert cut == text or "?" in cut or len(text) > limit


@needs_responses
def test_an_answer_with_a_million_ids_pushes_nothing_out(
    kind: Kind, residency: Recorded, internet: Internet
) -> None:
    """Of the ids of one answer a bounded number is remembered; what other answers created still is."""
    client = kind.open()
    kind.run(client.responses.create(model=SNAPSHOT, input="Hello"))
    remembered = runtime.state.created_objects  # type: ignore[union-attr]
    assert remembered.region_of("resp_1") == "eu"
    items = [{"id": f"item_{number}", "type": "reasoning", "summary": []} for number in range(100_000)]
    internet.respond = lambda _: answer({**response_object(SNAPSHOT), "id": "resp_2", "output": items})
    kind.run(client.responses.create(model=SNAPSHOT, input="Hello"))
    assert remembered.region_of("resp_1") == "eu"
    assert remembered.region_of("resp_2") == "eu"
    assert remembered.region_of("item_99999") is None
    del residency


def redirecting(status: int) -> Any:
    """The EU's host redirects, and the other one answers."""
    return lambda asked: (
        redirect(status, f"https://{US}{asked.path}") if asked.host == EU else ordinary(asked)
    )


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_that_is_refused_has_sent_nothing(
    kind: Kind, instrument: Instrument, internet: Internet, *, status: int
) -> None:
    """The reason says that nothing went there, and the region is the one to which something did."""
    internet.respond = redirecting(status)
    recorded = instrument(on_call="block")
    with pytest.raises(ResidencyViolationError, match=r"redirect\.refused"):
        kind.run(kind.open().chat.completions.create(**CHAT))
    assert internet.hosts == [EU]
    assert set(recorded.span["residency.reasons"]) == {"host.region_mismatch", "redirect.refused"}
    assert (recorded.span["residency.region"], recorded.span["residency.action"]) == ("eu", "blocked")


@pytest.mark.parametrize(
    ("status", "reason"), [(302, "redirect.left_region"), (307, "redirect.payload_left_region")]
)
def test_a_redirect_that_is_followed_is_not_called_refused(
    kind: Kind, residency: Recorded, internet: Internet, *, status: int, reason: str
) -> None:
    """Where nothing is blocked, the reason says whether the prompt went along."""
    internet.respond = redirecting(status)
    with suppress(openai.APIStatusError):
        kind.run(kind.open().chat.completions.create(**CHAT))
    assert set(residency.span["residency.reasons"]) == {"host.region_mismatch", reason}


def test_records_without_the_new_facts_are_read() -> None:
    """What earlier releases wrote has no other values of an answer, and no refused hops."""
    facts = CallFacts(date(2026, 11, 20), "POST", (Hop("https", EU, None, "/v1/responses", redirected=True),))
    text = write_facts(facts)
    assert "refused" not in text
    assert read_facts(text, facts.on) == facts
    before = '{"method":"POST","hops":[],"answer":{"status":200,"model":"m"}}'
    answered = read_facts(before, facts.on).answer
    assert answered is not None
    assert (answered.values("model"), answered.also, answered.unread) == (("m",), (), False)
