"""The gate itself: what may leave of a span or log record.

A step that fails withholds the item: for content the gate fails closed, for the application it does not
fail at all.
"""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import ReadWriteLogRecord
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from otel_residency.calls.correlation import AncestorSpan, CallRegistry, Key, TrackedCall, key_of, worse
from otel_residency.calls.correlation import marks as marks_of_process
from otel_residency.core.policy import OnExport
from otel_residency.export_gate.content import Content, load_content
from otel_residency.export_gate.destinations import Destinations
from otel_residency.export_gate.logs import GatedLogRecord, redacted_log, withheld_log
from otel_residency.export_gate.pending_logs import PendingLogs, Why
from otel_residency.export_gate.quarantine import Quarantine
from otel_residency.export_gate.redact import GatedSpan, flagged, redacted, tombstone
from otel_residency.telemetry import counters, names

Failed = Callable[[str, BaseException | None], None]
JudgeHttp = Callable[[ReadableSpan], TrackedCall | None]
"""Judges a span that an HTTP client wrote; `None` if it did not go to a vendor."""
Send = Callable[[ReadWriteLogRecord], None]
SPANS, LOGS = "traces", "logs"


def nowhere(*_: object) -> None:
    """Where reports go that nobody wants."""


class Relation(NamedTuple):
    """What an item has to do with calls."""

    verdict: Mapping[str, Any] = MappingProxyType({})
    violating: bool = False
    doubt: bool = False
    part: bool = True
    """Whether it speaks of a model call, and not of what the application does around one."""
    strict: bool = True
    """Whether what is not known to be free of content goes too."""


_DOUBTFUL = Relation(doubt=True)


class Gate:
    """Decides about items of telemetry, by the calls that they belong to."""

    def __init__(
        self,
        mode: OnExport,
        *,
        strict: bool = False,
        closed: bool = False,
        quarantine: Quarantine | None = None,
        judge_http: JudgeHttp | None = None,
        destinations: Destinations | None = None,
        failed: Failed = nowhere,
        marks: CallRegistry = marks_of_process,
    ) -> None:
        """Treat what belongs to a violating call by `mode`.

        Args:
            mode: `flag`, `redact` or `withhold`.
            strict: treat the span of a model call that nobody judged like one of a violating call.
            closed: treat every call as if it were in doubt, since the policy is not known.
            quarantine: where the originals of what is redacted or withheld are kept.
            judge_http: judges the spans of HTTP clients.
            destinations: tells which exporters content may go to; without it, all.
            failed: told of what failed in here, by part.
            marks: the calls that are known.
        """
        self.mode = mode
        self._closed = closed and mode != "flag"
        self._strict = self._closed or (strict and mode != "flag")
        self._quarantine = quarantine
        self._judge_http = judge_http
        self._destinations = destinations
        self._failed = failed
        self._marks = marks
        self._held = PendingLogs()

    @property
    def content(self) -> Content:
        """The description of content, read when it is first needed."""
        return load_content()

    # Spans

    def span(self, span: ReadableSpan) -> ReadableSpan:
        """The span to export: the same one, or another in its place. Never raises."""
        context = span.context
        if context is None or isinstance(span, GatedSpan):
            return span
        key = key_of(context)
        try:
            relation = self._relation(span, key)
            if relation is None:
                return span
            return self._treated(span, relation)
        except Exception as error:
            self._failed("the export gate", error)
            if self.mode == "flag":
                return span
            _count(SPANS, names.WITHHELD)
            return tombstone(span, {})
        finally:
            self._held.release(key, "ended")

    def _relation(self, span: ReadableSpan, key: Key) -> Relation | None:
        """What a span has to do with calls; most have nothing."""
        marks, relation = self._marks, None
        above: AncestorSpan | None = None
        parent = span.parent
        if marks.ever:
            known = marks.find(key)
            if isinstance(known, AncestorSpan):
                return self._of_above(span, known)
            if known is not None and known.own == key:
                return None
            found = marks.find(key_of(parent)) if parent is not None else None
            if isinstance(found, TrackedCall):
                marks.descend(found, key)
                return _relation([found], strict=found.violation)
            above = found
        if span.kind is SpanKind.CLIENT and self._judge_http is not None:
            relation = self._of_http(span, self._judge_http)
        if relation is None:
            relation = self._of_model_call(span, above)
        near = self.mode != "flag" and marks.violated_at and self._is_near(span, key, above)
        if relation is None and (near or self._closed or (span.start_time or 0) <= marks.horizon):
            strict = self.content.of_model_call(span.attributes or {})
            relation = Relation(doubt=True, part=False, strict=strict)
        return relation

    def _is_near(self, span: ReadableSpan, key: Key, parent: AncestorSpan | None) -> bool:
        """Whether a violating call was made beside a span, or before it in the same context.

        There the application tells of the call's error, which repeats what was asked.
        """
        if parent is not None and parent.violates:
            return True
        recent = self._marks.recent()
        if span.parent is None and recent and recent[0].violation:
            return True
        return any(mark.violation and mark.trace == key[0] for mark in recent)

    def _of_above(self, span: ReadableSpan, above: AncestorSpan) -> Relation | None:
        """What a span that stands above calls has to do with them; its own parent stands above them too."""
        if span.parent is not None:
            self._marks.inherit(above, key_of(span.parent))
        above.ended = True
        direct = above.direct
        of_model = self.content.of_model_call(span.attributes or {})
        if direct and (of_model or span.kind is SpanKind.CLIENT):
            # Another's span of the model call, or that of the HTTP client that made it.
            return _relation(direct, strict=of_model or above.violates)
        if not (above.troubled or self._closed):
            return None
        return Relation(violating=above.violates, doubt=True, part=False, strict=of_model)

    def _of_http(self, span: ReadableSpan, judge: JudgeHttp) -> Relation | None:
        """What the span of an HTTP client has to do with calls: with one of the client, or with a new one."""
        inside = next((mark for mark in self._marks.recent() if mark.inside), None)
        if inside is not None:
            return _relation([inside], strict=inside.violation)
        shadow = judge(span)
        if shadow is None:
            return None
        if shadow.violation and span.parent is not None:
            self._marks.ever = True
            self._marks.above(key_of(span.parent)).add(shadow, direct=False)
        return _relation([shadow], strict=shadow.violation)

    def _of_model_call(self, span: ReadableSpan, parent: AncestorSpan | None) -> Relation | None:
        """What a span that no id leads to has to do with calls, if it stands for one of a model."""
        start = span.start_time or 0
        beside = self._beside(start, parent) if self._marks.ever else ()
        early = self.mode != "flag" and start == span.end_time
        # One that violates was made meanwhile, perhaps for this span in a thread that knows nothing of it.
        doubtful = self._strict or (self.mode != "flag" and start <= self._marks.violated_at)
        if not (beside or early or doubtful):
            return None
        attributes = span.attributes or {}
        if early and self.content.is_early(attributes):
            return _DOUBTFUL
        if (beside or doubtful) and self.content.of_model_call(attributes):
            return _relation(beside, strict=True) if beside else _DOUBTFUL
        return None

    def _beside(self, start: int, parent: AncestorSpan | None) -> Collection[TrackedCall]:
        """The calls that a span may speak of without being current while they are made.

        Some instrumentations write their span beside the call: under the same parent, or in a trace of its
        own. It may be that of another call in the same place; what is not known is treated as the worst.
        """
        recent = self._marks.recent()
        if parent is None and (not recent or recent[0].started < start):  # nearly always
            return ()
        beside = [mark for mark in recent if mark.started >= start]
        if parent is not None:
            beside += [*parent.direct, *parent.troubling]
        return dict.fromkeys(beside)

    def _treated(self, span: ReadableSpan, relation: Relation) -> ReadableSpan:
        verdict = relation.verdict
        if self.mode == "flag" or not (relation.violating or relation.doubt or self._closed):
            if not verdict or names.VERDICT in (span.attributes or {}):
                return span
            if relation.violating:
                _count(SPANS, names.FLAGGED)
            return flagged(span, verdict)
        withheld = self.mode == "withhold" and relation.violating and relation.part
        treated = None if withheld else redacted(span, self.content, verdict, strict=relation.strict)
        if treated is None and not withheld:
            return flagged(span, verdict) if verdict else span
        if self._quarantine is not None and not self._quarantine.keep_span(span):
            withheld = True
        if withheld or treated is None:
            treated = tombstone(span, verdict)
        _count(SPANS, names.WITHHELD if withheld else names.REDACTED)
        return treated

    def span_for(self, processor: Any, span: ReadableSpan) -> ReadableSpan:
        """The span to hand to `processor`, which may send it where no content may go. Never raises."""
        if self._destinations is None:
            return span
        try:
            if self._destinations.admits_content(processor):
                return span
            strict = self.content.of_model_call(span.attributes or {})
            treated = redacted(span, self.content, {}, strict=strict)
            if treated is None:
                return span
        except Exception as error:
            self._failed("the export gate", error)
            _count(SPANS, names.WITHHELD)
            return tombstone(span, {})
        _count(SPANS, names.REDACTED)
        return treated

    # Log records

    def log(self, record: ReadWriteLogRecord, send: Send) -> None:
        """Hand the record, or another in its place, to `send`, now or when its call is judged.

        Nothing of the gate's own is raised.
        """
        self._pass(record, send, self._marks.recent(), None)

    def _pass(
        self, record: ReadWriteLogRecord, send: Send, recent: tuple[TrackedCall, ...], why: Why | None
    ) -> None:
        try:
            treated = self._log(record, send, recent, why)
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
            if why is None:
                raise
            # Whoever ends the span has nothing to do with what was logged.
            self._failed("sending a log record on", error)

    def _log(
        self, record: ReadWriteLogRecord, send: Send, recent: tuple[TrackedCall, ...], why: Why | None
    ) -> ReadWriteLogRecord | None:
        """What to send in the place of a record; `None` while it has to wait."""
        if self.mode == "flag" or isinstance(record, GatedLogRecord):
            return record
        log, scope = record.log_record, record.instrumentation_scope
        name = scope.name if scope is not None else ""
        part = self._is_content(log, name)
        if name == names.SCOPE or not (part or self.content.in_any(log.attributes or {})):
            return record
        key = (log.trace_id or 0, log.span_id or 0)
        calls = self._calls_of(key, recent)
        violating = any(call.violation for call in calls) or self._violates_below(key)
        doubt = self._closed or any(not call.settled for call in calls)
        if not calls and not violating:
            # No call yet: it may be about to begin, or it was one that this package does not judge.
            doubt = part and (why != "ended" or self._strict)
        if not violating and not doubt:
            return record
        if not violating and why in (None, "settled") and not self._closed:
            wait = key if key[1] else next((call for call in calls if not call.settled), None)
            if wait is not None:
                self._held.hold(wait, lambda why: self._pass(record, send, recent, why))
                return None
        return self._treated_log(record, part=part, violating=violating)

    def _is_content(self, log: LogRecord, logger: str) -> bool:
        """Whether a record is one that instrumentations, or the client itself, put content into."""
        events = self.content.events
        named = log.event_name or (log.attributes or {}).get("event.name")
        return named in events or self.content.of_logger(logger)

    def _calls_of(self, key: Key, recent: tuple[TrackedCall, ...]) -> list[TrackedCall]:
        """The calls that a record may speak of: by the span it was written in, or else by the context."""
        known = self._marks.find(key)
        if isinstance(known, TrackedCall):
            return [known]
        inside = [mark for mark in recent if mark.inside or not key[1]]
        calls = inside if known is None else [*known.direct, *known.troubling, *inside]
        for call in calls:
            call.ask()
        return calls

    def _violates_below(self, key: Key) -> bool:
        known = self._marks.find(key)
        return isinstance(known, AncestorSpan) and known.violates

    def _treated_log(self, record: ReadWriteLogRecord, *, part: bool, violating: bool) -> ReadWriteLogRecord:
        withheld = self.mode == "withhold" and violating and part
        treated = None if withheld else redacted_log(record, self.content, part=part)
        if treated is None and not withheld:
            return record
        if self._quarantine is not None and not self._quarantine.keep_log(record):
            withheld = True
        _count(LOGS, names.WITHHELD if withheld else names.REDACTED)
        return withheld_log(record) if withheld or treated is None else treated

    def log_for(self, processor: Any, record: ReadWriteLogRecord) -> ReadWriteLogRecord:
        """The same for a log record."""
        if self._destinations is None:
            return record
        try:
            if self._destinations.admits_content(processor):
                return record
            scope = record.instrumentation_scope
            part = self._is_content(record.log_record, scope.name if scope is not None else "")
            treated = redacted_log(record, self.content, part=part)
            if treated is None:
                return record
        except Exception as error:
            self._failed("the export gate", error)
            _count(LOGS, names.WITHHELD)
            return withheld_log(record)
        _count(LOGS, names.REDACTED)
        return treated

    def settled(self, mark: TrackedCall) -> None:
        """Send on the records that waited for a call."""
        self._held.release(mark, "settled")
        if mark.above is not None:
            self._held.release(mark.above, "settled")

    def flush(self) -> None:
        """Send on the records that wait, without their content: their calls are not known."""
        self._held.release_all()


def _relation(calls: Collection[TrackedCall], *, strict: bool) -> Relation:
    """The relation to calls, told by the worst of them.

    Of several calls only a breach is told, and a verdict that may still change is not: only by which policy
    there will be one, so that a back end can tell what is judged from what nobody judges.
    """
    worst: TrackedCall | None = None
    for mark in calls:
        mark.ask()
        worst = worse(worst, mark)
    if worst is None:
        return Relation()
    doubt = any(not mark.settled for mark in calls)
    verdict: Mapping[str, Any] = {}
    if worst.violation:
        verdict = {names.ACTION: names.FLAGGED, **worst.attributes}
    elif len(calls) == 1 and not doubt:
        verdict = worst.attributes
    elif names.POLICY in worst.attributes:
        verdict = {names.POLICY: worst.attributes[names.POLICY]}
    return Relation(verdict, worst.violation, doubt, strict=strict)


def _count(signal: str, action: str) -> None:
    counters.items.add(((names.EXPORT_SIGNAL, signal), (names.EXPORT_ACTION, action)))
