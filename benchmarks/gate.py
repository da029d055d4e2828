"""What the export gate adds to a span, beside the same pipeline without it, in one run.

The two take turns within one process, in rounds short enough that both meet the same machine.
"""

import gc
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter_ns, time_ns
from typing import Any, Final, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind

from otel_residency.calls.correlation import CallRegistry, TrackedCall
from otel_residency.export_gate.build import build_gate
from otel_residency.export_gate.gate import Gate
from otel_residency.guard import Guard
from otel_residency.patches import otel_sdk as install
from otel_residency.runtime.runtime import runtime
from otel_residency.settings.load import read_settings

SPANS: Final = 2_000
"""Per round: some twenty milliseconds."""
ORDINARY: Final = {
    "db.system.name": "postgresql",
    "db.namespace": "claims",
    "db.operation.name": "SELECT",
    "db.collection.name": "claims",
    "server.address": "db.internal",
}
HTTP: Final = {
    "http.request.method": "GET",
    "url.full": "https://shop.internal/v1/orders/4711",
    "server.address": "shop.internal",
    "http.response.status_code": 200,
}
GENAI: Final = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-5.2",
    "gen_ai.usage.input_tokens": 31,
    "gen_ai.input.messages": "[…]" * 100,
    "gen_ai.output.messages": "[…]" * 100,
}


class Kind(NamedTuple):
    """One kind of span."""

    name: str
    attributes: dict[str, Any]
    kind: SpanKind = SpanKind.INTERNAL
    called: bool = False
    """Whether calls were made in this context before, all of them eligible."""
    violation: bool | None = None
    """Whether the call below the span violates; `None`: there is no call below it."""


KINDS: Final = (
    Kind("unrelated, no call in the process", ORDINARY),
    Kind("unrelated, calls in its context", ORDINARY, called=True),
    Kind("HTTP, not to a vendor", HTTP, SpanKind.CLIENT, called=True),
    Kind("model call, eligible", GENAI, called=True, violation=False),
    Kind("model call, violating", GENAI, called=True, violation=True),
)


class Gated(NamedTuple):
    """What was measured of one kind of span."""

    name: str
    mode: str
    without: float
    """Microseconds to start a span, end it and hand it to a processor that does nothing."""
    added: float
    """Microseconds that the gate adds."""
    ratio: float


class _Nothing(SpanProcessor):
    """Where a real pipeline would put the span into a queue."""

    def on_end(self, span: ReadableSpan) -> None:
        """Let it go."""


def measure(rounds: int, tell: Callable[[str], None]) -> list[Gated]:
    """Measure every kind of span in `rounds` rounds with the gate and as many without it."""
    install.install()
    guard = Guard(read_settings({}, {"require": ["eu"]}))
    provider = TracerProvider()
    provider.add_span_processor(_Nothing())
    tracer = provider.get_tracer("benchmark")
    measured = []
    for mode in ("flag", "redact"):
        settings = read_settings({}, {"require": ["eu"], "on_export": mode})
        gate = build_gate(settings, lambda: guard)
        for kind in KINDS:
            tell(f"{mode}: {kind.name}")
            registry = runtime.part(CallRegistry)
            registry.clear()
            registry.used = False
            if kind.called:
                _call(NonRecordingSpan(SpanContext(1, 1, is_remote=False)), violation=False)
            taken: dict[bool, list[float]] = {False: [], True: []}
            for _ in range(rounds):
                for on, make in ((False, None), (True, partial(_same, gate))):
                    _activate(make)
                    taken[on].append(_round(tracer, kind))
            _activate(None)
            without = median(taken[False]) + median(_start(tracer, kind) for _ in range(rounds))
            pairs = zip(taken[True], taken[False], strict=True)
            added = median(after - before for after, before in pairs)
            measured.append(Gated(kind.name, mode, without, added, (without + added) / without))
    provider.shutdown()
    return measured


def _same(gate: Gate) -> Gate:
    return gate


def _activate(build: Callable[[], Gate] | None) -> None:
    runtime.gate, runtime.build_gate = None, build


def _call(above: Any, *, violation: bool) -> None:
    registry, call = runtime.part(CallRegistry), TrackedCall(time_ns())
    registry.enter(call)
    call.inside = False
    registry.begin(call, None, above)
    registry.settle(call, {"residency.verdict": "eligible"}, violation=violation)


def _started(tracer: Any, kind: Kind) -> list[Any]:
    return [tracer.start_span("span", kind=kind.kind, attributes=kind.attributes) for _ in range(SPANS)]


def _start(tracer: Any, kind: Kind) -> float:
    """Microseconds to start a span."""
    before = perf_counter_ns()
    _started(tracer, kind)
    return (perf_counter_ns() - before) / 1000 / SPANS


def _round(tracer: Any, kind: Kind) -> float:
    """Microseconds to end a span."""
    spans = [tracer.start_span("span", kind=kind.kind, attributes=kind.attributes) for _ in range(SPANS)]
    if kind.violation is not None:
        for span in spans:
            _call(span, violation=kind.violation)
    gc.collect()
    before = perf_counter_ns()
    for span in spans:
        span.end()
    return (perf_counter_ns() - before) / 1000 / SPANS
