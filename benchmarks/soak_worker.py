"""A child process of `benchmarks.soak`: makes its calls, and prints what it held and what came of them."""

import asyncio
import gc
import itertools
import json
import resource
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final
from urllib.request import urlopen

from openai import AsyncOpenAI, OpenAI
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from benchmarks import wire
from benchmarks.soak import Sample
from benchmarks.variants import ATTESTATIONS
from otel_residency import ResidencyInstrumentor, ResidencyViolationError
from otel_residency.audit.verify import verify
from otel_residency.runtime.background import stream_ender
from otel_residency.runtime.runtime import runtime
from otel_residency.telemetry import names

IN_FLIGHT: Final = 500
SAMPLES: Final = 40
_CONTENT: Final = "gen_ai.input.messages"
_PLAN: Final = "soak.plan"
_MESSAGES: Final[Any] = [{"role": "user", "content": "Summarise the claim."}]
_PATIENCE: Final = 60
WHOLE, READ, LEFT, DROPPED, VIOLATING = "whole", "read", "left", "dropped", "violating"
PLANS: Final = (*(WHOLE,) * 5, READ, READ, LEFT, DROPPED, VIOLATING)
"""What is done with each ten calls: answers, streams that are read, closed or dropped, and another region."""


class Exported(SpanExporter):
    """Counts spans: ours, and the application's that still have content, by what is done with their calls."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Count and drop them."""
        with self._lock:
            for span in spans:
                ours = (
                    span.instrumentation_scope is not None and span.instrumentation_scope.name == names.SCOPE
                )
                self.counts["ours"] += ours
                if _CONTENT in (attributes := span.attributes or {}):
                    self.counts[str(attributes[_PLAN])] += 1
        return SpanExportResult.SUCCESS


class Soak:
    """The calls of a process, each with its number."""

    def __init__(self, mode: str, calls: int, port: int, folder: str) -> None:
        self.mode, self.calls, self._port = mode, calls, port
        self.samples: list[Sample] = []
        self.failed: Counter[str] = Counter()
        self.ledger = Path(folder) / "ledger.jsonl"
        self._numbers = itertools.count()
        self._exported = Exported()
        self._reader = InMemoryMetricReader()
        self._instrumentor = ResidencyInstrumentor()
        tracer_provider = TracerProvider(shutdown_on_exit=False)
        tracer_provider.add_span_processor(SimpleSpanProcessor(self._exported))
        self._tracer = tracer_provider.get_tracer("soak")
        self._instrumentor.instrument(
            tracer_provider=tracer_provider,
            meter_provider=MeterProvider([self._reader], shutdown_on_exit=False),
            logger_provider=LoggerProvider(shutdown_on_exit=False),
            require=["eu"],
            attest=ATTESTATIONS,
            on_call="block" if mode == "block" else "flag",
            on_export="redact" if mode == "redact" else "flag",
            hosts={
                f"127.0.0.1:{port}": {"region": "eu", "provider": "openai"},
                f"localhost:{port}": {"region": "us", "provider": "openai"},
            },
            **({"ledger": {"path": str(self.ledger)}} if mode == "ledger" else {}),
        )

    def options(self, number: int) -> dict[str, Any]:
        """The arguments of a call."""
        return {"model": wire.MODEL, "messages": _MESSAGES, "stream": _plan(number) in (READ, LEFT, DROPPED)}

    def next_number(self) -> int | None:
        """The number of the next call; `None` after the last one."""
        number = next(self._numbers)
        if number % max(self.calls // SAMPLES, 1) == 0 and number < self.calls:
            self.sample(number)
        return number if number < self.calls else None

    def sample(self, number: int) -> None:
        """Note what the process holds."""
        # A stream that is dropped keeps its connection until the collector finds it, without us too.
        gc.collect()
        try:
            tasks = len(asyncio.all_tasks())
        except RuntimeError:  # no loop
            tasks = 0
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        files, threads = (len(list(Path("/proc/self", name).iterdir())) for name in ("fd", "task"))
        sample = Sample(number, pages * resource.getpagesize(), files, threads, tasks)
        self.samples.append(sample)
        sys.stderr.write(f"{self.mode}: {sample}\n")

    def span(self, number: int) -> Any:
        """A span of the application around a call, with content."""
        attributes = {_CONTENT: "Summarise the claim.", _PLAN: _plan(number)}
        return self._tracer.start_as_current_span("chat", attributes=attributes)

    def url(self, number: int) -> str:
        """The base URL of a call."""
        return f"http://{'localhost' if _plan(number) == VIOLATING else '127.0.0.1'}:{self._port}/v1"

    def note(self, number: int, error: Exception | None) -> None:
        """Note the outcome of a call, if it is not what it has to be."""
        refused = self.mode == "block" and _plan(number) == VIOLATING
        if isinstance(error, ResidencyViolationError) != refused or (error and not refused):
            self.failed[type(error).__name__] += 1

    def problems(self, arrived: int) -> list[str]:
        """What did not come once for each call."""
        self._instrumentor.uninstrument()  # ends the ledger
        data, violating = self._reader.get_metrics_data(), self.calls // len(PLANS)
        sent = self.calls - (violating if self.mode == "block" else 0)
        # A dropped stream may be open still when the span around it ends, and its call in doubt.
        content = [(plan, PLANS.count(plan) * self.calls // len(PLANS)) for plan in (WHOLE, READ, LEFT)]
        content += [(VIOLATING, 0 if self.mode == "redact" else violating)]
        found = {
            "requests": (arrived, sent),
            "spans": (self._exported.counts["ours"], self.calls),
            **{f"spans with content ({plan})": (self._exported.counts[plan], due) for plan, due in content},
            "counted": (_counted(data), self.calls),
        }
        wrong = [f"{count} times {name}" for name, count in self.failed.items()]
        if self.mode == "ledger":
            verification = verify([self.ledger], {})
            wrong += map(str, verification.problems)
            with self.ledger.open(encoding="utf-8") as lines:
                calls = sum(f'"eventName":"{names.EVENT_CALL}"' in line for line in lines)
            found["records"] = (calls, self.calls)
        return wrong + [f"{got} {name}, not {due}" for name, (got, due) in found.items() if got != due]


def _plan(number: int) -> str:
    return PLANS[number % len(PLANS)]


def _counted(data: Any) -> int:
    return sum(
        point.value
        for resource_metrics in data.resource_metrics
        for scope in resource_metrics.scope_metrics
        for metric in scope.metrics
        if metric.name == names.METRIC_CALLS
        for point in metric.data.data_points
    )


def threads(soak: Soak) -> None:
    """Make the calls in threads."""
    with OpenAI(api_key="k", max_retries=0, timeout=_PATIENCE) as client:
        clients = [client.with_options(base_url=soak.url(number)) for number in range(len(PLANS))]

        def work() -> None:
            begin.wait()
            while (number := soak.next_number()) is not None:
                error = None
                try:
                    with soak.span(number):
                        answer = clients[number % len(PLANS)].chat.completions.create(**soak.options(number))
                        if _plan(number) == READ:
                            list(answer)
                        elif _plan(number) in (LEFT, DROPPED):
                            next(iter(answer))
                        if _plan(number) == LEFT:
                            answer.close()
                        del answer
                except Exception as failure:  # noqa: BLE001 - it is noted
                    error = failure
                soak.note(number, error)

        begin = threading.Barrier(IN_FLIGHT)
        workers = [threading.Thread(target=work) for _ in range(IN_FLIGHT)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()


async def tasks(soak: Soak) -> None:
    """Make the calls in tasks."""
    async with AsyncOpenAI(api_key="k", max_retries=0, timeout=_PATIENCE) as shared:
        clients = [shared.with_options(base_url=soak.url(number)) for number in range(len(PLANS))]

        async def work() -> None:
            while (number := soak.next_number()) is not None:
                error = None
                try:
                    with soak.span(number):
                        client = clients[number % len(PLANS)]
                        answer = await client.chat.completions.create(**soak.options(number))
                        if _plan(number) == READ:
                            async for _ in answer:
                                pass
                        elif _plan(number) in (LEFT, DROPPED):
                            await anext(aiter(answer))
                        if _plan(number) == LEFT:
                            await answer.close()
                        del answer
                except Exception as failure:  # noqa: BLE001 - it is noted
                    error = failure
                soak.note(number, error)

        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
        gc.collect()
        await asyncio.sleep(1)  # the loop closes the streams that were dropped


def settle() -> None:
    """Return when every stream that was dropped is reported."""
    gc.collect()
    done = threading.Event()
    runtime.part(stream_ender).prepare()
    runtime.part(stream_ender).submit(done.set)
    done.wait(_PATIENCE)


def main(mode: str, kind: str, calls: str, port: str) -> None:
    """Make the calls, and print their number, the seconds, the problems and the samples."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

    def arrived() -> int:
        with urlopen(f"http://127.0.0.1:{port}/count", timeout=_PATIENCE) as answer:
            return int(answer.read())

    with TemporaryDirectory() as folder:
        soak, before, started = Soak(mode, int(calls), int(port), folder), arrived(), perf_counter()
        if kind == "threads":
            threads(soak)
        else:
            asyncio.run(tasks(soak))
        seconds = perf_counter() - started
        settle()
        soak.samples.sort()
        soak.sample(soak.calls)
        problems = soak.problems(arrived() - before)
    json.dump((soak.calls, seconds, problems, soak.samples), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
