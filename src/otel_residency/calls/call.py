"""One logical API call, from the first attempt to the last byte of its answer.

Each step is one method, called by the patches. Only a refusal is raised, and only in block mode: what judges
a call is kept apart from what reports it.
"""

from collections.abc import Callable
from time import time_ns
from typing import TYPE_CHECKING, Any, cast
from weakref import finalize

from opentelemetry import context as otel_context
from opentelemetry.trace import get_current_span

from otel_residency.calls.assessment import Assessment
from otel_residency.calls.body import RequestFacts
from otel_residency.calls.context import current_call
from otel_residency.calls.correlation import TrackedCall
from otel_residency.calls.late_body import is_running, watch_body
from otel_residency.calls.reporter import CallReporter
from otel_residency.calls.request import EXTENSION, ClientBaseUrl, SendingHop, client_base_url
from otel_residency.calls.response import ResponseState, read_answer, read_body
from otel_residency.calls.state import State, runtime
from otel_residency.core.interruption import reraise_interruption
from otel_residency.guard import Judgement

if TYPE_CHECKING:
    from contextvars import ContextVar

    from opentelemetry.context import Context

active_call = cast("ContextVar[Call | None]", current_call)
"""The call for which requests are built and sent in this context."""


class Call:
    """The state of a call. A call ends once, whichever of its parts is the first to say that it is over.

    Attributes:
        assessment: the facts, and the judgement of them.
        response_state: what came back.
        reporter: emits span, count, record and event.
        tracked: what the export gate sees of the call.
        without_client: whether an HTTP client makes the call, and not the openai client.
        standalone: whether it came past the patch of the client's `request`; then it ends with its response.
        latest_event: the latest event of a stream, which was not read.
        being_read: whether the application is reading the body of the response.
        iterator: weak reference to the iterator over the stream's events.
    """

    without_client = False
    standalone = False
    latest_event: Any = None
    being_read = False
    iterator: Callable[[], Any] | None = None
    _response: Any = None
    _watch: Callable[[Any, "Call"], Any] | None = None
    _outer_call: "Call | None" = None
    _outer_context: "Context | None" = None

    def __init__(self, state: State, client: Any, options: Any) -> None:
        """Begin the call of `client` that `options` describe, while `state` is active."""
        self.state = state
        self.client = client
        self.options = options
        started = time_ns()
        self.tracked = TrackedCall(started)
        self.assessment = Assessment(state, started)
        self.response_state = ResponseState()
        self.reporter = CallReporter(state, started)
        # `list.pop` is atomic: of several threads and destructors that end a call, one gets the item.
        self._unfinished = [True]

    def on_attempt(self, request: Any, options: Any, body: RequestFacts | None = None) -> None:
        """Judge the request that the client has built for the next attempt.

        Args:
            request: the request.
            options: what the client built it of; `None` if it did not.
            body: what its body says, if it is to be read from neither.

        Raises:
            ResidencyViolationError: in block mode, when it violates the policy or can't be judged.
        """
        try:
            if self.without_client:
                base = None
            else:
                base = self.state.client_base_url = client_base_url(self.client, self.state.client_base_url)
            judgement = self.assessment.plan(request, options, self.client, base, body)
            # httpx 0.28.1 hands `extensions` on to the request of a redirect (`_build_redirect_request`).
            request.extensions[EXTENSION] = self
        except Exception as error:
            self._refuse_doubt(error)
            return
        self._start(judgement, base)
        self._enforce(judgement)

    def on_hop(self, request: Any) -> None:
        """Judge a request of this call that is about to be sent, as it is now.

        Raises:
            ResidencyViolationError: in block mode, as above.
        """
        assessment = self.assessment
        try:
            request.extensions[EXTENSION] = self
            hop, judgement = assessment.hop(request, redirected=self.response_state.redirecting)
        except Exception as error:
            self._refuse_doubt(error)
            return
        if judgement is not None:
            self._track(judgement)
            self._enforce(judgement)
        assessment.hops = (*assessment.hops, hop)

    def sending(self) -> SendingHop:
        """A block in which the latest hop is sent.

        A call in doubt is reported as one, so whatever is sent within its hop, to any host, belongs to it.
        The span of a standalone call is current within the block only, since nothing else makes it current.
        """
        hops = self.assessment.hops if self.assessment.doubt is None else ()
        return SendingHop(hops[-1] if hops else None, self.reporter.context if self.standalone else None)

    def add_facts(self, more: RequestFacts) -> None:
        """Judge the call again, after it has sent more, or when more is required by now.

        Raises:
            RefusalError: in block mode, as above.
        """
        facts = self.assessment.facts
        if facts is None:
            return
        try:
            judgement = self.assessment.add(facts, more)
        except Exception as error:
            self._refuse_doubt(error)
            return
        self._track(judgement)
        self._enforce(judgement)

    def _track(self, judgement: Judgement) -> None:
        decision = judgement.decision
        on_export = None if self.state.answer_decides_export else decision.on_export
        self.state.registry.update(
            self.tracked, judgement.span, violation=decision.violation, on_export=on_export
        )

    def _enforce(self, judgement: Judgement) -> None:
        """In block mode, refuse what violates the policy."""
        if judgement.decision.violation and judgement.decision.on_call == "block":
            from otel_residency.calls.violation import violation  # noqa: PLC0415 - imports openai

            judgement = self.assessment.refuse(judgement)
            raise violation(judgement.decision, judgement.target)

    def _refuse_doubt(self, error: Exception) -> None:
        """Our own failures stop here in flag mode; in block mode a doubt is a refusal."""
        self.state.log_failure("judging a call", error)
        self._start(self.assessment.fail(), None)
        if self.state.blocks:
            from otel_residency.calls.violation import guard_failure  # noqa: PLC0415 - as above

            raise guard_failure() from None

    def _start(self, judgement: Judgement, base: ClientBaseUrl | None) -> None:
        """Start the span and make it current, at the first attempt."""
        self._track(judgement)
        reporter = self.reporter
        if reporter.started_with is not None:
            return
        outer = otel_context.get_current()
        reporter.start(judgement, base, outer)
        span = None if reporter.span is None else reporter.span.get_span_context()
        registry = self.state.registry
        if self.standalone:
            registry.enter(self.tracked)
        elif reporter.context is not None:
            self._outer_context = outer
            otel_context.attach(reporter.context)
        registry.begin(self.tracked, span, get_current_span(outer))

    def make_current(self) -> None:
        """Make this the call for which requests are built."""
        self._outer_call = active_call.get()
        active_call.set(self)
        self.state.registry.enter(self.tracked)

    def restore_context(self) -> None:
        """Make current again what was current before the call, if this is the context of the call.

        A coroutine that the garbage collector ends, or whose loop is closed, ends in another context: there
        is nothing to restore there, and a token of the call's context would be refused.
        """
        self.tracked.inside = False
        if active_call.get() is self:
            if self._outer_context is not None:
                otel_context.attach(self._outer_context)
            active_call.set(self._outer_call)  # last: this is called again where a signal handler raised
        self._outer_call = self._outer_context = None

    def on_response(self, response: Any, watch: Callable[[Any, "Call"], Any]) -> None:
        """Read the response to one hop. `watch` wraps a response stream of its HTTP library."""
        try:
            self._response, self._watch = response, watch
            self.response_state.on_response(response, self.state.evidence_headers)
            if self.standalone:
                self.tracked.inside = False
                self._end_with(response)
        except Exception as error:
            self.state.log_failure("reading a response", error)

    def _end_with(self, response: Any) -> None:
        """Have the last response end the call; a redirect that is not followed is the last one too."""
        self._response = None
        if self.response_state.redirecting:
            self.state.stream_ender.prepare(self)
            finalize(response, self.abandon)
            return
        self.response_state.fail_by_status(response.status_code)
        self._follow(response)

    def on_return(self, result: Any) -> None:
        """The client returns `result` to the application; the body of its answer may not have come yet."""
        response, self._response = self._response, None
        try:
            if response is not None and not response.is_closed:
                self._follow(response)
                return
            if self.iterator is not None:
                self.state.stream_ender.prepare(self)
                self.tracked.try_settle = self.settle_if_complete
                return
            creation = self.assessment.creation
            answer = read_answer(result, creation)
            if answer.model is None and not answer.created and response is not None:
                answer = read_body(response, creation)
            self.response_state.answer = answer
        except Exception as error:
            self.state.log_failure("reading an answer", error)
        self.finish()

    def _follow(self, response: Any) -> None:
        """Follow a body that the application will read, without a reference to the response."""
        self.state.stream_ender.prepare(self)
        self.tracked.try_settle = self.settle_if_complete
        watch_body(response, self, self._watch)

    def on_read_begin(self) -> None:
        """The application begins to read the body of the response."""
        self.being_read = True

    def on_read_end(self, response: Any) -> None:
        """The application has read the body of `response`, which may be gone by now."""
        if response is not None:
            self.response_state.answer = read_body(response, self.assessment.creation)
        self.finish()

    def on_stream_event(self, event: Any) -> None:
        """Read a stream event."""
        try:
            found = read_answer(event, self.assessment.creation)
            self.response_state.on_event(found)
            # Whoever has the id may use it in another call before the stream ends.
            if found.created and self.latest_event is None:
                judgement = self.assessment.outcome(self.response_state)
                self.assessment.remember_created(self.response_state, judgement)
        except Exception as error:
            self.state.log_failure("reading a stream event", error)

    def settle_if_complete(self) -> None:
        """Settle the verdict if the final event of the stream has arrived.

        Called by the export gate while the stream is open, when it needs the verdict.
        """
        latest = self.latest_event
        # The vendor sends no event after these that names a model, so the verdict can't change any more.
        if getattr(latest, "type", None) in self.state.guard.catalogue.entries.last_events:
            self.on_stream_event(latest)
            self._settle()

    def on_close(self) -> None:
        """The response was closed or dropped; if its body is being read, the reader ends the call."""
        if not self.being_read and not is_running(self.iterator and self.iterator()):
            self.abandon()

    def abandon(self) -> None:
        """End the call soon, in another thread: this may be called by the garbage collector."""
        if self._unfinished:
            end = time_ns()
            self._settle()
            self.state.stream_ender.submit(lambda: self.finish(end))

    def fail(self, error: BaseException) -> None:
        """The call, or the stream of its answer, failed with `error`."""
        try:
            self.response_state.fail(error, self.state.guard.catalogue.entries.refusals)
        except Exception as failure:
            self.state.log_failure("reading an error", failure)
        finally:
            self.finish()

    # The end: judge the facts as they turned out, and report.

    def finish(self, end: int | None = None) -> None:
        """End the call, if it has not ended; it ended at `end`, in ns since 1970, or now."""
        try:
            self._unfinished.pop()
        except IndexError:
            reraise_interruption()
            return
        try:
            self._report(end)
        except BaseException as error:
            self.reporter.end_span(end)
            if not isinstance(error, Exception):
                raise
            self.state.log_failure("reporting a call", error)
        finally:
            self.assessment.release(standalone=self.standalone)
            self._response = self.client = self.options = self.latest_event = None
            self.tracked.inside, self.tracked.try_settle = False, None

    def hand_over(self) -> None:
        """Leave the report to the parent of this process, which made the call."""
        self._unfinished.clear()

    def _report(self, end: int | None) -> None:
        assessment, response, reporter = self.assessment, self.response_state, self.reporter
        if assessment.batch is not None:
            reporter.safely("remembering a batch file", assessment.remember_batch, response)
        judgement = self._settle()
        if response.answer.created:
            reporter.safely("remembering what was created", assessment.remember_created, response, judgement)
        if runtime.gate is not None:
            reporter.safely("releasing log records", runtime.gate.on_settled, self.tracked)
        if judgement is not None:
            reporter.end(judgement, assessment, response, end)

    def _settle(self) -> Judgement | None:
        """Judge the facts as they turned out, for the export gate too, which may wait for it."""
        judgement = self.assessment.outcome(self.response_state)
        if judgement is not None:
            decision = judgement.decision
            self.state.registry.settle(
                self.tracked, judgement.span, violation=decision.violation, on_export=decision.on_export
            )
        return judgement
