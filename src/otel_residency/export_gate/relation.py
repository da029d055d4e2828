"""Which calls a span or log record belongs to, and what follows from that."""

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from opentelemetry._logs import LogRecord
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span
from opentelemetry.trace import SpanKind, get_current_span

from otel_residency.calls.correlation import CallGroup, CallRegistry, Key, TrackedCall, key_of, worse
from otel_residency.core.policy_rules import OnExport, strictest
from otel_residency.export_gate.content import Content, load_content
from otel_residency.export_gate.pending_logs import ReleaseReason
from otel_residency.export_gate.trace_links import TraceLinks
from otel_residency.telemetry import names

JudgeHttp = Callable[[ReadableSpan], TrackedCall | None]
"""Judges a span that an HTTP client wrote; `None` if it did not go to a vendor."""


class Relation(NamedTuple):
    """What an item of telemetry has to do with calls.

    Attributes:
        verdict: the attributes of a verdict that the item may show.
        violating: whether it belongs to a call that violates the policy.
        doubt: whether it belongs to a call that is not settled, or may show content of a violating one.
        lineage: whether it is a span of the call itself, or one above or below it.
        strict: whether everything that is not known to be free of content is removed.
        mode: what is done with it, if that depends on the call.
    """

    verdict: Mapping[str, Any] = MappingProxyType({})
    violating: bool = False
    doubt: bool = False
    lineage: bool = True
    strict: bool = True
    mode: OnExport | None = None


_DOUBTFUL = Relation(doubt=True)


class LogRelation(NamedTuple):
    """What a log record has to do with calls.

    Attributes:
        content: whether the whole record is content.
        violating: whether it belongs to a call that violates the policy.
        doubt: whether it may belong to one.
        wait_for: what the record has to wait for, if its call is not settled and it may still wait.
        mode: what is done with it, if that depends on the call.
    """

    content: bool
    violating: bool
    doubt: bool
    wait_for: Key | TrackedCall | None = None
    mode: OnExport | None = None


class Relations:
    """Finds the calls that items of telemetry belong to."""

    def __init__(
        self,
        registry: CallRegistry,
        mode: OnExport,
        *,
        strict: bool = False,
        closed: bool = False,
        judge_http: JudgeHttp | None = None,
    ) -> None:
        """Look calls up in `registry`.

        Args:
            registry: the calls of the process.
            mode: what is done with items of violating calls.
            strict: treat a model call's span that belongs to no judged call like one of a violating call, and
                what is not known to be free of content like content, in an application's own keys too.
            closed: treat every call as one in doubt, since the policy can't be read.
            judge_http: judges the spans of HTTP clients.
        """
        self._registry = registry
        self._mode = mode
        self._strict = strict
        self._unjudged = strict or closed
        self._closed = closed
        self._links = TraceLinks(registry)
        self._judge_http = judge_http

    @property
    def content(self) -> Content:
        """The description of content, read when it is first needed."""
        return load_content()

    def begins_below(
        self, span: Span, above: TrackedCall | CallGroup | None, parent_context: Context | None
    ) -> None:
        """Note that a span begins below one whose entry is `above`."""
        registry, context = self._registry, span.context
        call = above.call if isinstance(above, CallGroup) else above
        if call is not None:
            registry.spans.put(key_of(context), call)
        if registry.horizon:
            self._look_back(context.trace_id, parent_context)

    def begins_linked(self, span: Span) -> None:
        """Note the links of a span that begins: when one below it ends, they can't be seen."""
        for link in span.links:
            self._links.add(span.context.trace_id, link.context.trace_id)

    def _look_back(self, trace: int, context: Context | None) -> None:
        """Note that a trace is in doubt, if its current span is older than the horizon."""
        # What begins below that span begins after the horizon, and would not be treated for its own age
        # (tests/export_gate/test_correlation.py, test_a_forgotten_trace_stays_in_doubt). Spans of the API
        # alone, which stand for one of another process, have no time.
        start: int | None = getattr(get_current_span(context), "start_time", None)
        registry = self._registry
        if start is not None and start <= registry.horizon:
            registry.group(registry.traces, trace).assume_violation()

    def of_span(self, span: ReadableSpan, key: Key, entry: TrackedCall | CallGroup | None) -> Relation | None:
        """What a span has to do with calls; most have nothing. `entry` is the registry's for the span."""
        registry, parent = self._registry, span.parent
        groups: Collection[CallGroup] = ()
        if registry.used and (self._links.used or registry.traces.get(key[0]) is not None):
            groups = self._links.groups(key[0])
        above = registry.find(key_of(parent)) if groups and parent is not None else None
        if entry is None and isinstance(above, TrackedCall):
            entry = above  # in `flag` mode nobody noted its start
            registry.spans.put(key, above)
        if isinstance(entry, TrackedCall):
            return _to_calls([entry], strict=entry.violation)
        relation = None if entry is None else self._of_ancestor(span, entry)
        # Only spans that a client wrote: a server's span has a URL too, which is its own.
        if relation is None and span.kind is SpanKind.CLIENT and self._judge_http is not None:
            relation = self._of_http(span, self._judge_http)
        if relation is None:
            relation = self._of_model_call(span, above if isinstance(above, CallGroup) else None)
        if relation is None and self._mode != "flag":
            near = bool(groups) or parent is None or (span.start_time or 0) <= registry.horizon
            if near or self._closed:  # seldom
                relation = self._of_trace(span, groups)
        return relation

    def _of_trace(self, span: ReadableSpan, groups: Collection[CallGroup]) -> Relation | None:
        """What a span has to do with the calls of its trace; it may report their errors."""
        mode: OnExport | None = None
        near = False
        if groups:
            calls = _sensitive(groups)
            near, mode = bool(calls) or any(group.violates for group in groups), _mode_of(calls)
        elif span.parent is None:
            # The call had no trace around it, and its context is all that shows where its error is reported.
            recent = self._registry.recent()
            near = bool(recent) and recent[0].withheld
        if not (near or self._closed or (span.start_time or 0) <= self._registry.horizon):
            return None
        strict = self._strict or self.content.of_model_call(span.attributes or {})
        return Relation(doubt=True, lineage=False, strict=strict, mode=mode)

    def pass_on(self, span: ReadableSpan, group: CallGroup) -> None:
        """Pass on to the parent of a span that ends what matters of the calls below it."""
        if span.parent is not None and group.sensitive:
            self._registry.group(self._registry.spans, key_of(span.parent)).inherit(group)

    def _of_ancestor(self, span: ReadableSpan, group: CallGroup) -> Relation | None:
        """What a span above calls has to do with them; its own parent is above them too."""
        self.pass_on(span, group)
        model_call = self.content.of_model_call(span.attributes or {})
        calls, direct = _sensitive([group]), group.direct
        violates = group.violates
        if violates and model_call and span.parent is None:
            # An executor runs it without the context of whoever waits for it, in whatever trace.
            self._registry.look_around()
        if group.call is not None:
            direct = [group.call]
        if group.call is not None or (direct and (model_call or span.kind is SpanKind.CLIENT)):
            # The call's own span or one below it, another instrumentation's span of the model call, or that
            # of the HTTP client that made it.
            relation = _to_calls(dict.fromkeys([*direct, *calls]), strict=model_call or violates)
            return relation._replace(violating=violates or relation.violating)
        if not (calls or violates or self._closed):
            return None
        return Relation(
            violating=violates, doubt=True, strict=model_call or self._strict, mode=_mode_of(calls)
        )

    def _of_http(self, span: ReadableSpan, judge: JudgeHttp) -> Relation | None:
        """The relation of an HTTP client's span: to a call of the openai client, or to a new one."""
        inside = next((call for call in self._registry.recent() if call.inside), None)
        if inside is not None:
            return _to_calls([inside], strict=inside.violation)
        call = judge(span)
        if call is None:
            return None
        if call.violation and span.context is not None:
            # The gate alone has found a call: from now on ancestors are looked for.
            registry = self._registry
            registry.used = True
            registry.group(registry.traces, span.context.trace_id).add(call, direct=False)
            if span.parent is not None:
                registry.group(registry.spans, key_of(span.parent)).add(call, direct=False)
        return _to_calls([call], strict=call.violation)

    def _of_model_call(self, span: ReadableSpan, parent: CallGroup | None) -> Relation | None:
        """What a span that is not above a call has to do with calls, if it describes a model call."""
        start = span.start_time or 0
        candidates = self._candidates(start, parent) if self._registry.used else ()
        # Logfire exports a span of no length while the operation begins; its content leaves before anything
        # is known.
        early = self._mode != "flag" and start == span.end_time
        # A violating call was made meanwhile, perhaps for this span in a thread without its context.
        doubtful = self._unjudged or (self._mode != "flag" and start <= self._registry.violated_at)
        if not (candidates or early or doubtful):
            return None
        attributes = span.attributes or {}
        if early and self.content.is_early(attributes):
            return _DOUBTFUL
        if (candidates or doubtful) and self.content.of_model_call(attributes):
            return _to_calls(candidates, strict=True) if candidates else _DOUBTFUL
        return None

    def _candidates(self, start: int, parent: CallGroup | None) -> Collection[TrackedCall]:
        """The calls that a span may describe without having been current while they were made.

        Some instrumentations write their span beside the call: under the same parent, or in a trace of its
        own. It may be that of another call in the same place; what is not known is treated as the worst.
        """
        recent = self._registry.recent()
        if parent is None and (not recent or recent[0].started < start):  # nearly always
            return ()
        calls = list(recent)
        if parent is not None:
            calls += [*parent.direct, *parent.sensitive_calls]
        # A call that began before the span can't be the one that it describes.
        return dict.fromkeys(call for call in calls if call.started >= start)

    def of_log(
        self, log: LogRecord, logger: str, recent: tuple[TrackedCall, ...], reason: ReleaseReason | None
    ) -> LogRelation | None:
        """What a log record has to do with calls; `None` if it may be exported as it is.

        Args:
            log: the record.
            logger: name of its logger.
            recent: the latest calls of the context in which it was emitted, the last one first.
            reason: why the record is looked at again; `None` at the first time.
        """
        content = self.is_content(log, logger)
        if logger == names.SCOPE:  # without content, and some say what this very gate decides
            return None
        if not (content or self._strict or self.content.in_any(log.attributes or {})):
            return None
        key = (log.trace_id or 0, log.span_id or 0)
        entry = self._registry.find(key)
        calls = self._calls_of_log(key, entry, recent)
        sensitive = [call for call in calls if call.sensitive]
        violating = any(call.violation for call in sensitive)
        violating = violating or (isinstance(entry, CallGroup) and entry.violates)
        doubt = self._closed or any(not call.settled for call in sensitive)
        # Only content is of the call alone: around a call that is no violation, the application may report
        # the error of another one.
        known = isinstance(entry, TrackedCall) or (content and bool(calls))
        near = False
        if not (violating or doubt or known):
            if self._registry.horizon and key[0]:
                self._look_back(key[0], None)
            groups = self._links.groups(key[0])
            others = _sensitive(groups)
            near = bool(others) or any(other.violates for other in groups)
            # No call yet: it may be about to begin, or it is one that this package does not judge.
            doubt = near or (content and (reason != "ended" or self._unjudged))
            sensitive += others
        if not violating and not doubt:
            return None
        wait_for: Key | TrackedCall | None = None
        if not violating and reason in (None, "settled") and not self._closed and (content or not near):
            # A record outside of any span has nothing whose end would release it but its call.
            wait_for = key if key[1] else next((call for call in sensitive if not call.settled), None)
        return LogRelation(
            content=content or self._strict,
            violating=violating,
            doubt=doubt,
            wait_for=wait_for,
            mode=_mode_of(sensitive),
        )

    def is_content(self, log: LogRecord, logger: str) -> bool:
        """Whether a record is one that instrumentations, or the client itself, put content into."""
        name = log.event_name or (log.attributes or {}).get("event.name")
        return self.content.is_event(name) or self.content.of_logger(logger)

    @staticmethod
    def _calls_of_log(
        key: Key, entry: TrackedCall | CallGroup | None, recent: tuple[TrackedCall, ...]
    ) -> list[TrackedCall]:
        """The calls that a record may describe, by the span it was emitted in, or by the context."""
        if isinstance(entry, TrackedCall):
            return [entry]
        # Outside of the client a recent call of the context is over, and what is logged is about something
        # else.
        inside = [call for call in recent if call.inside or not key[1]]
        calls = inside if entry is None else [*entry.direct, *entry.sensitive_calls, *inside]
        for call in calls:
            # A stream whose last event is there may be judged, though its reader has not ended it.
            call.settle_if_possible()
        return calls


def _sensitive(groups: Iterable[CallGroup]) -> list[TrackedCall]:
    """The calls of these groups whose content must not be exported, settled where that is possible by now."""
    calls = [call for group in groups for call in group.sensitive_calls]
    for call in calls:
        call.settle_if_possible()
    return [call for call in calls if call.sensitive]


def _to_calls(calls: Collection[TrackedCall], *, strict: bool) -> Relation:
    """The relation to calls, with the verdict of the worst of them.

    Of several calls only a violation is shown. A verdict that may still change is not shown, only the policy
    by which there will be one, so that a back end can tell a call that is judged from one that nobody judges.
    """
    worst: TrackedCall | None = None
    for call in calls:
        call.settle_if_possible()
        worst = worse(worst, call)
    if worst is None:
        return Relation()
    doubt = any(not call.settled for call in calls)
    verdict: Mapping[str, Any] = {}
    if worst.violation:
        verdict = {names.ACTION: names.FLAGGED, **worst.attributes}
    elif len(calls) == 1 and not doubt:
        verdict = worst.attributes
    elif names.POLICY in worst.attributes:
        verdict = {names.POLICY: worst.attributes[names.POLICY]}
    mode = _mode_of([call for call in calls if call.sensitive] or [worst])
    return Relation(verdict=verdict, violating=worst.violation, doubt=doubt, strict=strict, mode=mode)


def _mode_of(calls: Iterable[TrackedCall]) -> OnExport | None:
    """The strictest mode of some calls; `None` for that of all calls."""
    modes = {call.on_export for call in calls}
    return None if None in modes or not modes else strictest("on_export", modes)
