"""openinference-instrumentation-openai: content on spans, under its names and those of the conventions."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from exported import Providers
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.trace import TracerProvider


@contextmanager
def both(providers: Providers, _url: str) -> Iterator[TracerProvider]:
    """Both sets of names; it captures content unless told otherwise."""
    os.environ["OPENINFERENCE_ENABLE_GENAI_SEMCONV"] = "true"
    OpenAIInstrumentor().instrument(tracer_provider=providers.traces)
    yield providers.traces


MODES = {"both": both}
