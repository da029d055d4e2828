"""What the package emits, taken down by the SDK's own in-memory exporters."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Event, get_ident
from time import monotonic
from typing import Any, Protocol

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler

from otel_residency import ResidencyInstrumentor
from otel_residency.instrumentor import activate, deactivate
from otel_residency.runtime.background import stream_ender
from otel_residency.runtime.runtime import runtime
from otel_residency.settings.load import Settings
from otel_residency.telemetry import names
from tests.frozen import FROZEN
from tests.internet import PATIENCE

EU_POLICY: Mapping[str, Any] = {
    "require": ["eu"],
    "attest": {
        "zero_data_retention": {"value": True, "reference": "DPA, annex 2"},
        "retention_amendment": {"value": True, "reference": "DPA, annex 3"},
    },
}
"""What most tests require: the EU, with what the EU asks for attested."""


OLDEST = 2
"""The generation of a collection that looks at everything."""


class Recorded:
    """Three providers, and what went through them."""

    def __init__(self, sampler: Sampler = ALWAYS_ON) -> None:
        self._spans = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self._logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        self.tracer_provider = TracerProvider(sampler=sampler)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meter_provider = MeterProvider(metric_readers=[self._reader])
        self.logger_provider = LoggerProvider()
        self.logger_provider.add_log_record_processor(SimpleLogRecordProcessor(self._logs))

    @property
    def providers(self) -> dict[str, Any]:
        """The providers, as an instrumentor takes them."""
        return {
            "tracer_provider": self.tracer_provider,
            "meter_provider": self.meter_provider,
            "logger_provider": self.logger_provider,
        }

    @property
    def every_span(self) -> list[ReadableSpan]:
        """The finished spans of every instrumentation."""
        return list(self._spans.get_finished_spans())

    @property
    def spans(self) -> list[ReadableSpan]:
        """The finished residency spans."""
        return [
            span
            for span in self.every_span
            if span.instrumentation_scope and span.instrumentation_scope.name == names.SCOPE
        ]

    @property
    def span(self) -> Mapping[str, Any]:
        """The attributes of the one residency span there is."""
        (span,) = self.spans
        return span.attributes or {}

    def values(self, name: str) -> list[Any]:
        """One attribute of every residency span, in the order in which the spans ended."""
        return [(span.attributes or {}).get(name) for span in self.spans]

    def points(self, metric: str) -> list[tuple[float, Mapping[str, Any]]]:
        """The data points of one metric: value and attributes."""
        data = self._reader.get_metrics_data()
        if data is None:
            return []
        return [
            (point.value, point.attributes or {})
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for each in scope.metrics
            if each.name == metric
            for point in each.data.data_points
            if isinstance(point, NumberDataPoint)
        ]

    @property
    def counted(self) -> float:
        """How many calls were counted."""
        return sum(value for value, _ in self.points(names.METRIC_CALLS))

    @property
    def violations(self) -> list[Any]:
        """The log records of violations."""
        return self.residency_logs(names.EVENT_VIOLATION)

    def residency_logs(self, event: str) -> list[Any]:
        """Our log records of one event."""
        records = [data.log_record for data in self._logs.get_finished_logs()]
        return [record for record in records if record.event_name == event]

    def logs(self, event: str | None = None) -> list[Any]:
        """The log records of others, in the order in which they left; with a name, those of that event."""
        records = [
            data.log_record
            for data in self._logs.get_finished_logs()
            if data.instrumentation_scope is None or data.instrumentation_scope.name != names.SCOPE
        ]
        return [record for record in records if event in (None, record.event_name)]

    @property
    def everything(self) -> str:
        """All that was exported, as text."""
        metrics = self._reader.get_metrics_data()
        return "\n".join(
            [
                *(span.to_json() for span in self.every_span),
                *(data.to_json() for data in self._logs.get_finished_logs()),
                metrics.to_json() if metrics else "",
            ]
        )

    def clear(self) -> None:
        """Forget the spans and the log records."""
        self._spans.clear()
        self._logs.clear()

    def shutdown(self) -> None:
        """Stop the providers."""
        self.tracer_provider.shutdown()
        self.meter_provider.shutdown()
        self.logger_provider.shutdown()


class Instrument(Protocol):
    """Switches the package on with the frozen catalogue, until the test is over; `arguments` override."""

    def __call__(
        self, settings: Settings | None = None, *, sampler: Sampler = ALWAYS_ON, **arguments: Any
    ) -> Recorded:
        """What the package emits from now on."""


@contextmanager
def switching() -> Iterator[Instrument]:
    """Switch the package on as often as wanted, and off at the end."""
    made: list[Recorded] = []

    def switch_on(
        settings: Settings | None = None, *, sampler: Sampler = ALWAYS_ON, **arguments: Any
    ) -> Recorded:
        recorded = Recorded(sampler)
        made.append(recorded)
        if settings is None:
            chosen = {"catalogue": FROZEN, **EU_POLICY, **arguments}
            ResidencyInstrumentor().instrument(**chosen, **recorded.providers)
        else:
            activate(settings, **recorded.providers)
        return recorded

    yield switch_on
    if ResidencyInstrumentor().is_instrumented_by_opentelemetry:
        ResidencyInstrumentor().uninstrument()
    deactivate()
    for recorded in made:
        recorded.shutdown()


def collect() -> None:
    """Collect all garbage. While another thread collects `gc.collect` does nothing, and is called again."""
    here, done = get_ident(), Event()

    def note(phase: str, about: dict[str, int]) -> None:
        if phase == "stop" and about["generation"] == OLDEST and get_ident() == here:
            done.set()

    gc.callbacks.append(note)
    try:
        patience = monotonic() + PATIENCE
        while not done.is_set():
            if monotonic() > patience:
                raise TimeoutError("the garbage collector is at work in another thread")
            gc.collect()
    finally:
        gc.callbacks.remove(note)


def settle() -> None:
    """Return when every stream that was dropped or closed by now has been reported.

    The reports of abandoned streams are made by a thread, one after the other: what is put into its queue
    now is done after all that was put there before.
    """
    collect()
    done = Event()
    runtime.part(stream_ender).prepare()
    runtime.part(stream_ender).submit(done.set)
    if not done.wait(PATIENCE):
        raise TimeoutError("the reports of abandoned streams were not made")
