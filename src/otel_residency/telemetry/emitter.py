"""Opens and closes the span of a call, counts it, reports a violation. Needs only the OpenTelemetry API."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from opentelemetry import trace
from opentelemetry._logs import LoggerProvider, LogRecord, SeverityNumber, get_logger
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter
from opentelemetry.trace import Span, SpanKind, StatusCode, TracerProvider
from opentelemetry.util.types import AttributeValue

from otel_residency.telemetry import counters, names
from otel_residency.version import __version__

Attributes = Mapping[str, AttributeValue]


class ActivePolicy(NamedTuple):
    """The policy and the table that calls are judged by."""

    attributes: Attributes
    """Those of `residency.policy.info`."""
    checked: int
    """When the table was last checked, in seconds of Unix time."""


class Telemetry:
    """What this package emits, by the names of the registry."""

    def __init__(
        self,
        in_force: Callable[[], ActivePolicy | None],
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        logger_provider: LoggerProvider | None = None,
    ) -> None:
        """Use the given providers, or the global ones.

        Args:
            in_force: what is in force, asked for at each collection; `None` while nothing is. A meter keeps
                the first one that it is given.
            tracer_provider: for the spans.
            meter_provider: for the metrics.
            logger_provider: for the events.
        """
        self._tracer = trace.get_tracer(names.SCOPE, __version__, tracer_provider, names.SCHEMA_URL)
        self._logger = get_logger(names.SCOPE, __version__, logger_provider, names.SCHEMA_URL)
        meter = get_meter(names.SCOPE, __version__, meter_provider, names.SCHEMA_URL)
        meter.create_observable_counter(
            names.METRIC_CALLS,
            [counters.calls.observer()],
            "{call}",
            "OpenAI API calls by residency verdict, whether traced or not.",
        )
        meter.create_observable_counter(
            names.METRIC_EXPORT_ITEMS,
            [counters.items.observer()],
            "{item}",
            "Spans and log records that the export gate changed, by signal and action.",
        )

        meter.create_observable_counter(
            names.METRIC_LEDGER_RECORDS,
            [counters.records.observer()],
            "{record}",
            "Calls by whether the ledger has a record of them.",
        )

        def policy(_: CallbackOptions) -> Iterable[Observation]:
            now = in_force()
            if now is not None:
                yield Observation(1, now.attributes)

        def catalogue(_: CallbackOptions) -> Iterable[Observation]:
            now = in_force()
            if now is not None:
                yield Observation(now.checked, {names.CATALOGUE: now.attributes[names.CATALOGUE]})

        meter.create_observable_gauge(
            names.METRIC_POLICY_INFO,
            [policy],
            "{policy}",  # a gauge of unit 1 is a ratio to Prometheus, which says so in the name
            "1 for the policy in force; alert when it is absent or differs between services.",
        )
        meter.create_observable_gauge(
            names.METRIC_CATALOGUE_TIMESTAMP,
            [catalogue],
            "s",
            "When the table in force was last checked against the vendor's page, in Unix time.",
        )

    def start(self, name: str, attributes: Attributes, start_time: int) -> Span | None:
        """Start the span of a call; `None` while instrumentation is suppressed."""
        if not is_instrumentation_enabled():
            return None
        span = self._tracer.start_span(
            name, kind=SpanKind.INTERNAL, attributes=attributes, start_time=start_time
        )
        if not getattr(span, "attributes", True):  # a sampler may keep only what it says itself
            span.set_attributes(attributes)
        return span

    @staticmethod
    def count(attributes: counters.Key) -> None:
        """Count one call; sampling has no say in it."""
        counters.calls.add(attributes)

    def report_violation(self, attributes: Attributes, context: Context | None) -> None:
        """Emit the violation event of one call."""
        self._logger.emit(
            LogRecord(
                context=context,
                severity_number=SeverityNumber.ERROR,
                severity_text="ERROR",
                body="A call broke the residency requirement.",
                attributes=attributes,
                event_name=names.EVENT_VIOLATION,
            )
        )

    def report_record(
        self, event: str, time: int, observed: int, attributes: Attributes, span: Span | None
    ) -> None:
        """Emit a record of the ledger, as it stands there."""
        failed = bool(attributes.get(names.VIOLATION))
        self._logger.emit(
            LogRecord(
                timestamp=time,
                observed_timestamp=observed,
                context=None if span is None else trace.set_span_in_context(span),
                severity_number=SeverityNumber.ERROR if failed else SeverityNumber.INFO,
                severity_text="ERROR" if failed else "INFO",
                attributes=attributes,
                event_name=event,
            )
        )

    @staticmethod
    def end(span: Span, attributes: Attributes, end_time: int | None) -> None:
        """Complete and end a span; `attributes` tell whether the call failed."""
        try:
            span.set_attributes(attributes)
            if names.ERROR_TYPE in attributes:
                span.set_status(StatusCode.ERROR)
        finally:
            span.end(end_time)
