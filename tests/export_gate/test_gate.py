"""What leaves of the telemetry around judged calls: made by the real client, exported by the real SDK."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import openai
import pytest
from opentelemetry import context, trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.trace import ConcurrentMultiSpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode

from otel_residency import ResidencyInstrumentor, ResidencyViolationError
from otel_residency.export_gate.content import Content
from otel_residency.export_gate.redact import WITHHELD_NAME
from otel_residency.telemetry import names
from tests.export_gate.conftest import Items
from tests.export_gate.genai import CONTENT, KEPT, PROMPT, application, chat, log, model_call, span_of
from tests.internet import EU, US, Internet
from tests.recorded import Instrument, Recorded, settle
from tests.vendor import answer, chat_events, events, ordinary, redirect

MODES = ("redact", "withhold")
NAME = "chat gpt-5.2"
VIOLATION = {names.VERDICT: "ineligible", names.VIOLATION: True, names.ACTION: "flagged", names.REGION: "us"}


def attributes_of(recorded: Recorded, name: str) -> dict[str, Any]:
    """The attributes of the one exported span with this name."""
    return dict(span_of(recorded, name).attributes or {})


# flag


def test_flag_puts_the_verdict_on_the_span_of_the_model_call(residency: Recorded, items: Items) -> None:
    """A GenAI span around a violating call gets the verdict and keeps its content; others do not change."""
    with application(residency, "handle", order=1), model_call(residency):
        chat(US)
    attributes = attributes_of(residency, NAME)
    assert attributes.items() >= {**KEPT, **CONTENT, **VIOLATION}.items()
    assert attributes_of(residency, "handle") == {"order": 1}
    assert items(residency) == {("traces", "flagged"): 1}
    assert residency.counted == 1


def test_flag_reports_an_eligible_call_too(residency: Recorded, items: Items) -> None:
    """A GenAI span around an eligible call carries that verdict, and is no changed item."""
    with model_call(residency):
        chat(EU)
    assert attributes_of(residency, NAME)[names.VERDICT] == "eligible"
    assert items(residency) == {}


def test_of_several_calls_only_a_breach_is_reported(residency: Recorded) -> None:
    """One span around an eligible and a violating call is not called eligible, in whichever order."""
    for number, hosts in enumerate([(EU, US), (US, EU), (EU, EU)]):
        with model_call(residency, f"agent {number}"):
            for host in hosts:
                chat(host)
    verdicts = [attributes_of(residency, f"agent {number}").get(names.VERDICT) for number in range(3)]
    assert verdicts == ["ineligible", "ineligible", None]


# redact


@pytest.mark.parametrize("mode", MODES)
def test_content_of_a_violating_call_stays_here(instrument: Instrument, mode: str) -> None:
    """Nothing exported holds the prompt: attributes, events, links, status, logs, of call and ancestors."""
    recorded = instrument(on_export=mode)
    question = {"traceloop.entity.input": PROMPT, "input.value": PROMPT}
    with application(recorded, "root", **question), application(recorded, "middle", **question):
        with model_call(recorded):
            log(recorded)
            chat(US)
            log(recorded, "gen_ai.choice")
    assert PROMPT not in recorded.everything
    assert "my claim" not in recorded.everything


def test_redacting_keeps_names_times_usage_and_links(instrument: Instrument, items: Items) -> None:
    """What is no content stays, on the call's span and on its ancestors."""
    recorded = instrument(on_export="redact")
    with application(recorded, "handle", order=1, question=2, **{"input.value": PROMPT}):
        with model_call(recorded) as live:
            chat(US)
    original = span_of(recorded, NAME)
    assert dict(original.attributes or {}).items() >= {**KEPT, **VIOLATION}.items()
    assert (original.attributes or {})[names.EXPORT_ACTION] == "redacted"
    assert [event.name for event in original.events] == ["gen_ai.user.message", "exception"]
    assert dict(original.events[1].attributes or {}) == {"exception.type": "E"}
    assert (original.links[0].context.span_id, original.links[0].attributes) == (0xDEF, {})
    assert (original.status.status_code, original.status.description) == (StatusCode.ERROR, None)
    assert original.context == live.get_span_context()
    assert original.start_time is not None
    assert original.end_time is not None
    assert attributes_of(recorded, "handle") == {"order": 1, "question": 2, names.EXPORT_ACTION: "redacted"}
    assert items(recorded) == {("traces", "redacted"): 2}


def test_the_span_itself_is_not_changed(instrument: Instrument) -> None:
    """A copy is exported: the finished span that others refer to keeps its attributes."""
    recorded = instrument(on_export="redact")
    with model_call(recorded) as live:
        chat(US)
    assert getattr(live, "attributes")["gen_ai.input.messages"] == PROMPT  # noqa: B009
    assert PROMPT not in recorded.everything


@pytest.mark.parametrize("mode", MODES)
def test_an_eligible_call_is_exported_as_it_is(instrument: Instrument, mode: str, items: Items) -> None:
    """Content of an eligible call is exported, also next to a violating one."""
    recorded = instrument(on_export=mode)
    with application(recorded, "root"):
        with model_call(recorded, "kept"):
            log(recorded)
            chat(EU)
        with model_call(recorded, "broken"):
            chat(US)
    assert attributes_of(recorded, "kept").items() >= {**KEPT, **CONTENT}.items()
    (record,) = recorded.logs("gen_ai.user.message")
    assert record.body == {"content": PROMPT}
    # The violating one, and in `withhold` its ancestor too.
    expected = {("traces", "redacted"): 1} if mode == "redact" else {("traces", "withheld"): 2}
    assert items(recorded) == expected


@pytest.mark.parametrize("mode", MODES)
def test_a_refused_call_is_a_violating_one(instrument: Instrument, mode: str) -> None:
    """The prompt of a call that was stopped does not leave with the telemetry either."""
    recorded = instrument(on_export=mode, on_call="block")
    with pytest.raises(ResidencyViolationError), model_call(recorded):
        chat(US)
    assert PROMPT not in recorded.everything


@pytest.mark.parametrize("mode", MODES)
def test_a_redirect_out_of_the_region_is_noticed(
    instrument: Instrument, internet: Internet, mode: str
) -> None:
    """The span names the host that the client was configured with; the prompt went to another."""
    internet.respond = lambda request: (
        redirect(307, f"https://{US}{request.path}") if request.host == EU else ordinary(request)
    )
    recorded = instrument(on_export=mode)
    with model_call(recorded):
        chat(EU)
    assert internet.hosts == [EU, US]
    assert PROMPT not in recorded.everything


def test_unknown_attributes_of_a_model_call_go_too(instrument: Instrument) -> None:
    """On the span of a violating call an unlisted key counts as content, unless its value is a number."""
    recorded = instrument(on_export="redact")
    with model_call(recorded) as span:
        span.set_attributes(
            {"new.vendor.text": PROMPT, "new.vendor.vector": (1.0, 2.0), "new.vendor.count": 3}
        )
        chat(US)
    attributes = attributes_of(recorded, NAME)
    assert not {"new.vendor.text", "new.vendor.vector"} & attributes.keys()
    assert attributes["new.vendor.count"] == 3


def test_unknown_attributes_of_an_agent_go_too(instrument: Instrument) -> None:
    """The same holds for the span of a GenAI framework above it, and not for one of the application."""
    recorded = instrument(on_export="redact")
    with application(recorded, "app", note="mine"):
        with application(recorded, "agent", **{"gen_ai.agent.name": "a", "new.vendor.text": PROMPT}):
            with model_call(recorded):
                chat(US)
    assert attributes_of(recorded, "agent") == {"gen_ai.agent.name": "a", names.EXPORT_ACTION: "redacted"}
    assert attributes_of(recorded, "app") == {"note": "mine"}


def test_dropped_counts_are_carried_over(instrument: Instrument) -> None:
    """A span that was replaced still has the counts of what the SDK dropped."""
    recorded = instrument(on_export="redact")
    recorded.tracer_provider._span_limits = recorded.tracer_provider._span_limits.__class__(
        max_attributes=4, max_events=1, max_links=1
    )
    with model_call(recorded) as span:
        span.set_attribute("gen_ai.request.seed", 7)
        chat(US)
    replaced = span_of(recorded, NAME)
    assert (replaced.dropped_attributes, replaced.dropped_events, replaced.dropped_links) != (0, 0, 0)
    assert replaced.dropped_events == getattr(span, "dropped_events")  # noqa: B009
    assert replaced.dropped_attributes == getattr(span, "dropped_attributes")  # noqa: B009


# withhold


def test_withholding_exports_a_tombstone(instrument: Instrument, items: Items) -> None:
    """Ids, parent, times and verdict replace the span; no span of the trace has lost its parent."""
    recorded = instrument(on_export="withhold")
    with application(recorded, "root", **{"input.value": PROMPT}), model_call(recorded) as live:
        with application(recorded, "below"):
            pass
        chat(US)
    stone, root = [span for span in recorded.every_span if span.name == WITHHELD_NAME]
    assert stone.context == live.get_span_context()
    assert (stone.parent, stone.start_time) == (getattr(live, "parent"), getattr(live, "start_time"))  # noqa: B009
    assert stone.events == ()
    assert {*(stone.attributes or {})} <= {
        *(key for key in names.__dict__.values() if isinstance(key, str) and key.startswith("residency."))
    }
    ids = {span.context.span_id for span in recorded.every_span if span.context}
    assert {span.parent.span_id for span in recorded.every_span if span.parent} <= ids
    assert dict(root.attributes or {}) == {names.EXPORT_ACTION: "withheld"}
    assert items(recorded) == {("traces", "withheld"): 2}


# Where spans stand


@pytest.mark.parametrize("mode", MODES)
def test_every_ancestor_is_treated(instrument: Instrument, mode: str) -> None:
    """Content on spans far above the call, with spans without content between."""
    recorded = instrument(on_export=mode)
    with application(recorded, "0", **{"input.value": PROMPT}), application(recorded, "1"):
        with application(recorded, "2"), application(recorded, "3", **{"gen_ai.prompt": PROMPT}):
            with model_call(recorded):
                chat(US)
    assert PROMPT not in recorded.everything


@pytest.mark.parametrize("mode", MODES)
def test_the_parent_of_a_span_that_never_ends_is_treated(instrument: Instrument, mode: str) -> None:
    """A span that is never ended does not hide its ancestors."""
    recorded = instrument(on_export=mode)
    with application(recorded, "root", **{"input.value": PROMPT}):
        forgotten = recorded.tracer_provider.get_tracer("some.genai").start_span("never ended")
        with trace.use_span(forgotten, end_on_exit=False):
            chat(US)
    assert PROMPT not in recorded.everything


@contextmanager
def sibling_span(recorded: Recorded, **arguments: Any) -> Iterator[None]:
    """A model call's span that is not current while the call is made."""
    tracer = recorded.tracer_provider.get_tracer("some.genai")
    span = tracer.start_span("beside", attributes={**KEPT, **CONTENT}, **arguments)
    yield
    span.end()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("apart", [False, True], ids=["same parent", "own trace"])
def test_a_sibling_span_of_the_call_is_treated(instrument: Instrument, mode: str, *, apart: bool) -> None:
    """Some instrumentations use a sibling of the call's span, or a separate trace."""
    recorded = instrument(on_export=mode)
    arguments = {"context": context.Context()} if apart else {}
    if apart:
        with sibling_span(recorded, **arguments):
            chat(US)
    else:
        with application(recorded, "root"), sibling_span(recorded):
            chat(US)
    assert PROMPT not in recorded.everything
    chat(EU)
    with sibling_span(recorded, **arguments):
        pass
    assert PROMPT in recorded.everything, "a model call that nobody judged is left alone"


@pytest.mark.parametrize("mode", MODES)
def test_a_call_in_a_thread_without_the_context_is_related(instrument: Instrument, mode: str) -> None:
    """A framework's span, and its call in a thread that was not handed the context: the worst is assumed."""
    recorded = instrument(on_export=mode)
    with model_call(recorded), ThreadPoolExecutor() as pool:
        pool.submit(chat, US).result()
    assert PROMPT not in recorded.everything
    with model_call(recorded):
        pass
    assert PROMPT in recorded.everything, "a span that began after it is left alone"


@pytest.mark.parametrize("where", ["beside", "below a span beside", "after the trace", "no trace around it"])
def test_an_error_that_is_recorded_on_another_span(
    instrument: Instrument, internet: Internet, where: str
) -> None:
    """The error of a violating call repeats the prompt, and is recorded on a span that is not above it."""
    internet.respond = lambda _: answer({"error": {"message": PROMPT}}, 400)
    recorded = instrument(on_export="redact")

    def fail() -> openai.BadRequestError:
        with pytest.raises(openai.BadRequestError) as raised:
            chat(US)
        return raised.value

    def record_error(error: Exception) -> None:
        with application(recorded, "log") as span:
            span.record_exception(error)

    if where == "no trace around it":
        record_error(fail())
    else:
        with application(recorded, "request"):
            error = fail()
            if where == "beside":
                record_error(error)
            elif where == "below a span beside":
                with application(recorded, "handler"):
                    record_error(error)
        if where == "after the trace":
            record_error(error)
    assert [event.name for event in span_of(recorded, "log").events] == ["exception"]
    assert PROMPT not in recorded.everything


def test_strict_treats_model_calls_that_nobody_judged(instrument: Instrument) -> None:
    """Unknown is a violation in strict mode: the content of another provider's call stays here too."""
    recorded = instrument(on_export="redact", strict=True)
    with model_call(recorded):
        pass
    assert PROMPT not in recorded.everything


def test_a_policy_that_cant_be_read_closes_the_gate(instrument: Instrument) -> None:
    """The requirement is unknown: no content of any call is exported."""
    recorded = instrument(on_export="redact", catalogue="openai-1999")
    with application(recorded, "root", **{"input.value": PROMPT}), model_call(recorded):
        chat(EU)
    log(recorded)
    assert PROMPT not in recorded.everything


# Calls that are not judged to their end


def test_a_stream_is_in_doubt_until_it_ends(instrument: Instrument, internet: Internet) -> None:
    """A span that ends while its call's answer is read leaves without content; one that ends after, with."""
    internet.respond = lambda _: events(chat_events("gpt-5.2-2025-12-11"))
    recorded = instrument(on_export="redact")
    client = openai.OpenAI(base_url=f"https://{EU}/v1", api_key="k")
    with model_call(recorded, "early"):
        stream = client.chat.completions.create(
            model="gpt-5.2", stream=True, messages=[{"role": "user", "content": PROMPT}]
        )
    assert not CONTENT.keys() & attributes_of(recorded, "early").keys()
    with model_call(recorded, "late"):
        list(stream)
        list(client.chat.completions.create(model="gpt-5.2", stream=True, messages=[]))
    assert attributes_of(recorded, "late").items() >= CONTENT.items()
    client.close()


def test_an_abandoned_stream_is_judged_at_once(instrument: Instrument, internet: Internet) -> None:
    """A stream that is closed early is judged by then, though it is reported by another thread."""
    internet.respond = lambda _: events(chat_events("gpt-5.2-2025-12-11"))
    recorded = instrument(on_export="redact")
    client = openai.OpenAI(base_url=f"https://{EU}/v1", api_key="k")
    with model_call(recorded):
        stream = client.chat.completions.create(model="gpt-5.2", stream=True, messages=[])
        next(stream)
        stream.close()
    settle()
    client.close()
    assert attributes_of(recorded, NAME).items() >= CONTENT.items()


# Log records


def test_a_record_before_its_call_waits_for_it(instrument: Instrument) -> None:
    """An event with content that is emitted before the call leaves when its span has ended, in order."""
    recorded = instrument(on_export="redact")
    with model_call(recorded):
        log(recorded, "gen_ai.system.message")
        log(recorded)
        assert recorded.logs() == []
        chat(EU)
    assert [record.event_name for record in recorded.logs()] == [
        "gen_ai.system.message",
        "gen_ai.user.message",
    ]
    assert recorded.everything.count(PROMPT) >= 2


def test_a_processor_that_fails_late_does_not_reach_the_application(
    instrument: Instrument, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error with a record that waited reaches neither the caller nor the code that ends a span."""
    recorded = instrument(on_export="redact")
    with model_call(recorded):
        log(recorded)
        monkeypatch.setattr(SimpleLogRecordProcessor, "on_emit", broken)
        chat(EU)
    assert recorded.logs() == []
    assert "sending a log record on" in caplog.text


def test_a_record_waits_for_a_call_without_a_span(instrument: Instrument) -> None:
    """Where nothing is sampled no span ends: the end of the call lets the record go."""
    recorded = instrument(on_export="redact", sampler=ALWAYS_OFF)
    with model_call(recorded):
        log(recorded)
        chat(EU)
    assert [record.body for record in recorded.logs("gen_ai.user.message")] == [{"content": PROMPT}]
    with model_call(recorded):
        log(recorded)
        chat(US)
    assert [record.body for record in recorded.logs("gen_ai.user.message")] == [{"content": PROMPT}, None]


def test_a_flush_lets_records_go_without_their_content(instrument: Instrument, items: Items) -> None:
    """A flush exports the records that wait, without their content."""
    recorded = instrument(on_export="redact")
    with model_call(recorded):
        log(recorded)
        recorded.logger_provider.force_flush()
        (record,) = recorded.logs("gen_ai.user.message")
        assert (record.body, record.attributes) == (None, {**KEPT, names.EXPORT_ACTION: "redacted"})
    assert items(recorded) == {("logs", "redacted"): 1}


def test_a_record_of_an_unknown_call_keeps_nothing(instrument: Instrument) -> None:
    """An event with content, without span and call, may be one of a violating call."""
    recorded = instrument(on_export="redact")
    log(recorded)
    assert [record.body for record in recorded.logs()] == [None]


def test_what_the_application_logs_is_left_alone(instrument: Instrument) -> None:
    """The application's records are exported at once and unchanged, also around a violating call."""
    recorded = instrument(on_export="withhold")
    with application(recorded):
        log(recorded, None, body="order 1 was taken", attributes={"order": 1})
        chat(US)
        log(recorded, None, body="order 2 was taken", attributes={"order": 2})
        assert [record.body for record in recorded.logs()] == ["order 1 was taken", "order 2 was taken"]


def test_a_withheld_record_keeps_its_place(instrument: Instrument, items: Items) -> None:
    """Of an event around a violating call its name, time and context are left."""
    recorded = instrument(on_export="withhold")
    with model_call(recorded) as span:
        chat(US)
        log(recorded, timestamp=7)
    (record,) = recorded.logs("gen_ai.user.message")
    assert (record.timestamp, record.span_id) == (7, span.get_span_context().span_id)
    assert (record.body, record.attributes) == (None, {names.EXPORT_ACTION: "withheld"})
    assert items(recorded) == {("logs", "withheld"): 1, ("traces", "withheld"): 1}


# The gate and the application


def broken(*_: object) -> None:
    """Fail, with content in the message."""
    raise RuntimeError(PROMPT)


@pytest.mark.parametrize("mode", MODES)
def test_a_failure_in_the_gate_withholds_the_item(
    instrument: Instrument,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    items: Items,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The application sees nothing of it, the item leaves without content and is counted."""
    recorded = instrument(on_export=mode)
    monkeypatch.setattr(Content, "of_model_call", broken)
    monkeypatch.setattr(Content, "of_logger", broken)
    with model_call(recorded):
        chat(EU)
        log(recorded, "some.event")
    assert len(recorded.every_span) == 2
    assert PROMPT not in recorded.everything
    assert items(recorded) == {("traces", "withheld"): 1, ("logs", "withheld"): 1}
    assert "RuntimeError" in caplog.text
    assert PROMPT not in caplog.text


def test_a_failure_in_the_gate_changes_nothing_in_flag_mode(
    residency: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is protected there, so nothing is withheld."""
    monkeypatch.setattr(Content, "of_model_call", broken)
    with model_call(residency):
        chat(US)
    assert attributes_of(residency, NAME) == {**KEPT, **CONTENT}


def test_switched_off_the_gate_does_nothing(instrument: Instrument) -> None:
    """After `uninstrument` everything leaves as it is; switched on again it is treated."""
    recorded = instrument(on_export="redact")
    ResidencyInstrumentor().uninstrument()
    with model_call(recorded):
        log(recorded)
        chat(US)
    assert attributes_of(recorded, NAME) == {**KEPT, **CONTENT}
    again = instrument(on_export="redact")
    with model_call(again):
        chat(US)
    assert PROMPT not in again.everything


def test_the_concurrent_processor_is_gated_too(instrument: Instrument) -> None:
    """A provider that hands its spans to several threads."""
    instrument(on_export="redact")
    exporter = InMemorySpanExporter()
    provider = TracerProvider(active_span_processor=ConcurrentMultiSpanProcessor(2))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("t").start_as_current_span("s", attributes=CONTENT):
        chat(US)
    (span,) = exporter.get_finished_spans()
    assert PROMPT not in span.to_json()
    provider.shutdown()


def test_a_call_without_a_span_is_related(instrument: Instrument) -> None:
    """Suppressed instrumentation does not open the gate."""
    recorded = instrument(on_export="redact")
    with model_call(recorded), suppress_instrumentation():
        chat(US)
    assert PROMPT not in recorded.everything


def test_an_error_that_repeats_the_prompt_is_taken_off_the_ancestors(
    instrument: Instrument, internet: Internet
) -> None:
    """An exception that passes through spans of the application is recorded there without its message."""
    internet.respond = lambda _: answer({"error": {"message": PROMPT}}, 400)
    recorded = instrument(on_export="redact")
    with (
        pytest.raises(openai.BadRequestError),
        application(recorded, "root"),
        application(recorded, "middle"),
    ):
        chat(US)
    assert [event.name for event in span_of(recorded, "root").events] == ["exception"]
    assert PROMPT not in recorded.everything
