"""What is remembered of calls is bounded, and what had to be forgotten is treated as the worst."""

import subprocess
import sys
from threading import Thread
from time import time_ns

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext

from otel_residency.calls.correlation import CallGroup, CallRegistry, GenerationalCache, TrackedCall
from otel_residency.export_gate.gate import Gate
from otel_residency.export_gate.trace_links import TraceLinks

SIZE = 8
TRACE = 0x1
NOWHERE = Resource.get_empty()


def context(span: int, trace: int = TRACE) -> SpanContext:
    """Ids of one span."""
    return SpanContext(trace, span, is_remote=False)


def ended(span: int, parent: int | None = None, **attributes: str) -> ReadableSpan:
    """A span that ends now."""
    parent_context = None if parent is None else context(parent)
    return ReadableSpan("s", context(span), parent_context, NOWHERE, attributes, start_time=time_ns())


def called(
    registry: CallRegistry, parent_context: int, *, violation: bool = False, trace: int = TRACE
) -> TrackedCall:
    """A call that was made below a span, judged to its end, in a context that is over."""
    mark = TrackedCall(time_ns())
    parent = NonRecordingSpan(context(parent_context, trace))
    registry.begin(mark, context(parent_context + 1_000_000, trace), parent)
    registry.used = True
    registry.settle(mark, {"residency.violation": violation}, violation=violation)
    return mark


def test_the_latest_entries_are_kept() -> None:
    """At least the size asked for, at most twice as many, and an entry put again is not forgotten."""
    cache: GenerationalCache[int] = GenerationalCache(SIZE)
    for number in range(10 * SIZE):
        cache.put(number, number)
        cache.put("again", -1)
        assert cache.get("again") == -1
    kept = [number for number in range(10 * SIZE) if cache.get(number) is not None]
    assert kept == list(range(10 * SIZE - len(kept), 10 * SIZE))
    assert SIZE - 2 <= len(kept) <= 2 * SIZE


def test_the_trace_of_a_violation_is_not_forgotten() -> None:
    """Traces with a violating call are kept, however many calls of other traces come after them."""
    registry = CallRegistry(SIZE)
    called(registry, 1, violation=True)
    for number in range(100, 100 + 20 * SIZE):
        called(registry, 1, trace=number)
    gate = Gate("redact", registry=registry)
    assert "input.value" not in (gate.span(ended(7, **{"input.value": "?"})).attributes or {})
    assert registry.horizon == 0


def test_a_forgotten_trace_stays_in_doubt() -> None:
    """Above the bound a span is treated by its age, and so is one that begins later below it."""
    registry = CallRegistry(SIZE)
    gate = Gate("redact", registry=registry)
    tracer = TracerProvider(active_span_processor=_Starts(gate)).get_tracer("app")
    with tracer.start_as_current_span("open", attributes={"input.value": "?"}) as above:
        called(registry, 1, violation=True, trace=above.get_span_context().trace_id)
        for number in range(100, 100 + 20 * SIZE):
            called(registry, 1, violation=True, trace=number)
        assert registry.traces.get(above.get_span_context().trace_id) is None
        with tracer.start_as_current_span("later", attributes={"input.value": "?"}) as below:
            pass
    for span in (below, above):
        assert "input.value" not in (gate.span(getattr(span, "_readable_span")()).attributes or {})  # noqa: B009
    with tracer.start_as_current_span("young", attributes={"input.value": "?"}) as young:
        pass
    assert "input.value" in (gate.span(getattr(young, "_readable_span")()).attributes or {})  # noqa: B009


def test_what_is_remembered_is_bounded() -> None:
    """Violating calls in ever more traces and links with ever more of them leave a bounded number."""
    registry = CallRegistry(SIZE)
    links = TraceLinks(registry)
    for number in range(1, 50 * SIZE):
        called(registry, 1, violation=True, trace=number)
        links.add(1, number)
    for cache in (registry.spans, registry.traces):
        assert len(cache._young) + len(cache._old) <= 2 * SIZE
    assert len(links._linked.get(1) or ()) < 50
    assert any(group.violates for group in links.groups(1)), "too many links: one may be of a violating call"


class _Starts(SpanProcessor):
    """Tells a gate of the spans that begin."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._gate.started(span, parent_context)


def test_an_ancestor_of_many_calls_stays_small() -> None:
    """A worker that makes its calls below one span for ever costs no more than a few of them."""
    parent_context = CallGroup()
    for number in range(10_000):
        mark = TrackedCall(number)
        parent_context.add(mark, direct=True)
        CallRegistry().settle(mark, {}, violation=number == 5)
    assert len(parent_context.direct) < 50
    assert parent_context.violates
    assert parent_context.direct[0].violation


def test_a_call_in_doubt_is_never_folded_away() -> None:
    """Calls that are not judged yet stay one by one, whatever comes after them."""
    parent_context = CallGroup()
    doubtful = [TrackedCall(number) for number in range(100)]
    for mark in doubtful:
        parent_context.add(mark, direct=False)
    assert parent_context.sensitive_calls == doubtful
    for mark in doubtful:
        CallRegistry().settle(mark, {}, violation=False)
    assert not parent_context.sensitive


def test_threads_lose_nothing() -> None:
    """Calls of many threads below one span are all known: the one that violates is found."""
    registry = CallRegistry(SIZE)

    def work(number: int) -> None:
        for each in range(500):
            called(registry, 7, violation=(number, each) == (3, 250))

    threads = [Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = registry.find((TRACE, 7))
    assert isinstance(found, CallGroup)
    assert found.violates


MANY = 1_000_000
CODE = f"""
import resource
from tests.export_gate.test_correlation import called, ended
from otel_residency.export_gate.gate import Gate
from otel_residency.calls.correlation import CallRegistry
from otel_residency.runtime.runtime import runtime

gate, registry = Gate("redact"), runtime.part(CallRegistry)

def run(start, stop):
    for number in range(start, stop):
        if number % 10 == 0:
            called(registry, number, violation=number % 20 == 0)
        gate.span(ended(number, 1, **{{"gen_ai.prompt" if number % 10 == 0 else "db.statement": "?"}}))

run(2, {MANY} // 10)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
run({MANY} // 10, {MANY})
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource")
def test_a_million_spans_cause_no_growth() -> None:
    """A trace of 10^6 spans, every tenth with a call: the rest needs no more memory than the first 10^5."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    kilobytes = int(done.stdout)
    assert kilobytes < 4096
