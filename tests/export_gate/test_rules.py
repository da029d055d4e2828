"""`on_export` of a rule: what leaves depends on the call that an item of telemetry belongs to."""

import openai
import pytest

from otel_residency.export_gate.redact import WITHHELD_NAME
from tests.export_gate.genai import CONTENT, PROMPT, application, chat, log, model_call, span_of
from tests.internet import EU, US
from tests.recorded import Instrument, Recorded, settle

RULES = [
    {"when": {"endpoint": "/v1/responses"}, "on_export": "withhold"},
    {"when": {"endpoint": "/v1/embeddings"}, "on_export": "redact"},
]


def embed(host: str) -> None:
    """An embeddings call."""
    with openai.OpenAI(base_url=f"https://{host}/v1", api_key="k", max_retries=0) as client:
        client.embeddings.create(model="text-embedding-3-small", input=PROMPT)


def respond(host: str) -> None:
    """A call of responses."""
    with openai.OpenAI(base_url=f"https://{host}/v1", api_key="k", max_retries=0) as client:
        client.responses.create(model="gpt-5.2", input=PROMPT)


@pytest.fixture
def recorded(instrument: Instrument) -> Recorded:
    """What is exported under the rules."""
    return instrument(rule=RULES)


def test_the_span_of_a_model_call_is_treated_by_the_rule_of_its_endpoint(recorded: Recorded) -> None:
    """Withheld, redacted, and only flagged, each in a trace of its own."""
    with model_call(recorded, "chat"):
        chat(US)
    with model_call(recorded, "embed"):
        embed(US)
    with model_call(recorded, "respond"):
        respond(US)
    assert CONTENT.items() <= dict(span_of(recorded, "chat").attributes or {}).items()
    assert not CONTENT.keys() & (span_of(recorded, "embed").attributes or {}).keys()
    assert PROMPT not in span_of(recorded, "embed").to_json()
    assert PROMPT not in span_of(recorded, WITHHELD_NAME).to_json()


def test_what_is_around_a_flagged_call_keeps_its_content(recorded: Recorded) -> None:
    """Ancestors and log records too; those of a withheld call don't, even beside a flagged one."""
    with application(recorded, "flagged", **{"input.value": PROMPT}), model_call(recorded, "chat"):
        chat(US)
        log(recorded)
    with application(recorded, "both", **{"input.value": PROMPT}), application(recorded, "inner"):
        chat(US)
        respond(US)
        log(recorded)
    settle()
    assert PROMPT in span_of(recorded, "flagged").to_json()
    stones = [span for span in recorded.every_span if span.name == WITHHELD_NAME]
    assert len(stones) == 2, "both and inner"
    assert [PROMPT in str(record.body) for record in recorded.logs()] == [True, False]


def test_an_eligible_call_under_a_withholding_rule_keeps_its_content(recorded: Recorded) -> None:
    """The rule is about violations."""
    with model_call(recorded, "respond"):
        with openai.OpenAI(base_url=f"https://{EU}/v1", api_key="k", max_retries=0) as client:
            client.responses.create(model="gpt-5.2-2025-12-11", input=PROMPT)
    assert PROMPT in span_of(recorded, "respond").to_json()


def test_a_project_that_may_answer_counts_until_it_does(instrument: Instrument) -> None:
    """While a call is open it is in doubt by the strictest rule; what answered settles it."""
    recorded = instrument(rule=[{"when": {"project": "proj_test"}, "on_export": "redact"}])
    with openai.OpenAI(base_url=f"https://{EU}/v1", api_key="k", max_retries=0) as client:
        with model_call(recorded, "chat"):
            messages = [{"role": "user", "content": PROMPT}]
            stream = client.chat.completions.create(model="gpt-5.2", messages=messages, stream=True)  # type: ignore[call-overload]
        assert PROMPT not in span_of(recorded, "chat").to_json()
        list(stream)
