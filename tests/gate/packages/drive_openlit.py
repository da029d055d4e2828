"""openlit: content on spans and in log events."""

from collections.abc import Iterator
from contextlib import contextmanager

import openlit
from exported import Providers
from opentelemetry import metrics, trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.trace import TracerProvider


@contextmanager
def both(providers: Providers, url: str) -> Iterator[TracerProvider]:
    """It takes the providers that are set, and would fetch its prices from the internet."""
    trace.set_tracer_provider(providers.traces)
    set_logger_provider(providers.logs)
    metrics.set_meter_provider(providers.metrics)
    openlit.init(capture_message_content=True, pricing_json=f"{url}/prices.json")
    yield providers.traces


MODES = {"both": both}
