"""The span, count and violation event of a call; needs only the OpenTelemetry API.

Counts are kept here and read when metrics are collected: to add to an instrument of the SDK takes half as
long as a span.
"""

from collections.abc import Callable, Iterable, Mapping
from threading import RLock
from typing import NamedTuple

from opentelemetry import trace
from opentelemetry._logs import LoggerProvider, LogRecord, SeverityNumber, get_logger
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter
from opentelemetry.trace import Span, SpanKind, StatusCode, TracerProvider
from opentelemetry.util.types import AttributeValue

from otel_residency.runtime.runtime import runtime
from otel_residency.telemetry import names
from otel_residency.version import __version__

Attributes = Mapping[str, AttributeValue]
Key = tuple[tuple[str, str | bool], ...]
"""Attributes, in an order that is always the same."""

MOST_SERIES = 2000
"""Series of one metric, the one for what does not fit among them: the SDK's own limit."""
OVERFLOW: Key = ((names.METRIC_OVERFLOW, True),)


class Totals:
    """Counts that only grow.

    They are those of the process and not of one activation: a meter keeps the callback that it was given
    first, so that callback has to observe the calls of every later activation too.
    """

    def __init__(self) -> None:
        self._counts: dict[Key, int] = {}
        self._baselines: list[dict[Key, int]] = []
        """The counts at the start of each observer that was not asked yet."""
        self._after_fork()
        runtime.at_fork(self._after_fork)

    def _after_fork(self) -> None:
        # Reentrant, since a destructor may count while the thread that it interrupts does.
        self._lock = RLock()
        # The parent reports what it counted. An observer that was asked there goes on from its last answer.
        for baseline in self._baselines:
            baseline.update(self._counts)

    def add(self, key: Key, count: int = 1) -> None:
        """Count one, or more."""
        with self._lock:
            if key not in self._counts and len(self._counts) >= MOST_SERIES - 1:
                key = OVERFLOW
            self._counts[key] = self._counts.get(key, 0) + count

    def observer(self) -> Callable[[CallbackOptions], Iterable[Observation]]:
        """A callback that observes what was counted since now."""
        baseline = self._copy()
        self._baselines.append(baseline)

        def observe(_: CallbackOptions) -> Iterable[Observation]:
            # Asked once, it is no longer moved by a fork: the reader goes on from the value that it got.
            self._baselines[:] = [each for each in self._baselines if each is not baseline]
            # A copy: to yield under the lock would hold it while the SDK works.
            for key, count in self._copy().items():
                since = count - baseline.get(key, 0)
                if since:
                    yield Observation(since, dict(key))

        return observe

    def _copy(self) -> dict[Key, int]:
        with self._lock:
            return dict(self._counts)


class Counters:
    """The counts that are observed as metrics; one object for each process.

    Attributes:
        calls: for `residency.calls`.
        items: for `residency.export.items`.
        records: for `residency.ledger.records`.
    """

    def __init__(self) -> None:
        self.calls = Totals()
        self.items = Totals()
        self.records = Totals()


def counters() -> Counters:
    """The counts of this process."""
    return runtime.part(Counters)


class ActivePolicy(NamedTuple):
    """The policy and the table that calls are judged by.

    Attributes:
        attributes: those of `residency.policy.info`.
        checked: when the table was last checked, in seconds of Unix time.
    """

    attributes: Attributes
    checked: int


class Telemetry:
    """What this package emits, by the names of the registry."""

    def __init__(
        self,
        active_policy: Callable[[], ActivePolicy | None],
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        logger_provider: LoggerProvider | None = None,
    ) -> None:
        """Use the given providers, or the global ones.

        Args:
            active_policy: the active policy, read at each collection; `None` without one. A meter keeps the
                first callback that it is given.
            tracer_provider: for the spans.
            meter_provider: for the metrics.
            logger_provider: for the events.
        """
        self._tracer = trace.get_tracer(names.SCOPE, __version__, tracer_provider, names.SCHEMA_URL)
        self._logger = get_logger(names.SCOPE, __version__, logger_provider, names.SCHEMA_URL)
        counts = counters()
        self._calls = counts.calls
        meter = get_meter(names.SCOPE, __version__, meter_provider, names.SCHEMA_URL)
        meter.create_observable_counter(
            names.METRIC_CALLS,
            [counts.calls.observer()],
            "{call}",
            "OpenAI API calls by residency verdict, whether traced or not.",
        )
        meter.create_observable_counter(
            names.METRIC_EXPORT_ITEMS,
            [counts.items.observer()],
            "{item}",
            "Spans and log records that the export gate changed, by signal and action.",
        )

        meter.create_observable_counter(
            names.METRIC_LEDGER_RECORDS,
            [counts.records.observer()],
            "{record}",
            "Calls by whether the ledger has a record of them.",
        )

        def policy(_: CallbackOptions) -> Iterable[Observation]:
            now = active_policy()
            if now is not None:
                yield Observation(1, now.attributes)

        def catalogue(_: CallbackOptions) -> Iterable[Observation]:
            now = active_policy()
            if now is not None:
                yield Observation(now.checked, {names.CATALOGUE: now.attributes[names.CATALOGUE]})

        meter.create_observable_gauge(
            names.METRIC_POLICY_INFO,
            [policy],
            "{policy}",  # a gauge of unit 1 is a ratio to Prometheus, which says so in the name
            "1 for the policy in force; alert when it is absent or differs between services.",
        )
        meter.create_observable_gauge(
            # A time and not an age: an age would stand still when a process stops to report.
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
        if not getattr(span, "attributes", True):  # a sampler may replace the attributes that it was given
            span.set_attributes(attributes)
        return span

    def count(self, attributes: Key) -> None:
        """Count one call, whether its trace is sampled or not."""
        self._calls.add(attributes)

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
        """Emit a ledger record as a log record."""
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
        """Complete and end a span; with an error type among its `attributes` the call failed."""
        try:
            span.set_attributes(attributes)
            # Without a description: the text of an error repeats what was asked.
            if names.ERROR_TYPE in attributes:
                span.set_status(StatusCode.ERROR)
        finally:
            # Also where a processor or a span of another SDK refuses an attribute: a span that never ends is
            # never exported.
            span.end(end_time)
