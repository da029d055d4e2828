"""The same call: plain, with the least that tells anything about it, and with ours."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, NamedTuple

Around = Callable[[], AbstractContextManager[Any]]
"""What stands around each call."""

VARIANTS: Final = ("plain", "control", "floor", "ours")
"""`control` is a second plain process: what it adds to the first one is what the measurement can't see."""

ATTESTATIONS: Final = {
    "zero_data_retention": {"value": True, "reference": "benchmark"},
    "retention_amendment": {"value": True, "reference": "benchmark"},
}
_TWELVE: Final = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5.2-2025-12-11",
    "gen_ai.response.model": "gpt-5.2-2025-12-11",
    "gen_ai.response.id": "chatcmpl-0123456789",
    "gen_ai.usage.input_tokens": 31,
    "gen_ai.usage.output_tokens": 5,
    "http.request.method": "POST",
    "http.response.status_code": 200,
    "server.address": "eu.api.openai.com",
    "server.port": 443,
    "openai.response.service_tier": "default",
}
_CONTENT: Final = {
    "gen_ai.input.messages": "Summarise the claim of the customer who was taken to hospital in Turin.",
    "gen_ai.output.messages": "The claim is filed.",
}


class Variant(NamedTuple):
    """A process made ready."""

    around: Around
    counted: Callable[[], Mapping[str, int]]
    """The calls that ours counted, by verdict, and the exported items, by action; empty for the others."""


def prepare(name: str) -> Variant:
    """Make this process the variant `name`; of the others it holds nothing."""
    if name == "floor":
        return Variant(_span(_TWELVE), dict)
    if name == "content":
        return Variant(_span(_TWELVE | _CONTENT), dict)
    if name == "ours":
        return Variant(nullcontext, _instrument("eu"))
    if name == "violating":
        return Variant(_span(_TWELVE | _CONTENT), _instrument("us"))
    return Variant(nullcontext, dict)


def _tracer_provider() -> Any:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Dropped(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            del spans
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Dropped()))
    return provider


def _span(attributes: Mapping[str, Any]) -> Around:
    """A span with these attributes, and nothing else."""
    from opentelemetry.trace import SpanKind

    tracer = _tracer_provider().get_tracer("benchmarks")

    def around() -> AbstractContextManager[Any]:
        span: AbstractContextManager[Any] = tracer.start_as_current_span(
            "chat gpt-5.2-2025-12-11", kind=SpanKind.CLIENT, attributes=attributes
        )
        return span

    return around


def _instrument(region: str) -> Callable[[], Mapping[str, int]]:
    """Everything that a service in production has switched on, with `region` required."""
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import (
        MetricExporter,
        MetricExportResult,
        MetricsData,
        NumberDataPoint,
        PeriodicExportingMetricReader,
    )

    from otel_residency import ResidencyInstrumentor
    from otel_residency.telemetry import names

    class Last(MetricExporter):
        data: MetricsData | None = None

        def export(self, metrics_data: MetricsData, *_: Any, **__: Any) -> MetricExportResult:
            self.data = metrics_data
            return MetricExportResult.SUCCESS

        def force_flush(self, *_: Any, **__: Any) -> bool:
            return True

        def shutdown(self, *_: Any, **__: Any) -> None:
            pass

    last = Last()
    meter_provider = MeterProvider([PeriodicExportingMetricReader(last)])
    ResidencyInstrumentor().instrument(
        tracer_provider=_tracer_provider(),
        meter_provider=meter_provider,
        logger_provider=LoggerProvider(),
        require=region,
        attest=ATTESTATIONS,
    )

    def counted() -> Mapping[str, int]:
        meter_provider.force_flush()
        counts: Counter[str] = Counter()
        by = {names.METRIC_CALLS: names.VERDICT, names.METRIC_EXPORT_ITEMS: names.EXPORT_ACTION}
        for resource in last.data.resource_metrics if last.data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points if metric.name in by else ():
                        if isinstance(point, NumberDataPoint):
                            counts[str((point.attributes or {})[by[metric.name]])] += int(point.value)
        return counts

    return counted


Call = Callable[[], list[int] | None]
AsyncCall = Callable[[], Awaitable[list[int] | None]]


def inside(around: Around, call: Call) -> Call:
    """`call` with `around` around it, or just `call` if that is nothing."""
    if around is nullcontext:
        return call

    def wrapped() -> list[int] | None:
        with around():
            return call()

    return wrapped


def inside_async(around: Around, call: AsyncCall) -> AsyncCall:
    """The same for an asynchronous call."""
    if around is nullcontext:
        return call

    async def wrapped() -> list[int] | None:
        with around():
            return await call()

    return wrapped
