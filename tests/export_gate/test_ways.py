"""However a call was made, what reports it in its trace is treated, and another call's content is kept."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import copy_context

import openai
import pytest
from opentelemetry import trace
from opentelemetry._logs import LogRecord
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, Status, StatusCode

from tests.export_gate.genai import ELSEWHERE, PROMPT, application, chat
from tests.export_gate.ways import ASYNC, SYNC
from tests.internet import EU, US, Internet
from tests.recorded import Instrument, Recorded
from tests.vendor import ALIAS, answer, ordinary

MODES = ("redact", "withhold")
ELIGIBLE = "the answer that may be exported"
Report = Callable[[Recorded, Span, str], None]


def log_of(recorded: Recorded, **fields: object) -> None:
    """A log record of the application's."""
    recorded.logger_provider.get_logger("app").emit(LogRecord(**fields))  # type: ignore[arg-type]


KINDS: Mapping[str, Report] = {
    "attribute": lambda _, span, text: span.set_attribute("gen_ai.evaluation.explanation", text),
    "unlisted key": lambda _, span, text: span.set_attribute("traceloop.new.key", text),
    "key in capitals": lambda _, span, text: span.set_attribute("GEN_AI.Input.Messages", text),
    "exception": lambda _, span, text: span.record_exception(ValueError(text), {"detail": text}),
    "span event": lambda _, span, text: span.add_event("GEN_AI.User.Message", {"content": text}),
    "status": lambda _, span, text: span.set_status(Status(StatusCode.ERROR, text)),
    "link": lambda _, span, text: span.add_link(ELSEWHERE, {"input.value": text}),
    "log event": lambda recorded, _, text: log_of(recorded, event_name="gen_ai.choice", body={"c": text}),
    "log event in capitals": lambda recorded, _, text: log_of(
        recorded, body=text, attributes={"event.name": "Gen_AI.Choice"}
    ),
    "exception in a log": lambda recorded, _, text: log_of(recorded, attributes={"exception.message": text}),
}
"""What an application or an instrumentation reports, by the kind of item that it is in."""


def marker(kind: str) -> str:
    """What is looked for in all that was exported."""
    return f"marker of {kind}."


def report(recorded: Recorded) -> None:
    """Report of a call in every kind of item, two spans below the one in which it was made."""
    with application(recorded, "summarise"), application(recorded, "render") as span:
        for kind, put in KINDS.items():
            put(recorded, span, marker(kind))


def model_span(recorded: Recorded, content: str) -> "trace._AgnosticContextManager[Span]":
    """The span of a model call."""
    attributes = {"gen_ai.request.model": ALIAS, "gen_ai.input.messages": content}
    return recorded.tracer_provider.get_tracer("some.genai").start_as_current_span(
        "chat", None, attributes=attributes
    )


def exported(recorded: Recorded) -> set[str]:
    """The kinds of items whose markers were exported."""
    everything = recorded.everything
    return {kind for kind in KINDS if marker(kind) in everything}


@pytest.fixture
def recorded(instrument: Instrument, internet: Internet, request: pytest.FixtureRequest) -> Recorded:
    """What is exported in a mode, while the US answers with an error that repeats the prompt."""
    internet.respond = lambda asked: (
        answer({"error": {"message": PROMPT}}, 400) if asked.host == US else ordinary(asked)
    )
    return instrument(on_export=request.param)


def make(recorded: Recorded, way: str) -> None:
    """In one trace: a violating call, reports of it, and a call that keeps the requirement."""

    def work(host: str, content: str) -> None:
        with suppress(openai.BadRequestError), model_span(recorded, content):
            chat(host)

    with application(recorded, "request", **{"input.value": PROMPT}):
        SYNC[way](lambda: work(US, PROMPT))
        report(recorded)
        SYNC[way](lambda: work(EU, ELIGIBLE))


async def make_async(recorded: Recorded, way: str) -> None:
    """The same with the asynchronous client."""

    async def work(host: str, content: str) -> None:
        with suppress(openai.BadRequestError), model_span(recorded, content):
            url = f"https://{host}/v1"
            async with openai.AsyncOpenAI(base_url=url, api_key="k", max_retries=0) as client:
                await client.chat.completions.create(model=ALIAS, messages=[{"role": "user", "content": "?"}])

    with application(recorded, "request", **{"input.value": PROMPT}):
        await ASYNC[way](lambda: work(US, PROMPT))
        report(recorded)
        await ASYNC[way](lambda: work(EU, ELIGIBLE))


@pytest.mark.parametrize("recorded", MODES, indirect=True)
@pytest.mark.parametrize("way", SYNC)
def test_no_report_of_a_violating_call_is_exported(recorded: Recorded, way: str) -> None:
    """No kind of item shows the marker, nor the prompt; the other call's span is exported in full."""
    make(recorded, way)
    assert exported(recorded) == set()
    assert PROMPT not in recorded.everything
    assert ELIGIBLE in recorded.everything


@pytest.mark.parametrize("recorded", MODES, indirect=True)
@pytest.mark.parametrize("way", ASYNC)
def test_no_report_of_an_asynchronous_call_is_exported(recorded: Recorded, way: str) -> None:
    """The same with the asynchronous client and everything that runs a coroutine."""
    asyncio.run(make_async(recorded, way))
    assert exported(recorded) == set()
    assert PROMPT not in recorded.everything
    assert ELIGIBLE in recorded.everything


@pytest.mark.parametrize("recorded", ["flag"], indirect=True)
def test_the_markers_are_exported_otherwise(recorded: Recorded) -> None:
    """The control: in `flag` mode every kind of item shows its marker."""
    make(recorded, "directly")
    assert exported(recorded) == set(KINDS)
    assert ELIGIBLE in recorded.everything


@pytest.mark.parametrize("recorded", MODES, indirect=True)
def test_without_a_violation_every_report_is_exported(recorded: Recorded) -> None:
    """The other control: nothing is removed in a trace whose calls keep the requirement."""
    with application(recorded, "request"):
        with model_span(recorded, ELIGIBLE):
            chat(EU)
        report(recorded)
    recorded.logger_provider.force_flush()
    assert exported(recorded) >= set(KINDS) - {"log event", "log event in capitals"}


@pytest.mark.parametrize("recorded", MODES, indirect=True)
@pytest.mark.parametrize("later", [False, True], ids=["before the call", "after the call"])
def test_a_trace_that_is_linked_with_the_calls_trace(recorded: Recorded, *, later: bool) -> None:
    """Who consumes the result of a call in a trace of its own reports it below the span with the link."""
    tracer = recorded.tracer_provider.get_tracer("consumer")
    with application(recorded, "request") as producer:
        context: SpanContext = producer.get_span_context()
        if later:
            with suppress(openai.BadRequestError):
                chat(US)
        with tracer.start_as_current_span("consume", Context(), links=[Link(context)]):
            if not later:
                with trace.use_span(producer), suppress(openai.BadRequestError):
                    chat(US)
            report(recorded)
    assert exported(recorded) == set()
    assert PROMPT not in recorded.everything


@pytest.mark.parametrize("recorded", MODES, indirect=True)
def test_another_trace_is_left_alone(recorded: Recorded) -> None:
    """A violating call in one request changes nothing in another that runs meanwhile."""
    with application(recorded, "request"):
        tracer = recorded.tracer_provider.get_tracer("other")
        other = tracer.start_span("other request", Context())
        with suppress(openai.BadRequestError):
            copy_context().run(chat, US)
    with trace.use_span(other, end_on_exit=True), tracer.start_as_current_span("below") as below:
        for span in (other, below):
            span.record_exception(ValueError("of the other request"))
    kept = [span for span in recorded.every_span if "of the other request" in span.to_json()]
    assert len(kept) == 2, "the span that began before the call, and one below it"
