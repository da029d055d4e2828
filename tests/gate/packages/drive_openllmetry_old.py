"""opentelemetry-instrumentation-openai before it took up the conventions' names: a key for each text."""

from collections.abc import Iterator
from contextlib import contextmanager

from exported import Providers
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.trace import TracerProvider


@contextmanager
def attributes(providers: Providers, _url: str) -> Iterator[TracerProvider]:
    """Content on spans: the default, and what it captures unless told otherwise."""
    OpenAIInstrumentor(enrich_assistant=True).instrument(**providers.named)
    yield providers.traces


MODES = {"attributes": attributes}
