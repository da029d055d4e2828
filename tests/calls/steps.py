"""A program that takes one step after the other, as its arguments say, and tells what came of each call.

What is patched before what is decided by the order of steps in a process, so each order has its own process.
"""

import asyncio
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from otel_residency import ResidencyInstrumentor
from tests.internet import EU, US
from tests.recorded import EU_POLICY, Recorded
from tests.vendor import SNAPSHOT

NEIGHBOURS = {
    "httpx": ("opentelemetry.instrumentation.httpx", "HTTPXClientInstrumentor"),
    "httpx2": ("opentelemetry.instrumentation.httpx", "HTTPX2ClientInstrumentor"),
    "openinference": ("openinference.instrumentation.openai", "OpenAIInstrumentor"),
    "genai": ("opentelemetry.instrumentation.genai.openai", "OpenAIInstrumentor"),
}
ROOT = Path(__file__).parents[2]
OURS = "otel_residency"
CHAT: dict[str, Any] = {"model": SNAPSHOT, "messages": [{"role": "user", "content": "Hello"}]}


class CallOutcome(NamedTuple):
    """What came of one call: how it ended, and the scopes of its spans with those of their parents."""

    kind: str
    outcome: str
    spans: list[list[str | None]]

    def scopes(self) -> list[str | None]:
        """Whose spans there are."""
        return [scope for scope, _ in self.spans]


@cache
def take(*steps: str) -> list[CallOutcome]:
    """Take steps in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.calls.steps", *steps],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [CallOutcome(**outcome) for outcome in json.loads(done.stdout.splitlines()[-1])]


class Program:
    """The steps, and what they share."""

    def __init__(self) -> None:
        self.recorded = Recorded()
        self.outcomes: list[dict[str, Any]] = []
        self.clients: dict[str, Any] = {}

    def take(self, step: str) -> None:
        """Take a step: a method of this class, or a neighbour to switch on or off."""
        name, _, how = step.partition("-")
        if name in NEIGHBOURS:
            module, instrumentor = NEIGHBOURS[name]
            made = getattr(importlib.import_module(module), instrumentor)()
            provider = {"tracer_provider": self.recorded.tracer_provider}
            made.uninstrument() if how == "off" else made.instrument(**provider)
        else:
            getattr(self, step)()

    def on(self) -> None:
        """Switch the package on, in block mode."""
        ResidencyInstrumentor().instrument(**EU_POLICY, on_call="block", **self.recorded.providers)

    def off(self) -> None:
        """Switch it off."""
        ResidencyInstrumentor().uninstrument()

    def http(self) -> None:
        """Import the HTTP libraries before anything else does."""
        for library in ("httpx", "httpx2"):
            if importlib.util.find_spec(library):
                importlib.import_module(library)

    def openai(self) -> None:
        """Import the client."""
        assert "openai" not in sys.modules
        importlib.import_module("openai")

    def clients_of(self, kind: str) -> Any:
        """The client of a kind, made when it is first asked for."""
        if kind not in self.clients:
            maker = getattr(importlib.import_module("openai"), kind)
            self.clients[kind] = maker(base_url=f"https://{EU}/v1", max_retries=0)
        return self.clients[kind]

    def client(self) -> None:
        """Make the clients."""
        self.clients_of("OpenAI")

    def captured(self) -> None:
        """Put a wrapper around the door of one client that holds on to what is there, as programs do."""
        client = self.clients_of("OpenAI")
        original_request = client.request

        def request(*args: Any, **kwargs: Any) -> Any:
            return original_request(*args, **kwargs)

        client.request = request

    def call(self) -> None:
        """Call the host of the region, with either client."""
        self._call(EU)

    def astray(self) -> None:
        """Call a host outside of the region, with either client."""
        self._call(US)

    def _call(self, host: str) -> None:
        with self._recording("sync"):
            client = self.clients_of("OpenAI")
            client.base_url = f"https://{host}/v1"
            client.chat.completions.create(**CHAT)
        with self._recording("async"):
            asyncio.run(self._call_async(host))

    async def _call_async(self, host: str) -> None:
        maker = importlib.import_module("openai").AsyncOpenAI
        async with maker(base_url=f"https://{host}/v1", max_retries=0) as client:
            await client.chat.completions.create(**CHAT)

    @contextmanager
    def _recording(self, kind: str) -> Iterator[None]:
        self.recorded.clear()
        outcome = "answered"
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            outcome = type(error).__name__
        spans = {
            span.context.span_id: span.instrumentation_scope.name
            for span in self.recorded.every_span
            if span.context and span.instrumentation_scope
        }
        parents = [
            [scope, spans.get(span.parent.span_id) if span.parent else None]
            for scope, span in zip(spans.values(), self.recorded.every_span, strict=True)
        ]
        self.outcomes.append({"kind": kind, "outcome": outcome, "spans": sorted(parents, key=str)})


def main(steps: list[str]) -> None:
    """Take the steps, then tell."""
    program = Program()
    for step in steps:
        program.take(step)
    for client in program.clients.values():
        client.close()
    sys.stdout.write(json.dumps(program.outcomes))


if __name__ == "__main__":
    main(sys.argv[1:])
