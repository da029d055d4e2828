"""langfuse: its wrapper of the client, and its span processor. It uploads media on the side."""

from collections.abc import Iterator
from contextlib import contextmanager

import langfuse
import langfuse.openai
from exported import RESOURCE, Providers, Spans
from opentelemetry.sdk.trace import TracerProvider


@contextmanager
def wrapper(providers: Providers, url: str) -> Iterator[TracerProvider]:
    """The import above has wrapped the client already."""
    traces = TracerProvider(resource=RESOURCE)
    client = langfuse.Langfuse(
        public_key="pk-made-up",
        secret_key="sk-made-up",
        base_url=url,
        span_exporter=Spans(providers.exported),
        tracer_provider=traces,
        should_export_span=lambda _: True,
    )
    yield traces
    client.shutdown()


MODES = {"wrapper": wrapper}
