"""Which calls a span or log record belongs to, and what follows from that."""

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from opentelemetry._logs import LogRecord
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from otel_residency.calls.correlation import AncestorSpan, CallRegistry, Key, TrackedCall, key_of, worse
from otel_residency.core.policy_rules import OnExport, strictest
from otel_residency.export_gate.content import Content, load_content
from otel_residency.export_gate.pending_logs import ReleaseReason
from otel_residency.telemetry import names

JudgeHttp = Callable[[ReadableSpan], TrackedCall | None]
"""Judges a span that an HTTP client wrote; `None` if it did not go to a vendor."""


class Relation(NamedTuple):
    """What an item of telemetry has to do with calls.

    Attributes:
        verdict: the attributes of a verdict that the item may show.
        violating: whether it belongs to a call that violates the policy.
        doubt: whether it belongs to a call that is not settled, or may belong to a violating one.
        of_model_call: whether it describes a model call, and not what the application does around one.
        strict: whether everything that is not known to be free of content is removed.
        mode: what is done with it, if that depends on the call.
    """

    verdict: Mapping[str, Any] = MappingProxyType({})
    violating: bool = False
    doubt: bool = False
    of_model_call: bool = True
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
            strict: treat a model call's span that belongs to no judged call like one of a violating call.
            closed: treat every call as one in doubt, since the policy can't be read.
            judge_http: judges the spans of HTTP clients.
        """
        self._registry = registry
        self._mode = mode
        self._strict = strict
        self._closed = closed
        self._judge_http = judge_http

    @property
    def content(self) -> Content:
        """The description of content, read when it is first needed."""
        return load_content()

    def of_span(self, span: ReadableSpan, key: Key) -> Relation | None:
        """What a span has to do with calls; most have nothing."""
        registry, relation = self._registry, None
        ancestor: AncestorSpan | None = None
        parent = span.parent
        if registry.used:
            entry = registry.find(key)
            if isinstance(entry, AncestorSpan):
                return self._of_ancestor(span, entry)
            found = registry.find(key_of(parent)) if parent is not None else None
            if isinstance(found, TrackedCall):
                registry.add_descendant(found, key)
                return _to_calls([found], strict=found.violation)
            ancestor = found
        # Only spans that a client wrote: a server's span has a URL too, which is its own.
        if span.kind is SpanKind.CLIENT and self._judge_http is not None:
            relation = self._of_http(span, self._judge_http)
        if relation is None:
            relation = self._of_model_call(span, ancestor)
        near = self._mode != "flag" and registry.violated_at and self._is_near(span, key, ancestor)
        if relation is None and (near or self._closed or (span.start_time or 0) <= registry.horizon):
            strict = self.content.of_model_call(span.attributes or {})
            relation = Relation(doubt=True, of_model_call=False, strict=strict)
        return relation

    def _is_near(self, span: ReadableSpan, key: Key, parent: AncestorSpan | None) -> bool:
        """Whether a violating call was made beside a span, or before it in the same context.

        There the application reports the call's error, which repeats what was asked.
        """
        if parent is not None and parent.violates:
            return True
        recent = self._registry.recent()
        if span.parent is None and recent and recent[0].withheld:
            return True
        return any(call.withheld and call.trace == key[0] for call in recent)

    def _of_ancestor(self, span: ReadableSpan, ancestor: AncestorSpan) -> Relation | None:
        """What an ancestor of calls has to do with them; its own parent is an ancestor of them too."""
        if span.parent is not None:
            self._registry.pass_on(ancestor, key_of(span.parent))
        # After this its entry may be dropped without raising the horizon.
        ancestor.ended = True
        direct = ancestor.direct
        model_call = self.content.of_model_call(span.attributes or {})
        if direct and (model_call or span.kind is SpanKind.CLIENT):
            # Another instrumentation's span of the model call, or that of the HTTP client that made it.
            return _to_calls(direct, strict=model_call or ancestor.violates)
        if not (ancestor.sensitive or self._closed):
            return None
        return Relation(violating=ancestor.violates, doubt=True, of_model_call=False, strict=model_call)

    def _of_http(self, span: ReadableSpan, judge: JudgeHttp) -> Relation | None:
        """The relation of an HTTP client's span: to a call of the openai client, or to a new one."""
        inside = next((call for call in self._registry.recent() if call.inside), None)
        if inside is not None:
            return _to_calls([inside], strict=inside.violation)
        call = judge(span)
        if call is None:
            return None
        if call.violation and span.parent is not None:
            # The gate alone has found a call: from now on ancestors are looked for.
            self._registry.used = True
            self._registry.ancestor(key_of(span.parent)).add(call, direct=False)
        return _to_calls([call], strict=call.violation)

    def _of_model_call(self, span: ReadableSpan, parent: AncestorSpan | None) -> Relation | None:
        """What a span that no id connects with a call has to do with calls, if it describes a model call."""
        start = span.start_time or 0
        candidates = self._candidates(start, parent) if self._registry.used else ()
        # Logfire exports a span of no length while the operation begins; its content leaves before anything
        # is known.
        early = self._mode != "flag" and start == span.end_time
        # A violating call was made meanwhile, perhaps for this span in a thread without its context.
        doubtful = self._strict or (self._mode != "flag" and start <= self._registry.violated_at)
        if not (candidates or early or doubtful):
            return None
        attributes = span.attributes or {}
        if early and self.content.is_early(attributes):
            return _DOUBTFUL
        if (candidates or doubtful) and self.content.of_model_call(attributes):
            return _to_calls(candidates, strict=True) if candidates else _DOUBTFUL
        return None

    def _candidates(self, start: int, parent: AncestorSpan | None) -> Collection[TrackedCall]:
        """The calls that a span may describe without having been current while they were made.

        Some instrumentations write their span beside the call: under the same parent, or in a trace of its
        own. It may be that of another call in the same place; what is not known is treated as the worst.
        """
        recent = self._registry.recent()
        if parent is None and (not recent or recent[0].started < start):  # nearly always
            return ()
        # A call that began before the span can't be the one that it describes.
        candidates = [call for call in recent if call.started >= start]
        if parent is not None:
            candidates += [*parent.direct, *parent.sensitive_calls]
        return dict.fromkeys(candidates)

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
        # Our own records have no content, and some of them say what this very gate decides.
        if logger == names.SCOPE or not (content or self.content.in_any(log.attributes or {})):
            return None
        key = (log.trace_id or 0, log.span_id or 0)
        calls = self._calls_of_log(key, recent)
        sensitive = [call for call in calls if call.sensitive]
        violating = any(call.violation for call in sensitive) or self._violates_below(key)
        doubt = self._closed or any(not call.settled for call in sensitive)
        if not calls and not violating:
            # No call yet: it may be about to begin, or it is one that this package does not judge.
            doubt = content and (reason != "ended" or self._strict)
        if not violating and not doubt:
            return None
        wait_for: Key | TrackedCall | None = None
        if not violating and reason in (None, "settled") and not self._closed:
            # A record outside of any span has nothing whose end would release it but its call.
            wait_for = key if key[1] else next((call for call in sensitive if not call.settled), None)
        return LogRelation(
            content=content, violating=violating, doubt=doubt, wait_for=wait_for, mode=_mode_of(sensitive)
        )

    def is_content(self, log: LogRecord, logger: str) -> bool:
        """Whether a record is one that instrumentations, or the client itself, put content into."""
        name = log.event_name or (log.attributes or {}).get("event.name")
        return name in self.content.events or self.content.of_logger(logger)

    def _calls_of_log(self, key: Key, recent: tuple[TrackedCall, ...]) -> list[TrackedCall]:
        """The calls that a record may describe, by the span it was emitted in, or by the context."""
        entry = self._registry.find(key)
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

    def _violates_below(self, key: Key) -> bool:
        entry = self._registry.find(key)
        return isinstance(entry, AncestorSpan) and entry.violates


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
