"""opentelemetry-instrumentation-openai (OpenLLMetry): content on spans, or in a log event per message."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from exported import Providers
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.trace import TracerProvider


def attributes(providers: Providers, _url: str) -> AbstractContextManager[TracerProvider]:
    """Content on spans: the default."""
    return instrumented(providers, use_attributes=True)


def events(providers: Providers, _url: str) -> AbstractContextManager[TracerProvider]:
    """A log event per message."""
    return instrumented(providers, use_attributes=False)


@contextmanager
def instrumented(providers: Providers, *, use_attributes: bool) -> Iterator[TracerProvider]:
    """Switch it on; it captures content unless told otherwise."""
    OpenAIInstrumentor(enrich_assistant=True, use_attributes=use_attributes).instrument(**providers.named)
    yield providers.traces


MODES = {"attributes": attributes, "events": events}
