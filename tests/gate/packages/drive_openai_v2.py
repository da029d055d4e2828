"""opentelemetry-instrumentation-openai-v2: a log event per message, or what the newer conventions say."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from exported import Providers
from opentelemetry.trace import TracerProvider


def events(providers: Providers, _url: str) -> AbstractContextManager[TracerProvider]:
    """A log event per message: the default."""
    return instrumented(providers, "true")


def experimental(providers: Providers, _url: str) -> AbstractContextManager[TracerProvider]:
    """Content on spans and in one log event per call."""
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
    os.environ["OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT"] = "true"
    return instrumented(providers, "SPAN_AND_EVENT")


@contextmanager
def instrumented(providers: Providers, capture: str) -> Iterator[TracerProvider]:
    """Switch it on: it reads its environment when it is imported."""
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = capture
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(**providers.named)
    yield providers.traces


MODES = {"events": events, "experimental": experimental}
