"""A GenAI instrumentation as simple as can be, with content wherever one can be found."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import openai
from opentelemetry._logs import LogRecord
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode

from tests.internet import EU
from tests.recorded import Recorded
from tests.vendor import ALIAS

PROMPT = "my claim is number 4711"
CONTENT = {"gen_ai.input.messages": PROMPT, "llm.input_messages.0.message.content": PROMPT}
KEPT = {"gen_ai.request.model": ALIAS, "gen_ai.usage.input_tokens": 31, "gen_ai.operation.name": "chat"}
ELSEWHERE = SpanContext(0xABC, 0xDEF, is_remote=False)


@contextmanager
def model_call(recorded: Recorded, name: str = "chat gpt-5.2") -> Iterator[Span]:
    """The span of a model call, current while it is made, with the prompt in every part of it."""
    tracer = recorded.tracer_provider.get_tracer("some.genai")
    link = Link(ELSEWHERE, {"gen_ai.prompt": PROMPT})
    with tracer.start_as_current_span(
        name, kind=SpanKind.CLIENT, attributes={**KEPT, **CONTENT}, links=[link]
    ) as span:
        span.add_event("gen_ai.user.message", {"content": PROMPT})
        span.add_event("exception", {"exception.type": "E", "exception.message": PROMPT})
        yield span
        span.set_status(Status(StatusCode.ERROR, f"can't say anything of {PROMPT}"))


@contextmanager
def application(recorded: Recorded, name: str = "handle", **attributes: Any) -> Iterator[Span]:
    """A span of the application's."""
    tracer = recorded.tracer_provider.get_tracer("app")
    with tracer.start_as_current_span(name, attributes=attributes) as span:
        yield span


def chat(host: str = EU, **options: Any) -> Any:
    """One chat completion at `host`."""
    with openai.OpenAI(base_url=f"https://{host}/v1", api_key="k", max_retries=0) as client:
        return client.chat.completions.create(
            model=ALIAS, messages=[{"role": "user", "content": PROMPT}], **options
        )


def log(recorded: Recorded, event: str | None = "gen_ai.user.message", **fields: Any) -> None:
    """A log record of the instrumentation; a content event unless said otherwise."""
    logger = recorded.logger_provider.get_logger("some.genai")
    logger.emit(LogRecord(**{"event_name": event, "body": {"content": PROMPT}, "attributes": KEPT, **fields}))


def span_of(recorded: Recorded, name: str) -> ReadableSpan:
    """The one exported span with this name."""
    (span,) = [span for span in recorded.every_span if span.name == name]
    return span
