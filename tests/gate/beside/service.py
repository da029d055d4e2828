"""A service that makes calls, each below a span of its own. It knows the OpenTelemetry API and no more.

`service.py <address of the vendor> [<calls to leave out> …]` prints how many calls were refused.
"""

import gc
import logging
import sys
from collections.abc import Collection
from contextlib import suppress

import openai
from calls import CALLS, Clients, ConsumerError
from opentelemetry import trace

from otel_residency import ResidencyViolationError


def serve(url: str, left_out: Collection[str] = ()) -> None:
    """Make the calls, tell of their errors, and let through what the client logs, down to the bodies.

    What a call leaves behind is collected after it and at no other time, so that each run exports the same.
    """
    gc.disable()
    log = logging.getLogger("service")
    logging.getLogger("openai").setLevel(logging.DEBUG)
    tracer = trace.get_tracer("service")
    refused = 0

    def of_coroutine() -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-made-up", max_retries=0)

    with openai.OpenAI(base_url=f"{url}/v1", api_key="sk-made-up", max_retries=0) as client:
        for call in CALLS:
            if call.__name__ in left_out:
                continue
            with (
                suppress(openai.OpenAIError, ConsumerError),
                tracer.start_as_current_span(call.__name__),
            ):
                try:
                    call(Clients(client, of_coroutine))
                except ResidencyViolationError:
                    refused += 1
                    raise
                except (openai.OpenAIError, ConsumerError) as error:
                    log.exception("The call failed.")
                    with tracer.start_as_current_span("what to do about it") as handling:
                        handling.record_exception(error)
                    raise
            gc.collect()
    sys.stdout.write(f"{refused}\n")


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
