"""What the drivers share: the calls against the server on loopback, and everything that they exported."""

import gc
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, TypeAlias

import openai
from calls import CALLS, Clients, ConsumerError
from exported import Exported, Providers
from loopback import serving
from opentelemetry.sdk._logs import LoggingHandler
from opentelemetry.trace import Tracer, TracerProvider

APPLICATION = "application"
"""Scope of the span that an application has around each call."""

Instrumented: TypeAlias = Callable[[Providers, str], AbstractContextManager[TracerProvider]]
"""A package switched on, given the server's address; gives the provider that its spans come from."""


def drive(instrumented: Instrumented) -> dict[str, Any]:
    """Make all calls, and tell what was exported. Anything that is logged is exported too."""
    exported = Exported()
    providers = Providers(exported)
    logging.getLogger().addHandler(LoggingHandler(logger_provider=providers.logs))
    with serving(exported.uploads) as url, instrumented(providers, url) as traces:
        make_calls(traces.get_tracer(APPLICATION), exported, url)
    return exported.document()


def make_calls(tracer: Tracer, exported: Exported, url: str) -> None:
    """Make each call below a span of the application's, which sees what the call raises.

    What a call leaves behind is collected after it and at no other time, so that each run exports the same.
    """
    gc.disable()
    settings: dict[str, Any] = {"base_url": f"{url}/v1", "api_key": "sk-made-up", "max_retries": 0}

    def of_coroutine() -> openai.AsyncOpenAI:
        hooks = {"request": [exported.on_request_async]}
        return openai.AsyncOpenAI(**settings, http_client=openai.DefaultAsyncHttpxClient(event_hooks=hooks))

    http = openai.DefaultHttpxClient(event_hooks={"request": [exported.on_request]})
    with openai.OpenAI(**settings, http_client=http) as client:
        for call in CALLS:
            with (
                suppress(openai.APIStatusError, ConsumerError),
                tracer.start_as_current_span(call.__name__) as span,
            ):
                exported.begin(call.__name__, span.get_span_context().trace_id)
                call(Clients(client, of_coroutine))
            gc.collect()
