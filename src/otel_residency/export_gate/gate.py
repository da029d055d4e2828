"""The export gate: what is exported of a span or log record.

A step that fails withholds the item. For content the gate fails closed; for the application it does not fail
at all.
"""

from collections.abc import Callable
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk._logs import ReadWriteLogRecord
from opentelemetry.sdk.trace import ReadableSpan, Span

from otel_residency.calls.correlation import CallRegistry, TrackedCall, key_of
from otel_residency.core.policy_rules import OnExport
from otel_residency.export_gate.destinations import Destinations
from otel_residency.export_gate.pending_logs import PendingLogs, ReleaseReason
from otel_residency.export_gate.quarantine import Quarantine
from otel_residency.export_gate.redact import (
    GatedLogRecord,
    GatedSpan,
    flagged,
    redacted,
    redacted_log,
    tombstone,
    withheld_log,
    without_foreign,
)
from otel_residency.export_gate.relation import JudgeHttp, LogRelation, Relation, Relations
from otel_residency.runtime.runtime import runtime
from otel_residency.telemetry import names
from otel_residency.telemetry.emitter import counters

Failed = Callable[[str, BaseException | None], None]
"""Logs that a part of the gate failed."""
Send = Callable[[ReadWriteLogRecord], None]
SPANS, LOGS = "traces", "logs"


def ignore(*_: object) -> None:
    """Do nothing: the default for reports that nobody wants."""


class Gate:
    """Decides what is exported of an item of telemetry, by the calls that it belongs to.

    Attributes:
        by_destination: whether that depends on the processor too.
    """

    def __init__(
        self,
        mode: OnExport,
        *,
        strict: bool = False,
        closed: bool = False,
        quarantine: Quarantine | None = None,
        judge_http: JudgeHttp | None = None,
        destinations: Destinations | None = None,
        failed: Failed = ignore,
        registry: CallRegistry | None = None,
    ) -> None:
        """Treat what belongs to a violating call by `mode`, or by the mode of that call.

        Args:
            mode: `flag`, `redact` or `withhold`, the strictest for any call.
            strict: treat a model call's span that belongs to no judged call like one of a violating call, and
                remove all that is not known to be free of content.
            closed: treat every call as one in doubt, since the policy can't be read.
            quarantine: keeps the originals of what is redacted or withheld.
            judge_http: judges the spans of HTTP clients.
            destinations: knows which exporters content may go to; without it, all.
            failed: logs what failed in here.
            registry: the calls; by default those of the process.
        """
        self.mode = mode
        self._closed = closed and mode != "flag"
        self._registry = runtime.part(CallRegistry) if registry is None else registry
        self._relations = Relations(
            self._registry,
            mode,
            strict=strict and mode != "flag",
            closed=self._closed,
            judge_http=judge_http,
        )
        self._quarantine = quarantine
        self._destinations = destinations
        self.by_destination = destinations is not None
        self._failed = failed
        self._pending = PendingLogs()

    # Spans

    def span(self, span: ReadableSpan) -> ReadableSpan:
        """The span to export: the same one, or another in its place. Never raises."""
        context = span.context
        # `ResidencySpanProcessor` may stand behind the patched provider: decided once, counted once
        # (tests/export_gate/test_processors.py, test_it_decides_once).
        if context is None or isinstance(span, GatedSpan):
            return span
        key = key_of(context)
        try:
            entry = self._registry.find(key)
            # A call is found by its own span and by those below it.
            call = entry if isinstance(entry, TrackedCall) and entry.span_key == key else None
            if call is not None and (self.mode == "flag" or not (call.sensitive or self._closed)):
                return span
            relation = self._relations.of_span(span, key, entry)
            if relation is None:
                return span
            return self._treat(span, relation)
        except Exception as error:
            self._failed("the export gate", error)
            if self.mode == "flag":
                return span
            _count(SPANS, names.WITHHELD)
            return tombstone(span, {})
        finally:
            if key in self._pending.by_key:
                # After the span was treated: by now it is known whether a call was made in it. In `finally`,
                # so that a failure does not leave records waiting.
                self._pending.release(key, "ended")

    def started(self, span: Span, parent_context: Context | None) -> None:
        """Note that a span begins. Never raises."""
        try:
            registry, parent = self._registry, span.parent
            if parent is not None and registry.used:
                above = registry.find(parent[:2])
                if above is not None or registry.horizon:
                    self._relations.begins_below(span, above, parent_context)
            # `links` of 1.45.1 copies them under a lock, for each span.
            if span._links:  # noqa: SLF001
                self._relations.begins_linked(span)
        except Exception as error:
            self._failed("the export gate", error)

    def _treat(self, span: ReadableSpan, relation: Relation) -> ReadableSpan:
        verdict, mode = relation.verdict, self._mode_of(relation)
        if mode == "flag" or not (relation.violating or relation.doubt or self._closed):
            if not verdict or names.VERDICT in (span.attributes or {}):
                return span
            if relation.violating:
                _count(SPANS, names.FLAGGED)
            return flagged(span, verdict)
        # A span of ours holds no content, except what the application put on it while it was current.
        own = span.instrumentation_scope is not None and span.instrumentation_scope.name == names.SCOPE
        withheld = mode == "withhold" and relation.violating and relation.lineage and not own
        treated = None
        if own:
            treated = without_foreign(span)
        elif not withheld:
            treated = redacted(span, self._relations.content, verdict, strict=relation.strict)
        if treated is None and not withheld:
            if own:
                return span
            return flagged(span, verdict) if verdict else span
        if self._quarantine is not None and not self._quarantine.keep_span(span):
            withheld = True
        if withheld or treated is None:
            treated = tombstone(span, verdict)
        _count(SPANS, names.WITHHELD if withheld else names.REDACTED)
        return treated

    def _mode_of(self, relation: Relation | LogRelation) -> OnExport:
        return self.mode if self._closed or relation.mode is None else relation.mode

    def span_for(self, processor: Any, span: ReadableSpan) -> ReadableSpan:
        """The span for `processor`, whose exporter may be one that content must not go to. Never raises."""
        if self._destinations is None:
            return span
        try:
            content = self._relations.content
            treated = redacted(span, content, {}, strict=content.of_model_call(span.attributes or {}))
            if treated is None or self._destinations.admits_content(processor):
                return span
        except Exception as error:
            self._failed("the export gate", error)
            _count(SPANS, names.WITHHELD)
            return tombstone(span, {})
        _count(SPANS, names.REDACTED)
        return treated

    # Log records

    def log(self, record: ReadWriteLogRecord, send: Send) -> None:
        """Hand the record, or another in its place, to `send`, now or when its call is settled.

        Nothing of the gate's own is raised.
        """
        # The calls of this context now: a record that waits is released in another one.
        self._pass(record, send, self._registry.recent(), None)

    def _pass(
        self,
        record: ReadWriteLogRecord,
        send: Send,
        recent: tuple[TrackedCall, ...],
        reason: ReleaseReason | None,
    ) -> None:
        try:
            treated = self._log(record, send, recent, reason)
        except Exception as error:
            self._failed("the export gate", error)
            treated = record
            if self.mode != "flag":
                _count(LOGS, names.WITHHELD)
                treated = withheld_log(record)
        if treated is None:
            return
        try:
            send(treated)
        except Exception as error:
            # In the thread and at the moment of the application's own call the SDK lets errors of processors
            # through, and so do we.
            if reason is None:
                raise
            # Whoever ends the span has nothing to do with what was logged.
            self._failed("sending a log record on", error)

    def _log(
        self,
        record: ReadWriteLogRecord,
        send: Send,
        recent: tuple[TrackedCall, ...],
        reason: ReleaseReason | None,
    ) -> ReadWriteLogRecord | None:
        """What to send in place of a record; `None` while it has to wait."""
        if self.mode == "flag" or isinstance(record, GatedLogRecord):
            return record
        relation = self._relations.of_log(record.log_record, _logger_of(record), recent, reason)
        if relation is None:
            return record
        if relation.wait_for is not None:
            self._pending.add(relation.wait_for, lambda reason: self._pass(record, send, recent, reason))
            return None
        mode = self._mode_of(relation)
        withheld = mode == "withhold" and relation.violating and relation.content
        treated = (
            None if withheld else redacted_log(record, self._relations.content, content=relation.content)
        )
        if treated is None and not withheld:
            return record
        if self._quarantine is not None and not self._quarantine.keep_log(record):
            withheld = True
        _count(LOGS, names.WITHHELD if withheld else names.REDACTED)
        return withheld_log(record) if withheld or treated is None else treated

    def log_for(self, processor: Any, record: ReadWriteLogRecord) -> ReadWriteLogRecord:
        """The log record for `processor`, as `span_for` for spans."""
        if self._destinations is None:
            return record
        try:
            content = self._relations.is_content(record.log_record, _logger_of(record))
            treated = redacted_log(record, self._relations.content, content=content)
            if treated is None or self._destinations.admits_content(processor):
                return record
        except Exception as error:
            self._failed("the export gate", error)
            _count(LOGS, names.WITHHELD)
            return withheld_log(record)
        _count(LOGS, names.REDACTED)
        return treated

    def on_settled(self, call: TrackedCall) -> None:
        """Release the records that wait for a call."""
        for key in (call, call.parent_key):
            if key in self._pending.by_key:
                self._pending.release(key, "settled")

    def flush(self) -> None:
        """Release the records that wait, without their content, since their calls are not known."""
        self._pending.release_all()


def _logger_of(record: ReadWriteLogRecord) -> str:
    scope = record.instrumentation_scope
    return scope.name if scope is not None else ""


def _count(signal: str, action: str) -> None:
    counters().items.add(((names.EXPORT_SIGNAL, signal), (names.EXPORT_ACTION, action)))
