"""Reports one call: its span, and at its end a count, a ledger record, and a violation event."""

from collections.abc import Callable, Mapping
from time import time_ns
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import Span, set_span_in_context

from otel_residency.calls.assessment import Assessment
from otel_residency.calls.request import ClientBaseUrl
from otel_residency.calls.response import ResponseState
from otel_residency.calls.state import State
from otel_residency.core.facts import Hop
from otel_residency.core.regions import UNKNOWN
from otel_residency.guard import Judgement, server_of
from otel_residency.ledger.recorded_call import RecordedCall
from otel_residency.telemetry import names

if TYPE_CHECKING:
    from opentelemetry.context import Context

_NO_ATTRIBUTES: Mapping[str, Any] = MappingProxyType({})
_COUNTED = (names.ACTION, names.REGION)


class CallReporter:
    """Emits the span, count, ledger record and violation event of one call.

    Each is emitted even if another one fails; nothing is raised.

    Attributes:
        started_with: the judgement that the span was started with; `None` before.
        span: the call's span, where there is telemetry.
        context: the OpenTelemetry context in which the span is current.
    """

    started_with: Judgement | None = None
    span: Span | None = None
    context: "Context | None" = None
    _started_hop: Hop | None = None
    _attributes = _NO_ATTRIBUTES

    def __init__(self, state: State, started: int) -> None:
        """Report a call that began at `started`, in ns since 1970."""
        self._state = state
        self._started = started

    def start(self, judgement: Judgement, base: ClientBaseUrl | None, outer: "Context") -> None:
        """Start the span, whose context has what `outer` has."""
        self.started_with, facts = judgement, judgement.facts
        if facts is not None and facts.hops:
            self._started_hop = facts.hops[-1]
        telemetry = self._state.telemetry
        if telemetry is None and self._state.ledger is None:
            return
        try:
            attributes = judgement.start if base is None else {**judgement.start, names.BASE_URL: base.shown}
            self._attributes = attributes
            if telemetry is not None:
                self.span = telemetry.start(judgement.name, attributes, self._started)
            if self.span is not None:
                self.context = set_span_in_context(self.span, outer)
        except Exception as error:
            self._state.log_failure("starting a span", error)

    def end(
        self, judgement: Judgement, assessment: Assessment, response: ResponseState, end: int | None
    ) -> None:
        """Report the outcome of the call, which ended at `end`, in ns since 1970, or ends now."""
        telemetry, ledger = self._state.telemetry, self._state.ledger
        if telemetry is None and ledger is None:
            return
        outcome = self._outcome(judgement, assessment, response)
        if ledger is not None:
            call = RecordedCall(
                started=self._started,
                ended=time_ns() if end is None else end,
                judgement=judgement,
                attributes=self._attributes,
                outcome=outcome,
                span=self.span,
            )
            self.safely("recording a call", ledger.record, call)
        if telemetry is None:
            return
        counted = judgement.counted
        if names.ACTION in outcome or names.REGION in outcome:
            # `counted` is cached with the decision; a call that was refused or redirected differs in these
            # two alone.
            changed = {name: outcome[name] for name in _COUNTED if name in outcome}
            counted = tuple({**dict(counted), **changed}.items())
        self.safely("counting a call", telemetry.count, counted)
        if judgement.decision.violation:
            self._state.warn(judgement.warnings)
            event = {**self._attributes, **outcome}
            self.safely("reporting a violation", telemetry.report_violation, event, self.context)
        if self.span is not None:
            self.safely("ending a span", telemetry.end, self.span, outcome, end)

    def end_span(self, end: int | None) -> None:
        """End the span as it is, where the outcome could not be reported."""
        if self.span is not None and self.span.is_recording():
            self.safely("ending a span", self.span.end, end)

    def safely(self, part: str, report: Callable[..., None], *args: Any) -> None:
        """Call `report`; a failure is logged as one of `part`."""
        try:
            report(*args)
        except Exception as error:
            self._state.log_failure(part, error)

    def _outcome(
        self, judgement: Judgement, assessment: Assessment, response: ResponseState
    ) -> dict[str, Any]:
        """The attributes of the outcome that differ from what the span was started with."""
        outcome = response.attributes()
        started_with, facts, hops = self.started_with, assessment.facts, assessment.hops
        # Only differences: the SDK checks and cleans every attribute that is set (1.45.1,
        # `BoundedAttributes`), some 14 of 30 µs of a span.
        if started_with is None or judgement.span != started_with.span:
            outcome |= judgement.span
        model = None if facts is None else facts.model
        if model and self._attributes.get(names.MODEL_REQUESTED) != model:
            outcome[names.MODEL_REQUESTED] = model
        planned = None if assessment.snapshot is None else assessment.snapshot.hop
        last = hops[-1] if hops else planned
        if last is not None and last != self._started_hop:
            outcome |= server_of(last)
        if hops:
            # A call in doubt may have sent hops that nobody judged: each host keeps a region beside it.
            judged = judgement.decision.hop_regions[: len(hops)]
            outcome[names.HOP_HOSTS] = [hop.host for hop in hops]
            outcome[names.HOP_REGIONS] = regions = (*judged, *(UNKNOWN,) * (len(hops) - len(judged)))
            # The judgement speaks of the hop that was refused and not sent; the region is that of the last
            # one sent.
            if assessment.refused:
                outcome[names.REGION] = regions[-1]
        batch = assessment.batch
        if batch is not None and batch.contents is not None and facts is not None:
            outcome |= self._state.guard.counted_lines(facts, batch.contents.kinds)
        if assessment.refused or judgement.decision.violation:
            outcome[names.ACTION] = names.BLOCKED if assessment.refused else names.FLAGGED
        return outcome
