"""A program of greenlets: `program.py gevent|eventlet before|after with|without`.

The library replaces the blocking parts of the standard library before everything else, or after openai was
imported and we were switched on. Prints what each greenlet got, and what the process has started for it.
"""

import gc
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from typing import Any

LIBRARY, ORDER, OURS = sys.argv[1:]
EU = "https://eu.api.openai.com/v1"
MOMENT, PATIENCE = 0.3, 10.0
green: Any = import_module(LIBRARY)
started: Counter[str] = Counter()


def count(event: str, _: object) -> None:
    """Count the programs and processes that this one starts."""
    if event in ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn"):
        started[event] += 1


def replace() -> None:
    """Replace what blocks."""
    if LIBRARY == "gevent":
        import_module("gevent.monkey").patch_all()
        # It looks up names in as many threads as happen to be busy at once.
        green.get_hub().threadpool.maxsize = 1
    else:
        green.monkey_patch()


sys.addaudithook(count)
if ORDER == "before":
    replace()

import openai  # noqa: E402 - after what is replaced
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
if OURS == "with":
    from otel_residency import ResidencyInstrumentor

    ResidencyInstrumentor().instrument(
        require="eu", ledger={"path": os.environ["LEDGER"]}, tracer_provider=provider, skip_dep_check=True
    )
if ORDER == "after":
    replace()

client = openai.OpenAI(base_url=EU, max_retries=0)


def chat(prompt: str, **arguments: Any) -> Any:
    """A call."""
    messages: Any = [{"role": "user", "content": prompt}]
    return client.chat.completions.create(model="gpt-5.2-2025-12-11", messages=messages, **arguments)


def whole() -> str:
    """The text of an answer."""
    return str(chat("hello").choices[0].message.content)


def streamed() -> int:
    """The number of events of a stream that is read to its end."""
    return sum(1 for _ in chat("hello", stream=True))


def abandoned() -> str:
    """The type of the first event of a stream; the rest is left."""
    return type(next(chat("hello", stream=True))).__name__


def hanging() -> str:
    """The text of an answer that does not come in time."""
    with green.Timeout(MOMENT):
        return str(chat("hang"))


def hanging_stream() -> int:
    """The number of events of a stream that stops in the middle."""
    with green.Timeout(MOMENT):
        return sum(1 for _ in chat("hang", stream=True))


def outcome(run: Callable[[], Any]) -> str:
    """What a greenlet got, or its error."""
    try:
        return str(run())
    except BaseException as error:  # noqa: BLE001 - a timeout of both libraries is no `Exception`
        return type(error).__name__


def together(*runs: Callable[[], Any]) -> list[str]:
    """The outcomes of greenlets that run at the same time."""
    greenlets = [green.spawn(outcome, run) for run in runs]
    return [each.get() if LIBRARY == "gevent" else each.wait() for each in greenlets]


# One alone first: the client asks for the name of the platform, by a program that it starts.
outcomes = together(whole)
outcomes += together(whole, streamed, abandoned, hanging)
outcomes += together(hanging_stream, whole, abandoned, streamed)
outcomes += together(whole)
calls = len(outcomes)
# What was abandoned is reported by a greenlet of ours.
with green.Timeout(PATIENCE, False):  # noqa: FBT003 - so in both libraries
    while OURS == "with" and len(exporter.get_finished_spans()) < calls:
        gc.collect()  # a stream of openai 3.57 is a cycle
        green.sleep(0)
made = {
    "outcomes": outcomes,
    "started": started,
    "threads": len(os.listdir("/proc/self/task")),  # noqa: PTH208 - as short
    "spans": len(exporter.get_finished_spans()),
}
sys.stdout.write(json.dumps(made))
