"""One logical API call, from the first attempt to the last byte of its answer.

Each step is one method, called by the patches. None raises anything of ours but a refusal, and that only
in block mode: what judges a call is kept apart from what reports it.
"""

from collections.abc import Callable, Iterable
from time import time_ns
from typing import TYPE_CHECKING, Any
from weakref import finalize

from opentelemetry import context as otel_context
from opentelemetry.trace import get_current_span

from otel_residency.calls.answer import read_answer, read_body
from otel_residency.calls.assessment import Assessment
from otel_residency.calls.body import RequestFacts
from otel_residency.calls.context import EXTENSION, current_call
from otel_residency.calls.correlation import TrackedCall, marks
from otel_residency.calls.late_body import is_running, watch_read
from otel_residency.calls.reporter import CallReporter
from otel_residency.calls.response import ResponseState
from otel_residency.calls.state import BaseUrl, State
from otel_residency.errors import RefusalError
from otel_residency.patches.otel_sdk import switch as gate_switch
from otel_residency.runtime.background import reaper
from otel_residency.runtime.guard import Judgement

if TYPE_CHECKING:
    from opentelemetry.context import Context


class Refused(BaseException):
    """Carries a refusal out of an HTTP hook, past the retries that catch every `Exception`."""

    def __init__(self, error: RefusalError) -> None:
        """Carry `error`, which the patch of the client's `request` raises in its place."""
        super().__init__()
        self.error = error


class Call:
    """The state of a call. A call ends once, however many of its parts say that it is over.

    Attributes:
        judging: what it is about, and the verdict.
        seen: what came back.
        telling: what is told of it.
        mark: what the export gate knows of it.
    """

    raw = False
    """Whether an HTTP client makes it of its own, past the openai client."""
    alone = False
    """Whether it came past the patch of the client's `request`: then it ends with its answer."""
    response: Any = None
    watch: Callable[[Any, "Call"], Any] | None = None
    iterator: Callable[[], Any] | None = None
    latest: Any = None
    """The latest event of a stream, not looked at."""
    reading = False
    _outer: "Call | None" = None
    _outer_context: "Context | None" = None

    def __init__(self, state: State, client: Any, options: Any) -> None:
        """Begin the call of `client` that `options` describe, while `state` is active."""
        self.state = state
        self.client = client
        self.options = options
        started = time_ns()
        self.mark = TrackedCall(started)
        self.judging = Assessment(state, started)
        self.seen = ResponseState()
        self.telling = CallReporter(state, started)
        self._unfinished = [True]

    # Before the wire: judge, and refuse if the policy says so.

    async def read_ahead(self) -> None:
        """Read a file of calls in a thread: the event loop goes on meanwhile, however long it is."""
        try:
            batches = self.state.batches
            base = self.state.base_url(self.client)
            upload = batches.upload(base.host, self.options.url, self.options)
            if upload is not None:
                from anyio import to_thread  # noqa: PLC0415 - the client needs it too

                self.judging.batch = await to_thread.run_sync(batches.read, upload)
        except Exception as error:  # then it is read where the call is judged
            self.state.failed("reading a batch file", error)

    def attempt(self, request: Any, options: Any, body: RequestFacts | None = None) -> None:
        """Judge the request that the client has built for the next attempt.

        `options` are what the client built it of; `None` where it did not. `body` is what its body tells,
        where it is not read from either.

        Raises:
            ResidencyViolationError: in block mode, when it violates the policy or can't be judged.
        """
        try:
            base = None if self.raw else self.state.base_url(self.client)
            judged = self.judging.attempt(request, options, self.client, base, body)
            request.extensions[EXTENSION] = self
        except Exception as error:
            self._doubt(error)
            return
        self._start(judged, base)
        self._obey(judged)

    def owns(self, request: Any, http_client: Any) -> bool:
        """Whether `request`, which bears no mark of ours, is what this call is about.

        A subclass may build its requests itself, a hook may drop our mark, and an auth flow may send the body
        in a request of its own; a token fetched on the way is another matter.
        """
        try:
            if self.judging.sending is not None:
                if http_client is not self.client._client:
                    return False
                if self.judging.sends(request):
                    return True
            path = getattr(self.options, "url", None)
            sent: bytes = request.url.raw_path.partition(b"?")[0]
            return isinstance(path, str) and sent.endswith(path.partition("?")[0].encode())
        except Exception as error:
            self.state.failed("reading a request", error)
            return False

    def hop(self, request: Any) -> None:
        """Judge a request of this call that is about to go on the wire, as it is now.

        Raises:
            ResidencyViolationError: in block mode, as above.
        """
        judging = self.judging
        try:
            request.extensions[EXTENSION] = self
            hop, judged = judging.hop(request, redirected=self.seen.redirecting)
        except Exception as error:
            self._doubt(error)
            return
        if judged is not None:
            self._know(judged)
            self._obey(judged)
        judging.hops = (*judging.hops, hop)

    def learn(self, more: RequestFacts) -> None:
        """Judge the call anew, after it has said more of what it is about, or more is required.

        Raises:
            RefusalError: in block mode, as above.
        """
        facts = self.judging.facts
        if facts is None:
            return
        try:
            judged = self.judging.learn(facts, more)
        except Exception as error:
            self._doubt(error)
            return
        self._know(judged)
        self._obey(judged)

    def _know(self, judged: Judgement) -> None:
        self.mark.know(judged.span, violation=judged.decision.violation)

    def _obey(self, judged: Judgement) -> None:
        """In block mode, refuse what violates the policy."""
        if self.state.blocks and judged.decision.violation:
            from otel_residency.calls.violation import violation  # noqa: PLC0415 - imports openai

            self.judging.judged, self.judging.refused = judged, True
            raise violation(judged.decision, judged.target)

    def _doubt(self, error: Exception) -> None:
        """Own failures stop here in flag mode; in block mode a doubt is a refusal."""
        self.state.failed("judging a call", error)
        self._start(self.judging.fail(), None)
        if self.state.blocks:
            from otel_residency.calls.violation import guard_failure  # noqa: PLC0415 - as above

            self.judging.refused = True
            raise guard_failure() from None

    def _start(self, judged: Judgement, base: BaseUrl | None) -> None:
        """Start the span and make it current, at the first attempt."""
        self._know(judged)
        telling = self.telling
        if telling.announced is not None:
            return
        outer = otel_context.get_current()
        telling.start(judged, base, outer)
        own = None if telling.span is None else telling.span.get_span_context()
        if self.alone:
            marks.enter(self.mark)
        elif telling.context is not None:
            self._outer_context = outer
            otel_context.attach(telling.context)
        marks.begin(self.mark, own, get_current_span(outer))

    def enter(self) -> None:
        """Make this the call that requests are built for."""
        self._outer = current_call.get()
        current_call.set(self)
        marks.enter(self.mark)

    def leave(self) -> None:
        """Make current again what was current before the call, where the call is.

        A coroutine that the collector ends, or a loop that is closed, ends in a context which the call never
        entered: there is nothing to put back, and a token of the other context would be refused.
        """
        self.mark.inside = False
        if current_call.get() is self:
            current_call.set(self._outer)
            if self._outer_context is not None:
                otel_context.attach(self._outer_context)
        self._outer = self._outer_context = None

    # From the wire: what answered.

    def answered(self, response: Any, watch: Callable[[Any, "Call"], Any]) -> None:
        """Take note of a response to one hop. `watch` wraps a response stream of its HTTP library."""
        try:
            self.response, self.watch = response, watch
            self.seen.response(response, self.state.evidence)
            if self.alone:
                self.mark.inside = False
                self._follow_alone(response)
        except Exception as error:
            self.state.failed("reading a response", error)

    def welcomed(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Take note of the answer to the handshake of a session."""
        try:
            self.seen.handshake(status, headers, self.state.evidence)
        except Exception as error:
            self.state.failed("reading a response", error)

    def _follow_alone(self, response: Any) -> None:
        """Have the last response end the call; a redirect that is not followed is the last one too."""
        self.response = None
        if self.seen.redirecting:
            reaper.prepare()
            finalize(response, self.abandon)
            return
        self.seen.fail_by_status(response.status_code)
        self._hand_over(response)

    def returned(self, result: Any) -> None:
        """The client hands `result` to the application; the body of its answer may still be to come."""
        response, self.response = self.response, None
        try:
            if response is not None and not response.is_closed:
                self._hand_over(response)
                return
            if self.iterator is not None:
                reaper.prepare()
                self.mark.reconsider = self.reconsider
                return
            creation = self.judging.creation
            answer = read_answer(result, creation)
            if answer.model is None and not answer.created and response is not None:
                answer = read_body(response, creation)
            self.seen.answer = answer
        except Exception as error:
            self.state.failed("reading an answer", error)
        self.finish()

    def _hand_over(self, response: Any) -> None:
        """Follow a body that the application will read, without holding on to the response."""
        reaper.prepare()
        self.mark.reconsider = self.reconsider
        if self.watch is not None:
            response.stream = self.watch(response.stream, self)
            finalize(response.stream, self.closed)
        if "json" in response.headers.get("content-type", ""):
            watch_read(response, self)

    def saw(self, event: Any) -> None:
        """Take note of a stream event."""
        try:
            found = read_answer(event, self.judging.creation)
            self.seen.event(found)
            if found.created and self.latest is None:  # whoever has the id may use it before the stream ends
                self.judging.remember(self.seen, self.judging.final(self.seen))
        except Exception as error:
            self.state.failed("reading a stream event", error)

    def reconsider(self) -> None:
        """Somebody asks what is known while a stream is read: all there is to know, if it said its last."""
        latest = self.latest
        if getattr(latest, "type", None) in self.state.guard.catalogue.entries.last_events:
            self.saw(latest)
            self._settle()

    def closed(self) -> None:
        """The response was closed, or dropped; whoever is still reading it ends the call instead."""
        iterator = self.iterator() if self.iterator is not None else None
        if not self.reading and not (iterator is not None and is_running(iterator)):
            self.abandon()

    def abandon(self) -> None:
        """End the call soon; this may be the garbage collector speaking."""
        if self._unfinished:
            end = time_ns()
            self._settle()
            reaper.submit(lambda: self.finish(end))

    def raised(self, error: BaseException) -> None:
        """The call, or the stream of its answer, failed with `error`."""
        try:
            self.seen.error(error, self.state)
        except Exception as failure:
            self.state.failed("reading an error", failure)
        self.finish()

    # The end: judge the facts as they turned out, and report.

    def finish(self, end: int | None = None) -> None:
        """End the call, the first time this is said."""
        try:
            self._unfinished.pop()
        except IndexError:
            return
        try:
            self._report(end)
        except Exception as error:
            self.state.failed("reporting a call", error)
            if self.telling.span is not None:
                self.telling.by("ending a span", self.telling.span.end, end)
        sending = self.judging.sending
        if sending is not None and not self.alone:
            # A connection whose body nobody closed keeps its request, and would keep the call with it.
            sending.request.extensions.pop(EXTENSION, None)
        self.judging.let_go()
        self.response = self.client = self.options = self.latest = None
        self.mark.inside, self.mark.reconsider = False, None

    def _report(self, end: int | None) -> None:
        judging, seen, telling = self.judging, self.seen, self.telling
        if judging.batch is not None:
            telling.by("remembering a batch file", judging.remember_lines, seen)
        judged = self._settle()
        if seen.answer.created:
            telling.by("remembering what was created", judging.remember, seen, judged)
        telling.by("releasing log records", gate_switch.settled, self.mark)
        if judged is not None:
            telling.end(judged, judging, seen, end)

    def _settle(self) -> Judgement | None:
        """Judge the facts as they turned out, and let the export gate know, which may be waiting for it."""
        judged = self.judging.final(self.seen)
        if judged is not None:
            self.mark.settle(judged.span, violation=judged.decision.violation)
        return judged
