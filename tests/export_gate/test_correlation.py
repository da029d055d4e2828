"""What is remembered of calls is bounded, and what had to be forgotten is treated as the worst."""

import subprocess
import sys
from threading import Thread
from time import time_ns

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import NonRecordingSpan, SpanContext

from otel_residency.calls.correlation import CallGroup, CallRegistry, GenerationalCache, TrackedCall
from otel_residency.export_gate.gate import Gate

SIZE = 8
TRACE = 0x1
NOWHERE = Resource.get_empty()


def context(span: int) -> SpanContext:
    """Ids of one span."""
    return SpanContext(TRACE, span, is_remote=False)


def ended(span: int, parent: int | None = None, **attributes: str) -> ReadableSpan:
    """A span that ends now."""
    parent_context = None if parent is None else context(parent)
    return ReadableSpan("s", context(span), parent_context, NOWHERE, attributes, start_time=time_ns())


def called(registry: CallRegistry, parent_context: int, *, violation: bool = False) -> TrackedCall:
    """A call that was made below a span, judged to its end."""
    mark = TrackedCall(time_ns())
    registry.enter(mark)
    registry.begin(mark, context(parent_context + 1_000_000), NonRecordingSpan(context(parent_context)))
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


def test_a_forgotten_violation_sets_the_horizon() -> None:
    """A span that is still open when its entry is forgotten is treated by its age; an ended one is not."""
    registry = CallRegistry(SIZE)
    for number in range(1, 4 * SIZE):
        called(registry, number)
    assert registry.horizon == 0
    called(registry, 1, violation=True)
    open_span = ended(1, **{"input.value": "?"})
    for number in range(100, 100 + 4 * SIZE):
        called(registry, number)
    assert registry.find((TRACE, 1)) is None
    gate = Gate("redact", registry=registry)
    assert "input.value" not in (gate.span(open_span).attributes or {})
    young = ended(2, **{"input.value": "?"})
    assert gate.span(young) is young


def test_an_ended_span_is_forgotten_in_silence() -> None:
    """What has been exported already needs no care."""
    registry = CallRegistry(SIZE)
    gate = Gate("redact", registry=registry)
    for number in range(1, 10 * SIZE):
        called(registry, number, violation=True)
        gate.span(ended(number))
    assert registry.horizon == 0


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
