"""`python -m tests.calls.bounded LEVEL KINDS CALLS`: make calls, and print what memory and series they leave.

With `client` a thousand calls go through the openai client, their texts of 1 MB each. With `judged` CALLS
requests with short texts are judged, answered and reported as the patches of HTTP clients do it, and as many
go to other hosts. KINDS is `one` or `distinct`.
"""

import gc
import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import openai
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from otel_residency import ResidencyInstrumentor
from otel_residency.calls.session_events import SessionEvents
from otel_residency.patches.plain_calls import open_request
from tests.recorded import EU_POLICY

MEGABYTE, URL = 1_000_000, 6_000
"""Characters of a long text, and of a path that httpx takes: `urlsplit` keeps the latest URLs by itself."""
LONG_CALLS = 1_000
BASE = "https://eu.api.openai.com/v1"

Name = Callable[[int], str]
"""From the number of a call to the text that makes it a kind of its own, or not."""


def through_the_client(name: Name) -> None:
    """Calls of which each has one long text: a model, a tool, a tier, a header, a path, a host, an answer."""

    def respond(_: httpx.Request) -> httpx.Response:
        text = answers.pop()
        body = {"object": "chat.completion", "model": text, "service_tier": text, "provider": text}
        return httpx.Response(200, json=body, headers={"x-request-id": text, "openai-project": text})

    transport = httpx.MockTransport(respond)
    client = openai.OpenAI(api_key="k", base_url=BASE, http_client=httpx.Client(transport=transport))
    answers: list[str] = []
    for number in range(LONG_CALLS):
        text = name(number)
        long = text * (MEGABYTE // len(text))
        place, few = number % 8, text[:4]
        body = {
            "model": long if place == 0 else few,
            "tools": [{"type": long if place == 1 else few}],
            "service_tier": long if place == 2 else few,
        }
        headers = (
            {"openai-project": long} if place == 3 else {"x-litellm-api-base": long} if place == 4 else {}
        )
        path = f"/chat/completions/{long[:URL]}" if place == 5 else "/chat/completions"
        answers.append(long if place == 6 else few)
        client.post(path, body=body, cast_to=object, options={"headers": headers})
        if place == 7:
            for host, names in (
                (long, {}),
                (f"us.api.openai.com.{long}", {}),
                ("eu.api.openai.com", {"Host": long}),
            ):
                _end(open_request("POST", ("https", host, None, f"/v1/{long}"), names, None, body=b"{}"))


def judged(name: Name) -> None:
    """Calls of short texts, and requests to other hosts."""
    for number in range(int(sys.argv[3])):
        text = name(number)
        body = json.dumps({"model": text, "tools": [{"type": text}]}).encode()
        place = ("https", f"{text}.openai.azure.com", None, f"/openai/deployments/{text}/chat/completions")
        call = open_request("POST", place, {}, None, body=body)
        if call is not None:
            SessionEvents(call).on_handshake(200, [(b"x-request-id", text.encode())])
        _end(call)
        _end(open_request("POST", ("https", f"{text}.example", None, f"/{text}"), {}, None))


def _end(call: Any) -> None:
    if call is not None:
        call.finish()


def main() -> None:
    """Print resident memory in bytes, and the largest number of series of a metric."""
    level, kinds, _ = sys.argv[1:]
    reader = InMemoryMetricReader()
    ResidencyInstrumentor().instrument(
        **EU_POLICY,
        tracer_provider=TracerProvider(shutdown_on_exit=False),
        meter_provider=MeterProvider(metric_readers=[reader], shutdown_on_exit=False),
    )
    text: Name = (lambda number: f"kind{number:06}") if kinds == "distinct" else (lambda _: "kind000000")
    (through_the_client if level == "client" else judged)(text)
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    data = reader.get_metrics_data()
    assert data is not None
    metrics = [
        each for part in data.resource_metrics for scope in part.scope_metrics for each in scope.metrics
    ]
    series = max(len(each.data.data_points) for each in metrics)
    sys.stdout.write(json.dumps({"memory": pages * resource.getpagesize(), "series": series}))


if __name__ == "__main__":
    main()
