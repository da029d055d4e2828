"""What is told of one call: its span, and at its end a count, a record, and an event of a violation."""

from collections.abc import Callable, Mapping
from time import time_ns
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import Span, set_span_in_context

from otel_residency.calls.assessment import Assessment
from otel_residency.calls.response import ResponseState
from otel_residency.calls.state import BaseUrl, State
from otel_residency.core.classify import UNKNOWN
from otel_residency.ledger.recorded_call import RecordedCall
from otel_residency.runtime.guard import Judgement, server_of
from otel_residency.telemetry import names

if TYPE_CHECKING:
    from opentelemetry.context import Context

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_COUNTED = (names.ACTION, names.REGION)


class CallReporter:
    """Tells of one call. Nothing is raised: where one way fails, the other ways are still gone."""

    announced: Judgement | None = None
    """The decision that the span was started with."""
    span: Span | None = None
    context: "Context | None" = None
    """That of the span."""
    _attributes = _NOTHING

    def __init__(self, state: State, started: int) -> None:
        """Tell of a call that began at that time, in ns."""
        self._state = state
        self._started = started

    def start(self, judged: Judgement, base: BaseUrl | None, outer: "Context") -> None:
        """Start the span, with `outer` for what its context has besides."""
        self.announced = judged
        telemetry = self._state.telemetry
        if telemetry is None and self._state.ledger is None:
            return
        try:
            attributes = judged.start if base is None else {**judged.start, names.BASE_URL: base.shown}
            self._attributes = attributes
            if telemetry is not None:
                self.span = telemetry.start(judged.name, attributes, self._started)
            if self.span is not None:
                self.context = set_span_in_context(self.span, outer)
        except Exception as error:
            self._state.failed("starting a span", error)

    def end(self, judged: Judgement, judging: Assessment, seen: ResponseState, end: int | None) -> None:
        """Report what became of the call, which ended at `end`, or ends now."""
        telemetry, ledger = self._state.telemetry, self._state.ledger
        if telemetry is None and ledger is None:
            return
        outcome = self._outcome(judged, judging, seen)
        if ledger is not None:
            call = RecordedCall(
                started=self._started,
                ended=time_ns() if end is None else end,
                judgement=judged,
                attributes=self._attributes,
                outcome=outcome,
                span=self.span,
            )
            self.by("recording a call", ledger.record, call)
        if telemetry is None:
            return
        counted = judged.counted
        if names.ACTION in outcome or names.REGION in outcome:
            own = {name: outcome[name] for name in _COUNTED if name in outcome}
            counted = tuple({**dict(counted), **own}.items())
        self.by("counting a call", telemetry.count, counted)
        if judged.decision.violation:
            self._state.tell_of_senders(judged.decision)
            event = {**self._attributes, **outcome}
            self.by("reporting a violation", telemetry.report_violation, event, self.context)
        if self.span is not None:
            self.by("ending a span", telemetry.end, self.span, outcome, end)

    def by(self, part: str, tell: Callable[..., None], *args: Any) -> None:
        """Tell of the call in one way."""
        try:
            tell(*args)
        except Exception as error:
            self._state.failed(part, error)

    def _outcome(self, judged: Judgement, judging: Assessment, seen: ResponseState) -> dict[str, Any]:
        """What became of the call, as far as it differs from what its span was started with."""
        outcome = seen.attributes()
        announced, facts, hops, decision = self.announced, judging.facts, judging.hops, judged.decision
        if announced is None or judged.span != announced.span:
            outcome |= judged.span
        model = None if facts is None else facts.model
        if model and self._attributes.get(names.MODEL_REQUESTED) != model:
            outcome[names.MODEL_REQUESTED] = model
        planned = None if judging.sending is None else judging.sending.hop
        last = hops[-1] if hops else planned
        if last is not None and (announced is None or last != announced.hop):
            outcome |= server_of(last)
        if hops:
            known = decision.hop_regions[: len(hops)]
            outcome[names.HOP_HOSTS] = [hop.host for hop in hops]
            outcome[names.HOP_REGIONS] = regions = (*known, *(UNKNOWN,) * (len(hops) - len(known)))
            if judging.refused:
                outcome[names.REGION] = regions[-1]
        batch = judging.batch
        if batch is not None and batch.contents is not None and facts is not None:
            outcome |= self._state.guard.counted_lines(facts, batch.contents.kinds)
        if judging.refused or decision.violation:
            outcome[names.ACTION] = names.BLOCKED if judging.refused else names.FLAGGED
        return outcome
