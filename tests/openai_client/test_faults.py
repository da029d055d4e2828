"""Each part is broken on purpose: the application does not notice, and the guard does not let go.

What judges a call and what tells of it fail differently. Where a call can't be judged, flag mode lets it go
and block mode refuses it; where it can't be told of, neither does anything but log.
"""

import gc
import logging
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import openai
import pytest
from openai import BaseModel
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Sampler
from opentelemetry.trace import NoOpTracerProvider

from examples.demo.loopback import Asked, Reply
from otel_residency import ResidencyInstrumentor, ResidencyViolationError
from otel_residency.errors import CatalogueError
from otel_residency.openai_client.patch import switch
from otel_residency.settings import Settings, read_settings
from tests.conftest import EU_POLICY, Instrument
from tests.internet import EU, US, Internet
from tests.openai_client.http_library import MAJOR, http
from tests.openai_client.kinds import Kind
from tests.recorded import Recorded, settle
from tests.vendor import SNAPSHOT, answer, error, ordinary, redirect

PROMPT = "the prompt that must not be logged"
CHAT: dict[str, Any] = {"model": SNAPSHOT, "messages": [{"role": "user", "content": PROMPT}]}
ELSEWHERE = "gpt-4-32k"
"""A model that the answers of a few tests name."""


def broken(*_: Any, **__: Any) -> Any:
    """Fail as a bug would that has the prompt in its hands."""
    raise RuntimeError(PROMPT)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client try again at once."""
    monkeypatch.setattr(openai._base_client.BaseClient, "_calculate_retry_timeout", lambda *_, **__: 0)


@pytest.fixture(autouse=True)
def _tidy(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever fails, nothing of ours stays current, is logged twice or shows content."""
    caplog.set_level(logging.WARNING)
    yield
    assert not trace.get_current_span().get_span_context().is_valid
    told = told_by_us(caplog)
    assert len(told) == len(set(told))
    assert not any(PROMPT in record.getMessage() or record.exc_info for record in ours(caplog))


def ours(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What the package logged."""
    return [record for record in caplog.records if record.name.startswith("otel_residency")]


def told_by_us(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The parts that the package says have failed."""
    beginning = "otel-residency failed in "
    messages = [record.getMessage() for record in ours(caplog)]
    return [each.removeprefix(beginning).partition(":")[0] for each in messages if each.startswith(beginning)]


class Outcome(NamedTuple):
    """What an application gets of a call."""

    kind: str
    content: str


def outcome(kind: Kind, act: Callable[[], Any]) -> Outcome:
    """Do something, and take down what comes of it, whatever it is."""
    try:
        result = act()
    except Exception as error:  # noqa: BLE001 - it is compared
        return Outcome(type(error).__qualname__, str(error))
    return Outcome(type(result).__qualname__, str(result))


def whole(kind: Kind, client: Any) -> Any:
    """An answer in one piece."""
    return kind.run(client.chat.completions.create(**CHAT))


def streamed(kind: Kind, client: Any) -> Any:
    """A stream, read to its end."""
    return kind.items(kind.run(client.chat.completions.create(**CHAT, stream=True)))


def raw(kind: Kind, client: Any) -> Any:
    """A raw response."""
    return kind.run(client.chat.completions.with_raw_response.create(**CHAT)).parse()


def read_later(kind: Kind, client: Any) -> Any:
    """A response that the application reads."""
    manager = client.chat.completions.with_streaming_response.create(**CHAT)
    body = kind.run(kind.enter(manager).read())
    kind.leave(manager)
    return body


def refused_by_vendor(kind: Kind, client: Any) -> Any:
    """An answer that the client raises."""
    return kind.run(client.models.retrieve("refused"))


def redirected(kind: Kind, client: Any) -> Any:
    """An answer of another host in the region."""
    return kind.run(client.models.retrieve("redirected"))


CALLS = (whole, streamed, raw, read_later, refused_by_vendor, redirected)


def respond(asked: Asked) -> Reply:
    """What the hosts answer to the calls above."""
    if asked.path.endswith("/refused"):
        return error(404, "model_not_found", "there is no such model")
    if asked.path.endswith("/redirected") and asked.host == EU:
        return redirect(307, "https://mtls-eu.api.openai.com/v1/models/redirected")
    return ordinary(asked)


@pytest.fixture
def outcomes(kind: Kind, internet: Internet) -> Callable[[], list[Outcome]]:
    """Makes each kind of call twice, and tells what the application got."""
    internet.respond = respond
    client = kind.open(max_retries=2)

    def make() -> list[Outcome]:
        found = [outcome(kind, lambda call=call: call(kind, client)) for call in CALLS * 2]  # type: ignore[misc]
        gc.collect()
        settle()
        return found

    return make


# What judges a call.

JUDGING: dict[str, tuple[str, ...]] = {
    "reading the body": ("otel_residency.openai_client.facts.BodyReader.read",),
    "reading the base URL": ("otel_residency.openai_client.state.State.base_url",),
    "reading where a request goes": ("otel_residency.openai_client.call.read_hop",),
    "reading where it still goes": ("otel_residency.openai_client.call.read_host_header",),
    "deciding": ("otel_residency.guard.decide",),
    "loading the catalogue": ("otel_residency.guard.load_catalogue",),
    "checking the policy": ("otel_residency.guard.policy_problems",),
    "describing a decision": ("otel_residency.guard._judged",),
}
del JUDGING["describing a decision"]  # what stands in for a decision is described in the same way
"""What to break: names of functions."""


def unreadable(*_: Any, **__: Any) -> Any:
    """Fail as the catalogue does when it is damaged."""
    raise CatalogueError("damaged")


@pytest.mark.parametrize("part", JUDGING)
def test_flag_mode_goes_on_without_a_judge(
    outcomes: Callable[[], list[Outcome]],
    instrument: Instrument,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    part: str,
) -> None:
    """Where a call can't be judged, the application gets what it would get, and the failure is logged once."""
    expected = outcomes()
    for name in JUDGING[part]:
        monkeypatch.setattr(name, broken)
    recorded = instrument()
    assert expected == outcomes()
    assert "judging a call" in told_by_us(caplog)
    assert set(recorded.values("residency.verdict")) <= {"indeterminate"}
    assert recorded.violations == []
