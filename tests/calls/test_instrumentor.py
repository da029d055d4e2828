"""Switched on and off at any time, in any order, and beside any other instrumentation."""

import inspect
import logging
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai._base_client import AsyncAPIClient, SyncAPIClient

from examples.demo.loopback import Asked, Reply
from otel_residency import ResidencyInstrumentor, ResidencyViolationError
from otel_residency.errors import PolicyError
from tests.calls.http_library import MAJOR, http
from tests.calls.kinds import Kind
from tests.calls.steps import OURS, take
from tests.internet import EU, US, Internet
from tests.recorded import Instrument, Recorded, settle
from tests.vendor import ALIAS, SNAPSHOT, error, ordinary, redirect

CHAT: dict[str, Any] = {"model": SNAPSHOT, "messages": [{"role": "user", "content": "Hello"}]}


# When it is switched on, and when openai is imported.


@pytest.mark.parametrize(
    ("steps", "spans"),
    [
        ("on openai call", 1),
        ("openai on call", 1),
        ("openai client on call", 1),
        ("http on on openai call", 1),
        ("on off openai on call", 1),
        ("on openai client off call", 0),
    ],
)
def test_the_order_of_switching_and_importing(steps: str, spans: int) -> None:
    """Whatever is imported or made before the package is switched on, each call is one span; off is off."""
    found = take(*steps.split())
    assert [(outcome.outcome, outcome.scopes()) for outcome in found] == [("answered", [OURS] * spans)] * 2


def test_switching_on_twice_changes_nothing(
    kind: Kind, residency: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """The second time is refused with a warning, as of every instrumentor, and the first settings hold."""
    other = Recorded()
    with caplog.at_level(logging.WARNING):
        ResidencyInstrumentor().instrument(require=["us"], **other.providers)
    assert "Attempting to instrument while already instrumented" in caplog.text
    kind.run(kind.open().chat.completions.create(**CHAT))
    assert residency.values("residency.required") == [("eu",)]
    assert other.spans == []
    other.shutdown()


def test_switching_off_twice_harms_nothing(kind: Kind, residency: Recorded) -> None:
    """Once it is off, it is off."""
    ResidencyInstrumentor().uninstrument()
    ResidencyInstrumentor().uninstrument()
    kind.run(kind.open().chat.completions.create(**CHAT))
    assert residency.spans == []


def test_disabled_by_argument_or_environment(
    kind: Kind, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`enabled=False` and `OTEL_RESIDENCY_ENABLED=false` switch everything off."""
    by_argument = instrument(enabled=False)
    kind.run(kind.open().chat.completions.create(**CHAT))
    ResidencyInstrumentor().uninstrument()
    monkeypatch.setenv("OTEL_RESIDENCY_ENABLED", "false")
    by_environment = instrument()
    kind.run(kind.open().chat.completions.create(**CHAT))
    assert (by_argument.spans, by_environment.spans) == ([], [])


def test_a_wrong_argument_is_an_error(instrument: Instrument) -> None:
    """A wrong setting in code is told to whoever wrote it, and nothing is switched on."""
    with pytest.raises(PolicyError, match="on_call"):
        instrument(on_call="stop")
    assert not ResidencyInstrumentor().is_instrumented_by_opentelemetry


def test_switched_off_in_the_middle_of_a_stream(kind: Kind, residency: Recorded) -> None:
    """A call that has begun is reported to its end."""
    stream = kind.run(kind.open().chat.completions.create(**{**CHAT, "model": ALIAS}, stream=True))
    kind.next(stream)
    ResidencyInstrumentor().uninstrument()
    kind.items(stream)
    settle()
    assert residency.values("residency.model.snapshot") == [SNAPSHOT]


# Beside the instrumentation of the HTTP library: one span of theirs per request, below ours.

HTTP_NEIGHBOUR = "httpx2" if MAJOR >= 3 else "httpx"


@pytest.fixture
def http_spans(residency: Recorded) -> Iterator[Any]:
    """The instrumentation of the HTTP library, switched on."""
    instrumentation = pytest.importorskip("opentelemetry.instrumentation.httpx")
    name = "HTTPX2ClientInstrumentor" if MAJOR >= 3 else "HTTPXClientInstrumentor"
    instrumentor = getattr(instrumentation, name)()
    instrumentor.instrument(tracer_provider=residency.tracer_provider)
    yield instrumentor
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()


def scopes_and_parents(residency: Recorded) -> list[tuple[bool, int | None]]:
    """Of each span, whether it is ours, and the id of its parent."""
    return [
        (span in residency.spans, span.parent.span_id if span.parent else None)
        for span in residency.every_span
    ]


def test_each_hop_is_a_span_below_ours(
    kind: Kind, residency: Recorded, internet: Internet, http_spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt that failed, a redirect, and the answer: three requests, three spans, one parent."""
    monkeypatch.setattr(openai._base_client.BaseClient, "_calculate_retry_timeout", lambda *_, **__: 0)
    replies = [error(500), redirect(307, f"https://{US}/v1/chat/completions")]

    def respond(request: Asked) -> Reply:
        return replies.pop(0) if replies else ordinary(request)

    internet.respond = respond
    kind.run(kind.open(max_retries=1).chat.completions.create(**CHAT))
    (ours,) = residency.spans
    assert ours.context is not None
    assert residency.span["residency.hop.hosts"] == (EU, EU, US)
    below = [parent for is_ours, parent in scopes_and_parents(residency) if not is_ours]
    assert below == [ours.context.span_id] * 3
    assert http_spans.is_instrumented_by_opentelemetry


def test_http_spans_go_on_without_us(kind: Kind, residency: Recorded, http_spans: Any) -> None:
    """Switching us off leaves the neighbour's spans as they are, now without a parent."""
    client = kind.open()
    kind.run(client.chat.completions.create(**CHAT))
    residency.clear()
    ResidencyInstrumentor().uninstrument()
    kind.run(client.chat.completions.create(**CHAT))
    assert scopes_and_parents(residency) == [(False, None)]
    assert http_spans.is_instrumented_by_opentelemetry


def test_we_go_on_without_http_spans(kind: Kind, residency: Recorded, http_spans: Any) -> None:
    """The neighbour's leaving takes nothing of ours along."""
    http_spans.uninstrument()
    kind.run(kind.open().chat.completions.create(**CHAT))
    assert scopes_and_parents(residency) == [(True, None)]


@pytest.mark.parametrize("order", ["{0} on", "on {0}"])
def test_the_http_neighbour_before_or_after_us(order: str) -> None:
    """Their spans are below ours, whoever was there first, and none of them is there for a refused call."""
    pytest.importorskip("opentelemetry.instrumentation.httpx")
    theirs = "opentelemetry.instrumentation.httpx"
    found = take(*order.format(HTTP_NEIGHBOUR).split(), "call", "astray")
    assert [(outcome.outcome, outcome.spans) for outcome in found] == [
        *[("answered", [[theirs, OURS], [OURS, None]])] * 2,
        *[("ResidencyViolationError", [[OURS, None]])] * 2,
    ]


# Past our patch: a wrapper that was there first, or that puts back what was, calls the original.


def past_the_patch(kind: Kind, **arguments: Any) -> Any:
    """A client whose door leads to the original, as it does behind a wrapper that holds on to that."""
    base, client = kind.pick((openai.OpenAI, SyncAPIClient), (openai.AsyncOpenAI, AsyncAPIClient))
    return kind.open(type("Past", (base,), {"request": inspect.unwrap(client.request)}), **arguments)


def test_a_wrapper_on_one_client_that_was_there_first() -> None:
    """A program that wrapped the door of its client before we came is still judged."""
    called, astray = take("openai", "client", "captured", "on", "call", "astray")[::2]
    assert (called.outcome, called.spans) == ("answered", [[OURS, None]])
    assert (astray.outcome, astray.spans) == ("ResidencyViolationError", [[OURS, None]])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_calls_past_the_patch_are_judged(
    kind: Kind, residency: Recorded, caplog: pytest.LogCaptureFixture, *, stream: bool
) -> None:
    """A call that comes past our patch of the door is judged at the next one, by what answered."""
    client = past_the_patch(kind)
    answer = kind.run(client.chat.completions.create(**{**CHAT, "model": ALIAS}, stream=stream))
    if stream:
        kind.items(answer)
    del answer
    settle()
    assert residency.span["residency.reasons"] == ("model.alias_resolved",)
    assert residency.span["residency.hop.hosts"] == (EU,)
    assert residency.counted == 1
    assert "switch otel-residency on first" in caplog.text


def test_calls_past_the_patch_that_fail(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """How such a call failed is told as well."""
    client = past_the_patch(kind)
    internet.respond = lambda _: error(401, "incorrect_hostname")
    with pytest.raises(openai.AuthenticationError):
        kind.run(client.chat.completions.create(**CHAT))
    internet.unreachable = {US}
    client.base_url = f"https://{US}/v1"
    with pytest.raises(openai.APIConnectionError):
        kind.run(client.chat.completions.create(**CHAT))
    settle()
    answered, unreachable = residency.spans
    assert (answered.attributes or {})["error.type"] == "401"
    assert "host.refused_by_vendor" in str((answered.attributes or {})["residency.reasons"])
    assert str((unreachable.attributes or {})["error.type"]).endswith("ProxyError")


@pytest.mark.parametrize("status", [302, 307])
def test_calls_past_the_patch_that_are_redirected(
    kind: Kind, residency: Recorded, internet: Internet, *, status: int
) -> None:
    """Every hop of such a call is judged."""
    client = past_the_patch(kind)

    def respond(request: Asked) -> Reply:
        return redirect(status, f"https://{US}{request.path}") if request.host == EU else ordinary(request)

    internet.respond = respond
    kind.run(client.chat.completions.create(**CHAT))
    settle()
    assert residency.span["residency.hop.hosts"] == (EU, US)
    assert residency.span["residency.verdict"] == "ineligible"


def test_calls_past_the_patch_whose_redirect_is_not_followed(
    kind: Kind, residency: Recorded, internet: Internet
) -> None:
    """A redirect that nobody follows is the end of such a call."""
    if MAJOR < 2 and kind.name == "async":
        pytest.skip("the loop of the test may hold the error, and with it the response, that ends the call")
    internet.respond = lambda request: redirect(307, f"https://{US}{request.path}")
    http_client = kind.pick(http.Client, http.AsyncClient)(follow_redirects=False)
    with pytest.raises(openai.APIStatusError):
        kind.run(past_the_patch(kind, http_client=http_client).chat.completions.create(**CHAT))
    settle()
    assert residency.span["residency.hop.hosts"] == (EU,)
    assert residency.span["http.response.status_code"] == 307


def test_calls_past_the_patch_are_refused(kind: Kind, instrument: Instrument, internet: Internet) -> None:
    """In block mode nothing of a violating call leaves, whichever door it takes."""
    residency = instrument(on_call="block")
    client = past_the_patch(kind, base_url=f"https://{US}/v1", max_retries=2)
    with pytest.raises(ResidencyViolationError):
        kind.run(client.chat.completions.create(**CHAT))
    assert internet.connections == []
    assert residency.values("residency.action") == ["blocked"]


def test_redirects_past_the_patch_are_refused(kind: Kind, instrument: Instrument, internet: Internet) -> None:
    """In block mode no other host is reached, even if an older client tries the refusal again."""
    residency = instrument(on_call="block")
    internet.respond = lambda request: redirect(307, f"https://{US}{request.path}")
    client = past_the_patch(kind)
    with pytest.raises(openai.OpenAIError) as caught:
        kind.run(client.chat.completions.create(**CHAT))
    assert ResidencyViolationError in (type(caught.value), type(caught.value.__cause__))
    settle()
    assert internet.connections == [EU]
    assert residency.values("residency.action") == ["blocked"]


def test_requests_that_are_built_and_never_sent_are_no_calls(kind: Kind, residency: Recorded) -> None:
    """A program may build a request to look at it."""
    options = openai._models.FinalRequestOptions.construct(method="get", url="/models")
    kind.open()._build_request(options)
    settle()
    assert (residency.spans, residency.counted) == ([], 0)
