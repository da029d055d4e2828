"""Our own span passes the gate: what an application put on it goes with a call that is no longer harmless."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import openai
import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Status, StatusCode, TraceState

from otel_residency.telemetry import names
from tests.calls.http_library import http as library
from tests.export_gate.genai import ELSEWHERE, PROMPT, application, chat, log, model_call, span_of
from tests.internet import EU, US
from tests.recorded import Instrument, Recorded
from tests.vendor import ALIAS

MODES = ("redact", "withhold")
PUT: Mapping[str, Callable[[trace.Span], object]] = {
    "attribute": lambda span: span.set_attribute("app.question", PROMPT),
    "attribute that looks like ours": lambda span: span.set_attribute("residency.note", PROMPT),
    "event": lambda span: span.add_event("asked", {"question": PROMPT}),
    "name of an event": lambda span: span.add_event(PROMPT),
    "exception": lambda span: span.record_exception(ValueError(PROMPT)),
    "link": lambda span: span.add_link(ELSEWHERE, {"question": PROMPT}),
    "status": lambda span: span.set_status(Status(StatusCode.ERROR, PROMPT)),
    "name": lambda span: span.update_name(PROMPT),
}


def ask(host: str, put: Callable[[trace.Span], object], **options: Any) -> Any:
    """A call during whose request something is put on the current span, as event hooks do."""

    def hook(_: Any) -> None:
        put(trace.get_current_span())

    with library.Client(event_hooks={"request": [hook]}) as http:
        client = openai.OpenAI(base_url=f"https://{host}/v1", api_key="k", max_retries=0, http_client=http)
        return client.chat.completions.create(model=ALIAS, messages=[], **options)


async def ask_async(host: str, put: Callable[[trace.Span], object]) -> None:
    """The same with the asynchronous client."""

    async def hook(_: Any) -> None:
        put(trace.get_current_span())

    async with library.AsyncClient(event_hooks={"request": [hook]}) as http:
        client = openai.AsyncOpenAI(
            base_url=f"https://{host}/v1", api_key="k", max_retries=0, http_client=http
        )
        await client.chat.completions.create(model=ALIAS, messages=[])


def own(recorded: Recorded) -> str:
    """Our one span, as it was exported."""
    (span,) = recorded.spans
    return str(span.to_json())


@pytest.mark.parametrize("kind", PUT)
@pytest.mark.parametrize("mode", MODES)
def test_what_others_put_on_our_span_goes(instrument: Instrument, mode: str, kind: str) -> None:
    """Of a violating call the span is exported as we made it, and counted as changed; the rest goes."""
    recorded = instrument(on_export=mode)
    ask(US, PUT[kind])
    asyncio.run(ask_async(US, PUT[kind]))
    assert PROMPT not in recorded.everything
    for span in recorded.spans:
        attributes = span.attributes or {}
        assert span.name == "residency POST /v1/chat/completions"
        assert (attributes[names.VERDICT], attributes[names.EXPORT_ACTION]) == ("ineligible", "redacted")


@pytest.mark.parametrize("kind", PUT)
@pytest.mark.parametrize(("mode", "host"), [("redact", EU), ("withhold", EU), ("flag", US)])
def test_on_the_span_of_another_call_it_stays(
    instrument: Instrument, kind: str, mode: str, host: str
) -> None:
    """The controls: an eligible call, and `flag` mode."""
    recorded = instrument(on_export=mode)
    ask(host, PUT[kind])
    assert PROMPT in own(recorded)


def test_the_span_of_a_call_that_is_open_is_stripped(instrument: Instrument) -> None:
    """A span that the application ends before its call is settled."""
    recorded = instrument(on_export="redact")

    def put(span: trace.Span) -> None:
        span.set_attribute("app.question", PROMPT)
        span.end()

    ask(EU, put)
    assert PROMPT not in own(recorded)


class _Baggage(SpanProcessor):
    """Copies baggage onto each span that begins, as the processor of that name does."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - as the SDK calls it
        span.set_attribute("customer.question", PROMPT)


@pytest.mark.parametrize("mode", MODES)
def test_an_unchanged_span_is_exported_as_it_is(instrument: Instrument, mode: str) -> None:
    """Nothing of ours is lost; what a processor adds to each span goes from ours."""
    recorded = instrument(on_export=mode)
    chat(US)
    assert names.EXPORT_ACTION not in recorded.span
    recorded.clear()
    recorded.tracer_provider.add_span_processor(_Baggage())
    chat(US)
    assert PROMPT not in own(recorded)


@pytest.mark.parametrize("strict", [False, True])
def test_strict_takes_the_applications_own_keys(instrument: Instrument, *, strict: bool) -> None:
    """In a trace with a violating call they stay in `redact`, and go in strict mode, with bodies of logs."""
    recorded = instrument(on_export="redact", strict=strict)
    with application(recorded, "request"):
        chat(US)
        log(recorded, None, body="my text", attributes={})
        with application(recorded, "below", **{"app.note": "my note", "app.count": 3}):
            pass
    attributes = span_of(recorded, "below").attributes or {}
    assert ("app.note" in attributes, attributes["app.count"]) == (not strict, 3)
    assert [record.body for record in recorded.logs()] == [None if strict else "my text"]


class _WithState(Sampler):
    """Writes the prompt into the trace state of every span."""

    def should_sample(self, *_: Any, **__: Any) -> SamplingResult:
        state = TraceState([("ot", "th:8"), ("app", PROMPT.replace(" ", "-"))])
        return SamplingResult(Decision.RECORD_AND_SAMPLE, {}, state)

    def get_description(self) -> str:
        return "with a state"


@pytest.mark.parametrize("mode", MODES)
def test_of_a_trace_state_the_sampling_is_left(instrument: Instrument, mode: str) -> None:
    """On each span of the trace, ours too."""
    recorded = instrument(on_export=mode, sampler=_WithState())
    with application(recorded, "request"), model_call(recorded):
        chat(US)
    states = [dict(span.context.trace_state) for span in recorded.every_span]
    assert states == [{"ot": "th:8"}] * 3
