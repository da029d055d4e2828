"""What is emitted of a call: by the names of the contract, with or without sampling, and never content."""

import json
import logging
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import openai
import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, StatusCode

from examples.demo.loopback import Asked, Reply
from otel_residency import ResidencyInstrumentor, ResidencyViolationError
from otel_residency.telemetry import names
from otel_residency.version import __version__
from tests.calls.kinds import Kind
from tests.calls.resources import METHODS
from tests.internet import EU, US, Internet
from tests.recorded import Instrument, Recorded, settle
from tests.vendor import ALIAS, SNAPSHOT, answer, chat_events, error, events, ordinary, redirect

CHAT: dict[str, Any] = {"model": ALIAS, "messages": [{"role": "user", "content": "Hello"}]}


def chat(kind: Kind, client: Any) -> Any:
    """One chat completion."""
    return kind.run(client.chat.completions.create(**CHAT))


# The span.


class Forgetful(Sampler):
    """Samples everything, and keeps no attribute that a span starts with."""

    def should_sample(self, *_: Any, **__: Any) -> SamplingResult:
        """Sample it."""
        return SamplingResult(Decision.RECORD_AND_SAMPLE)

    def get_description(self) -> str:
        """Name it."""
        return "forgetful"


def test_a_sampler_that_drops_attributes(instrument: Instrument, sync: Kind) -> None:
    """What a span starts with is there whatever the sampler made of it."""
    residency = instrument(sampler=Forgetful())
    chat(sync, sync.open())
    assert residency.span["residency.verdict"] == "eligible"
    assert residency.span["residency.endpoint"] == "/v1/chat/completions"


def test_the_span_of_a_call(kind: Kind, residency: Recorded) -> None:
    """An eligible call has exactly these attributes."""
    chat(kind, kind.open())
    (span,) = residency.spans
    attributes: dict[str, Any] = dict(span.attributes or {})
    assert re.fullmatch("[0-9a-f]{12}", attributes.pop("residency.policy"))
    assert attributes == {
        "residency.verdict": "eligible",
        "residency.violation": False,
        "residency.reasons": ("model.alias_resolved",),
        "residency.region": "eu",
        "residency.required": ("eu",),
        "residency.base_url": f"https://{EU}/v1/",
        "residency.endpoint": "/v1/chat/completions",
        "residency.model.requested": ALIAS,
        "residency.model.snapshot": SNAPSHOT,
        "residency.hop.hosts": (EU,),
        "residency.hop.regions": ("eu",),
        "residency.catalogue": "openai-2026-11",
        "residency.evidence.request_id": "req_test",
        "residency.evidence.project": "proj_test",
        "residency.evidence.organization": "example-gmbh",
        "residency.evidence.edge": "FRA",
        "residency.evidence.peer_address": "127.0.0.1",
        "residency.evidence.tls_version": "TLSv1.3",
        "server.address": EU,
        "server.port": 443,
        "http.request.method": "POST",
        "http.response.status_code": 200,
    }


def test_the_name_kind_and_scope_of_a_span(kind: Kind, residency: Recorded) -> None:
    """Every span is named by method and endpoint, is internal, and carries scope, version and schema."""
    chat(kind, kind.open())
    (span,) = residency.spans
    assert (span.name, span.kind) == ("residency POST /v1/chat/completions", SpanKind.INTERNAL)
    assert (span.status.status_code, span.events, span.links) == (StatusCode.UNSET, (), ())
    scope = span.instrumentation_scope
    assert scope is not None
    assert (scope.name, scope.version, scope.schema_url) == (names.SCOPE, __version__, names.SCHEMA_URL)


@pytest.mark.parametrize(
    ("path", "arguments", "name"),
    [
        ("files.content", ["file-1"], "residency GET /v1/files/{file_id}/content"),
        ("models.list", [], "residency GET /v1/models"),
        ("batches.cancel", ["batch_1"], "residency POST /v1/batches/{batch_id}/cancel"),
        (
            "vector_stores.files.retrieve",
            ["f"],
            "residency GET /v1/vector_stores/{vector_store_id}/files/{file_id}",
        ),
    ],
)
def test_ids_are_not_in_names(
    kind: Kind, residency: Recorded, *, path: str, arguments: list[str], name: str
) -> None:
    """A name groups calls: the ids in a path are not part of it, nor of any attribute."""
    if path not in METHODS:
        pytest.skip(f"openai {openai.VERSION} has no {path}")
    found: Any = kind.open()
    for part in path.split("."):
        found = getattr(found, part)
    more = {"vector_store_id": "vs_1"} if "vector" in path else {}
    result = found(*arguments, **more)
    kind.items(result) if path == "models.list" else kind.run(result)
    assert [span.name for span in residency.spans] == [name]
    assert "vs_1" not in residency.everything


def test_a_call_to_an_unknown_endpoint(kind: Kind, residency: Recorded) -> None:
    """A path that the catalogue does not know appears nowhere."""
    kind.run(kind.open().post("/inventions/of-mine", cast_to=object, body={}))
    assert [span.name for span in residency.spans] == ["residency POST unknown"]
    assert "inventions" not in residency.everything


def test_the_span_of_a_failed_call(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """A failed call has an error status without a description, and no recorded exception."""
    internet.respond = lambda _: error(404, message="no such thing")
    with pytest.raises(openai.NotFoundError):
        chat(kind, kind.open())
    (span,) = residency.spans
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    assert (span.attributes or {})["error.type"] == "404"
    assert span.events == ()


def test_the_span_of_a_call_outside_of_any_requirement(kind: Kind, instrument: Instrument) -> None:
    """Without a requirement nothing is a violation, and nothing is required."""
    residency = instrument(require=[])
    chat(kind, kind.open(base_url=f"https://{US}/v1"))
    assert residency.span["residency.violation"] is False
    assert "residency.required" not in residency.span
    assert "residency.action" not in residency.span


def test_azure_names_its_region(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """The region that an Azure resource says of itself is evidence."""
    internet.respond = lambda _: answer({"model": SNAPSHOT}, x_ms_region="Sweden Central")
    chat(kind, kind.open())
    assert residency.span["residency.evidence.azure_region"] == "Sweden Central"


@pytest.mark.parametrize("value", ["x" * 129, "", "a\x01b"], ids=["long", "empty", "unprintable"])
def test_evidence_that_is_none(kind: Kind, residency: Recorded, internet: Internet, *, value: str) -> None:
    """A header that holds what no such header holds is left out."""
    internet.respond = lambda _: answer({"model": SNAPSHOT}, openai_project=value)
    chat(kind, kind.open())
    assert "residency.evidence.project" not in residency.span
    assert residency.span["residency.evidence.request_id"] == "req_test"


def test_the_span_lasts_as_long_as_the_call(kind: Kind, residency: Recorded) -> None:
    """The span of the application that surrounds a call surrounds our span, too."""
    with residency.tracer_provider.get_tracer("application").start_as_current_span("work"):
        chat(kind, kind.open())
    ours, work = residency.every_span
    times = [work.start_time, ours.start_time, ours.end_time, work.end_time]
    assert times == sorted(times, key=lambda time: time or 0)


# Metrics and events.


def test_calls_are_counted(kind: Kind, residency: Recorded) -> None:
    """Each call is counted once, by what a dashboard groups by."""
    client = kind.open()
    chat(kind, client)
    chat(kind, client)
    chat(kind, client.with_options(base_url=f"https://{US}/v1"))
    common = {"residency.endpoint": "/v1/chat/completions"}
    eligible = {"residency.verdict": "eligible", "residency.violation": False, "residency.region": "eu"}
    ineligible = {"residency.verdict": "ineligible", "residency.violation": True, "residency.region": "us"}
    flagged = {"residency.action": "flagged"}
    points = sorted(residency.points("residency.calls"), key=lambda point: -point[0])
    assert [(value, dict(attributes)) for value, attributes in points] == [
        (2, {**common, **eligible}),
        (1, {**common, **ineligible, **flagged}),
    ]


def test_the_policy_in_force_is_reported(instrument: Instrument) -> None:
    """A gauge of 1 names policy, table and modes."""
    residency = instrument(on_call="block", strict=True)
    ((value, attributes),) = residency.points("residency.policy.info")
    found = dict(attributes)
    assert re.fullmatch("[0-9a-f]{12}", found.pop("residency.policy"))
    assert (value, found) == (
        1,
        {
            "residency.catalogue": "openai-2026-11",
            "residency.mode.on_call": "block",
            "residency.mode.on_export": "flag",
            "residency.mode.strict": True,
        },
    )


def test_the_age_of_the_table_in_force_is_reported(instrument: Instrument) -> None:
    """A gauge of Unix time names the table that is pinned, and the day it was last checked."""
    residency = instrument(catalogue="openai-2026-06")
    ((value, attributes),) = residency.points("residency.catalogue.timestamp")
    assert dict(attributes) == {"residency.catalogue": "openai-2026-06"}
    assert datetime.fromtimestamp(value, UTC).date() == date(2026, 7, 9)


def test_the_policy_of_now_is_reported_and_none_when_off(residency: Recorded) -> None:
    """Switched off, the gauge is absent; switched on with another policy, it tells that one."""
    (first,) = residency.points("residency.policy.info")
    ResidencyInstrumentor().uninstrument()
    assert residency.points("residency.policy.info") == []
    ResidencyInstrumentor().instrument(require=["us"], **residency.providers)
    (second,) = residency.points("residency.policy.info")
    assert first[1]["residency.policy"] != second[1]["residency.policy"]


def test_a_violation_is_an_event(kind: Kind, residency: Recorded) -> None:
    """A violating call is one log record, with what its span says, in the context of the span."""
    chat(kind, kind.open(base_url=f"https://{US}/v1"))
    (span,) = residency.spans
    (record,) = residency.violations
    assert span.context is not None
    assert (record.trace_id, record.span_id) == (span.context.trace_id, span.context.span_id)
    assert (record.severity_text, record.body) == ("ERROR", "A call broke the residency requirement.")
    attributes = {
        key: tuple(value) if isinstance(value, list) else value for key, value in record.attributes.items()
    }
    assert attributes == dict(span.attributes or {})


def test_an_eligible_call_is_no_event(kind: Kind, residency: Recorded) -> None:
    """Nothing is logged of a call that keeps the requirement."""
    chat(kind, kind.open())
    assert residency.violations == []


# Where nobody looks: sampled out, suppressed, without an SDK.


@pytest.mark.parametrize("sampler", [ALWAYS_OFF, ParentBased(ALWAYS_OFF)], ids=["off", "by parent"])
def test_a_call_that_is_sampled_out(kind: Kind, instrument: Instrument, *, sampler: Any) -> None:
    """No span is exported, but the call is counted, and the violation is an event."""
    residency = instrument(sampler=sampler)
    chat(kind, kind.open(base_url=f"https://{US}/v1"))
    assert residency.every_span == []
    assert residency.counted == 1
    (record,) = residency.violations
    assert record.trace_id != 0
    assert record.attributes["residency.region"] == "us"


def test_a_call_that_is_sampled_out_is_refused(
    kind: Kind, instrument: Instrument, internet: Internet
) -> None:
    """What is recorded has no say in what is allowed."""
    residency = instrument(sampler=ALWAYS_OFF, on_call="block")
    with pytest.raises(ResidencyViolationError):
        chat(kind, kind.open(base_url=f"https://{US}/v1"))
    assert internet.connections == []
    assert residency.counted == 1


def test_a_call_under_suppression(kind: Kind, instrument: Instrument, internet: Internet) -> None:
    """Suppressed instrumentation makes no span; the guard stands all the same."""
    residency = instrument(on_call="block")
    client = kind.open()
    with suppress_instrumentation():
        chat(kind, client)
        with pytest.raises(ResidencyViolationError):
            chat(kind, client.with_options(base_url=f"https://{US}/v1"))
    assert residency.every_span == []
    assert internet.hosts == [EU]
    assert (residency.counted, len(residency.violations)) == (2, 1)


def test_without_an_sdk(kind: Kind, internet: Internet, instrument: Instrument) -> None:
    """With the API alone nothing is emitted, and the guard stands all the same."""
    instrument().shutdown()
    ResidencyInstrumentor().uninstrument()
    providers = {"tracer_provider": trace.NoOpTracerProvider()}
    ResidencyInstrumentor().instrument(require=["eu"], on_call="block", **providers)
    client = kind.open()
    chat(kind, client)
    with pytest.raises(ResidencyViolationError):
        chat(kind, client.with_options(base_url=f"https://{US}/v1"))
    assert internet.hosts == [EU]


# Nothing secret, anywhere.

SECRET = "s3cr3t"
PROMPT = f"{SECRET}-prompt"
TOOL = {"type": "function", "function": {"name": f"{SECRET}_tool", "parameters": {"type": "object"}}}


def secretive(kind: Kind, host: str) -> Any:
    """A client that has a secret in every place where clients have them."""
    return kind.open(
        base_url=f"https://{SECRET}-user:{SECRET}-password@{host}/v1?key={SECRET}-query",
        api_key=f"sk-{SECRET}",
        default_headers={"x-own": f"{SECRET}-header", "authorization": f"Bearer {SECRET}-bearer"},
        default_query={"api-key": f"{SECRET}-default-query"},
    )


def whole(kind: Kind, client: Any) -> None:
    """Ask for a completion."""
    kind.run(
        client.chat.completions.create(
            **{**CHAT, "messages": [{"role": "user", "content": PROMPT}]},
            tools=[TOOL],
            user=f"{SECRET}-user",
            extra_body={"metadata": {"note": f"{SECRET}-metadata"}},
            extra_headers={"x-call": f"{SECRET}-call-header"},
            extra_query={"q": f"{SECRET}-call-query"},
        )
    )


def streamed(kind: Kind, client: Any) -> None:
    """Ask for a stream."""
    messages = [{"role": "user", "content": PROMPT}]
    kind.items(kind.run(client.chat.completions.create(**{**CHAT, "messages": messages}, stream=True)))


def uploaded(kind: Kind, client: Any) -> None:
    """Send a file."""
    kind.run(client.files.create(file=(f"{SECRET}.txt", PROMPT.encode()), purpose="user_data"))


def fetched(kind: Kind, client: Any) -> None:
    """Name a thing by an id that is nobody's business, in a path that the catalogue does not know."""
    kind.run(client.get(f"/{SECRET}/things/{SECRET}-id?q={SECRET}", cast_to=object))


def answering(_: Asked) -> Reply:
    """An answer full of secrets."""
    message = {"role": "assistant", "content": f"{SECRET}-answer"}
    return answer({"id": f"{SECRET}-id", "model": SNAPSHOT, "choices": [{"index": 0, "message": message}]})


def streaming(request: Asked) -> Reply:
    """A stream full of secrets, which breaks."""
    if b'"stream"' not in request.body:
        return answering(request)
    parts = [part.replace(b"Hello", SECRET.encode()) for part in chat_events(SNAPSHOT)]
    failure = b'data: {"error": {"message": "%b", "code": "%b"}}\n\n' % ((SECRET.encode(),) * 2)
    return events([*parts, failure])


def failing(_: Asked) -> Reply:
    """An error that repeats what it was asked."""
    return error(400, f"{SECRET}-code", f"{PROMPT} is not nice", x_request_id="req_1")


def redirecting(request: Asked) -> Reply:
    """A redirect to a URL with a secret in it."""
    if request.host == EU:
        return redirect(307, f"https://{SECRET}:{SECRET}@{US}/v1/{SECRET}?{SECRET}=1#{SECRET}")
    return ordinary(request)


@pytest.mark.parametrize("make", [whole, streamed, uploaded, fetched])
@pytest.mark.parametrize("respond", [answering, streaming, failing, redirecting])
@pytest.mark.parametrize("mode", ["flag", "block"])
@pytest.mark.parametrize("host", [EU, US])
def test_nothing_secret_is_reported(
    kind: Kind,
    instrument: Instrument,
    internet: Internet,
    caplog: pytest.LogCaptureFixture,
    *,
    make: Callable[[Kind, Any], None],
    respond: Callable[[Asked], Reply],
    mode: str,
    host: str,
) -> None:
    """No prompt, answer, key, user name, header or query is in a span, metric, event, log or refusal."""
    residency = instrument(on_call=mode)
    internet.respond = respond
    refusal = ""
    with caplog.at_level(logging.DEBUG, "otel_residency"):
        try:
            make(kind, secretive(kind, host))
        except ResidencyViolationError as caught:
            refusal = f"{caught!r} {caught} {caught.args} {caught.decision}"
        except openai.OpenAIError:
            pass
        settle()
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("otel_residency")]
    everything = residency.everything
    assert residency.counted == 1
    assert everything.count("residency.verdict") >= 2
    assert SECRET not in everything
    assert SECRET not in refusal
    assert SECRET not in json.dumps(messages)
