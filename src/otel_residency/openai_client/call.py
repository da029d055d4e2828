"""One logical API call, from the first attempt to the last byte of its answer.

Each step is one method, called by the patches. None raises anything of ours but a refusal, and that only
in block mode: what judges a call is kept apart from what reports it.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from time import time_ns
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from weakref import finalize

from opentelemetry import context as otel_context
from opentelemetry.trace import Span, get_current_span, set_span_in_context

from otel_residency.core.classify import UNKNOWN, with_port
from otel_residency.core.entries import Creation
from otel_residency.core.facts import BASE_PATH, Answer, CallFacts, Hop, Reference
from otel_residency.core.verdict import SEVERITY
from otel_residency.errors import RefusalError
from otel_residency.export_gate.install import switch as gate_switch
from otel_residency.export_gate.marks import Mark, marks
from otel_residency.guard import Judged, undecided
from otel_residency.openai_client.answer import (
    AnswerFacts,
    read_answer,
    read_body,
    read_evidence,
    read_headers,
    refusal_of,
)
from otel_residency.openai_client.body import is_running, watch_read
from otel_residency.openai_client.current import ANYWHERE, EXTENSION, current_call, under_way
from otel_residency.openai_client.facts import (
    NAME_IN_TLS,
    TARGET,
    RequestFacts,
    Said,
    body_of,
    builds_plainly,
    read_hop,
    read_said,
)
from otel_residency.openai_client.reaper import reaper
from otel_residency.openai_client.state import BaseUrl, State
from otel_residency.requirement import required
from otel_residency.telemetry import names

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from otel_residency.openai_client.batches import Batch

_DAY = 86_400 * 10**9
_EPOCH = date(1970, 1, 1).toordinal()
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FIRST_ERROR = 400
_CREATED = range(200, 300)
_DOUBTS = frozenset(
    {
        *("gateway.left_region", "gateway.provider_mismatch", "gateway.route"),
        *("host.header_mismatch", "host.region_contradicted", "project.region_mismatch"),
    }
)
"""Reasons for which the region of the host is not where a thing was created."""
_DEFAULT_PORTS = {"https": 443, "http": 80, "wss": 443, "ws": 80}
_COUNTED = (names.ACTION, names.REGION)


class Refused(BaseException):
    """Carries a refusal out of an HTTP hook, past the retries that catch every `Exception`."""

    def __init__(self, error: RefusalError) -> None:
        """Carry `error`, which the patch of the client's `request` raises in its place."""
        super().__init__()
        self.error = error


class Call:
    """The state of a call. A call ends once, however many of its parts say that it is over."""

    request: Any = None
    url: Any = None
    """That of the request, when it was judged."""
    body: Any = None
    """What the request was to send then."""
    headers: Any = None
    """What it was to go with then."""
    said: Said | None = None
    planned: Hop | None = None
    facts: CallFacts | None = None
    batch: "Batch | None" = None
    """The file of calls that it uploads or names, where its lines were seen."""
    judged: Judged | None = None
    """The latest decision."""
    announced: Judged | None = None
    """The decision that the span was started with."""
    announced_hop: Hop | None = None
    sent: tuple[CallFacts, ...] = ()
    """What earlier attempts sent that were not the same."""
    hops: tuple[Hop, ...] = ()
    redirecting = False
    raw = False
    """Whether an HTTP client makes it of its own, past the openai client."""
    alone = False
    """Whether it came past the patch of the client's `request`: then it ends with its answer."""
    doubt: Judged | None = None
    """Set when a part of it could not be judged: what could be does not speak for the rest."""
    response: Any = None
    watch: Callable[[Any, "Call"], Any] | None = None
    iterator: Callable[[], Any] | None = None
    latest: Any = None
    """The latest event of a stream, not looked at."""
    reading = False
    status: int | None = None
    answer = AnswerFacts()
    refusal: str | None = None
    error_type: str | None = None
    action: str | None = None
    evidence: Mapping[str, str] = MappingProxyType({})
    attributes: Mapping[str, Any] = MappingProxyType({})
    span: Span | None = None
    context: "Context | None" = None
    _outer: "Call | None" = None
    _outer_context: "Context | None" = None

    def __init__(self, state: State, client: Any, options: Any) -> None:
        """Begin the call of `client` that `options` describe, while `state` is active."""
        self.state = state
        self.client = client
        self.options = options
        self.started = time_ns()
        self.mark = Mark(self.started)
        self._unfinished = [True]

    # Before the wire: judge, and refuse if the policy says so.

    async def read_ahead(self) -> None:
        """Read a file of calls in a thread: the event loop goes on meanwhile, however long it is."""
        if not getattr(self.options, "files", None):
            return
        try:
            batches = self.state.batches
            base = self.state.base_url(self.client)
            upload = batches.upload(base.host, self.options.url, self.options)
            if upload is not None:
                from anyio import to_thread  # noqa: PLC0415 - the client needs it too

                self.batch = await to_thread.run_sync(batches.read, upload)
        except Exception as error:  # then it is read where the call is judged
            self.state.failed("reading a batch file", error)

    def attempt(self, request: Any, options: Any, body: RequestFacts | None = None) -> None:
        """Judge the request that the client has built for the next attempt.

        `options` are what the client built it of; `None` where it did not. `body` is what its body tells,
        where it is not read from either.

        Raises:
            ResidencyViolationError: in block mode, when it violates the policy or can't be judged.
        """
        state = self.state
        try:
            base = None if self.raw else state.base_url(self.client)
            if body is None:
                bodies = state.bodies
                told = options is not None and builds_plainly(getattr(self.client, "_client", None))
                body = bodies.read(options, request) if told else bodies.read_sent(request)
            said = read_said(request, state.heard)
            planned = read_hop(request, said)
            self.batch = state.batches.of(planned.host, planned.path, options, body, self.batch)
            facts = self._facts_of(request, (*self.hops, planned), base, body, said.project)
            judged = state.guard.judge(facts)
            request.extensions[EXTENSION] = self
            self.body = body_of(request)
            self.headers, self.said = request.headers.raw, said
        except Exception as error:
            self._doubt(error)
            return
        self.request, self.url, self.planned = request, request.url, planned
        earlier = self.facts
        if self.hops and earlier is not None and earlier._replace(hops=facts.hops) != facts:
            self.sent = (*self.sent, earlier)
        self.facts, self.judged = facts, judged
        self._start(judged, base)
        if state.blocks and judged.decision.violation:
            raise self._refusal(judged, planned)

    def owns(self, request: Any, http_client: Any) -> bool:
        """Whether `request`, which bears no mark of ours, is what this call is about.

        A subclass may build its requests itself, a hook may drop our mark, and an auth flow may send the body
        in a request of its own; a token fetched on the way is another matter.
        """
        try:
            if self.request is not None:
                if http_client is not self.client._client:
                    return False
                if request is self.request or (self.body and body_of(request) == self.body):
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
        try:
            request.extensions[EXTENSION] = self
            hop, judged = self._as_planned(request), None
            if hop is None:
                redirected = self.redirecting and request is not self.request
                said = read_said(request, self.state.heard)
                hop = read_hop(request, said, redirected=redirected)
                if self.facts is not None:
                    project = said.project or (self.facts.project if self.hops else None)
                    self.facts = self._with_body_of(request, self.facts)._replace(project=project)
                    judged = self.state.guard.judge(self.facts._replace(hops=(*self.hops, hop)))
        except Exception as error:
            self._doubt(error)
            return
        if judged is not None:
            self.mark.know(judged.span, violation=judged.decision.violation)
            if self.state.blocks and judged.decision.violation:
                raise self._refusal(judged, hop)
        self.hops = (*self.hops, hop)

    def learn(self, more: RequestFacts) -> None:
        """Judge the call anew, after it has said more of what it is about, or more is required.

        Raises:
            RefusalError: in block mode, as above.
        """
        facts = self.facts
        if facts is None:
            return
        try:
            facts = self._joined(facts, more)
            asked = tuple(dict.fromkeys((*facts.required, *required())))
            self.facts = facts._replace(hops=self.hops or facts.hops, required=asked)
            self.judged = judged = self.state.guard.judge(self.facts)
        except Exception as error:
            self._doubt(error)
            return
        self.mark.know(judged.span, violation=judged.decision.violation)
        if self.state.blocks and judged.decision.violation:
            raise self._refusal(judged, self.facts.hops[-1])

    def is_asked_more(self) -> bool:
        """Whether more is required here and now than where the call began."""
        asked = required()
        return bool(asked) and self.facts is not None and not set(asked).issubset(self.facts.required)

    def _as_planned(self, request: Any) -> Hop | None:
        """The hop that was judged already, if this is still it."""
        planned = self.planned
        if planned is None or request is not self.request or request.url is not self.url:
            return None
        if TARGET in request.extensions or body_of(request) is not self.body:
            return None
        if request.headers.raw == self.headers and not request.extensions.get(NAME_IN_TLS):
            return planned
        return planned if read_said(request, self.state.heard) == self.said else None

    def _with_body_of(self, request: Any, facts: CallFacts) -> CallFacts:
        """The facts with what `request` sends, where it is another body than the one that was judged."""
        body = body_of(request)
        if body is self.body or (self.hops and body == b""):
            return facts
        self.body = body
        told = self.state.bodies.read_sent(request)
        if self.batch is not None:
            self.batch = self.batch.doubted()
            facts = facts._replace(batch_lines=self.batch.lines)
        # What was judged before the first hop was never sent.
        return self._joined(facts, told) if self.hops else self._replaced(facts, told)

    def _replaced(self, facts: CallFacts, body: RequestFacts) -> CallFacts:
        """The facts with another body."""
        return facts._replace(
            model=body.model,
            service_tier=body.service_tier,
            features=body.features,
            tools=body.tools,
            body_unseen=body.unseen,
            references=self._references(facts.hops[-1].path, body),
        )

    def _joined(self, facts: CallFacts, more: RequestFacts) -> CallFacts:
        """The facts of a call that has said more of what it is about."""
        return facts._replace(
            model=more.model or facts.model,
            service_tier=more.service_tier or facts.service_tier,
            features=facts.features | more.features,
            tools=facts.tools | more.tools,
            body_unseen=facts.body_unseen or more.unseen,
            references=facts.references | self._references(facts.hops[-1].path, more),
        )

    def _facts_of(
        self,
        request: Any,
        hops: tuple[Hop, ...],
        base: BaseUrl | None,
        body: RequestFacts,
        project: str | None,
    ) -> CallFacts:
        return CallFacts(
            date.fromordinal(_EPOCH + self.started // _DAY),
            request.method,
            hops,
            base.path if base is not None else BASE_PATH,
            body.model,
            body.service_tier,
            body.features,
            body.tools,
            body.unseen,
            None if self.batch is None else self.batch.lines,
            required=required(),
            project=project,
            references=self._references(hops[-1].path, body),
            unrecorded=self.state.unrecorded(),
        )

    def _references(self, path: str, body: RequestFacts) -> frozenset[Reference]:
        return self.state.bodies.references(path, body, self.state.region_of)

    def _doubt(self, error: Exception) -> None:
        """Own failures stop here in flag mode; in block mode a doubt is a refusal."""
        self.state.failed("judging a call", error)
        self.judged = self.doubt = undecided(blocks=self.state.blocks)
        self._start(self.judged, None)
        if self.state.blocks:
            from otel_residency.openai_client.violation import guard_failure  # noqa: PLC0415 - as above

            self.action = names.BLOCKED
            raise guard_failure() from None

    def _refusal(self, judged: Judged, hop: Hop) -> RefusalError:
        from otel_residency.openai_client.violation import violation  # noqa: PLC0415 - imports openai

        self.judged = judged
        self.action = names.BLOCKED
        place = with_port(hop.host, hop.port)
        return violation(judged.decision, f"{hop.scheme}://{place} {judged.decision.endpoint}")

    def _start(self, judged: Judged, base: BaseUrl | None) -> None:
        """Start the span and make it current, at the first attempt."""
        self.mark.know(judged.span, violation=judged.decision.violation)
        if self.announced is not None:
            return
        self.announced, self.announced_hop = judged, self.planned
        current = get_current_span()
        self._start_span(judged, base)
        if self.alone:
            marks.enter(self.mark)
        own = None if self.span is None else self.span.get_span_context()
        marks.begin(self.mark, own, current)

    def _start_span(self, judged: Judged, base: BaseUrl | None) -> None:
        telemetry = self.state.telemetry
        if telemetry is None and self.state.ledger is None:
            return
        try:
            attributes: dict[str, Any] = dict(judged.span)
            method = "HTTP"
            if base is not None:
                attributes[names.BASE_URL] = base.shown
            if self.facts is not None and self.planned is not None:
                method = self.facts.method
                attributes[names.HTTP_METHOD] = method
                _put_server(attributes, self.planned)
                if self.facts.model:
                    attributes[names.MODEL_REQUESTED] = self.facts.model
            self.attributes = attributes
            name = f"residency {method} {judged.decision.endpoint}"
            if telemetry is not None:
                self.span = telemetry.start(name, attributes, self.started)
            if self.span is not None:
                self.context = set_span_in_context(self.span)
                if not self.alone:
                    self._outer_context = otel_context.get_current()
                    otel_context.attach(self.context)
        except Exception as error:
            self.state.failed("starting a span", error)

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

    def on_the_way(self) -> "_OnTheWay":
        """Around one hop: what its HTTP client builds on is not judged again."""
        return _OnTheWay(self)

    # From the wire: what answered.

    def answered(self, response: Any, watch: Callable[[Any, "Call"], Any]) -> None:
        """Take note of a response to one hop. `watch` wraps a response stream of its HTTP library."""
        try:
            self.status = response.status_code
            self.redirecting = self.status in _REDIRECTS and "location" in response.headers
            self.response, self.watch = response, watch
            self.evidence = read_evidence(response, self.state.evidence)
            if self.alone:
                self.mark.inside = False
                self._follow_alone(response)
        except Exception as error:
            self.state.failed("reading a response", error)

    def welcomed(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Take note of the answer to the handshake of a session."""
        try:
            self.status = status
            if status >= _FIRST_ERROR:
                self.error_type = str(status)
            self.evidence = read_headers(headers, self.state.evidence)
        except Exception as error:
            self.state.failed("reading a response", error)

    def _follow_alone(self, response: Any) -> None:
        """Have the last response end the call; a redirect that is not followed is the last one too."""
        self.response = None
        if self.redirecting:
            reaper.prepare()
            finalize(response, self.abandon)
            return
        if response.status_code >= _FIRST_ERROR:
            self.error_type = str(response.status_code)
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
            self.answer = read_answer(result, self.creation)
            if self.answer.model is None and not self.answer.created and response is not None:
                self.answer = read_body(response, self.creation)
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
        """Take note of a stream event. Later events refine earlier ones."""
        try:
            found = read_answer(event, self.creation)
            self.answer = AnswerFacts._make(new or old for new, old in zip(found, self.answer, strict=True))
            if found.created and self.latest is None:  # whoever has the id may use it before the stream ends
                self._remember(self._final())
        except Exception as error:
            self.state.failed("reading a stream event", error)

    @property
    def creation(self) -> Creation | None:
        """Where the answer gives the ids of what was created, if this is a call that creates something."""
        if self.judged is None or self.facts is None:
            return None
        creation = self.state.creations.get(self.judged.decision.endpoint)
        features = self.facts.features
        if creation is None or creation.unless in features or creation.only not in (None, *features):
            return None
        return creation

    def _remember(self, judged: Judged | None) -> None:
        """Note where the things are that the answer says were created, if that is known."""
        created, creation = self.answer.created, self.creation
        if not created or creation is None or judged is None or self.facts is None or not self.hops:
            return
        doubted = any(finding.reason in _DOUBTS for finding in judged.decision.findings)
        if self.status not in _CREATED or doubted or self.state.guard.creates_elsewhere(self.hops[-1]):
            return
        regions = {judged.decision.region}
        if creation.with_path:
            named = self.state.bodies.named(self.facts.hops[0].path, None)
            regions = {self.state.memory.region_of(name) or UNKNOWN for _, name in named}
        if len(regions) == 1 and UNKNOWN not in regions:
            for name in created:
                self.state.memory.remember(name, *regions)

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
            status = getattr(error, "status_code", None)
            if isinstance(status, int):
                self.status = status
                self.error_type = str(status)
            else:
                kind = type(error)
                self.error_type = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
            entries = self.state.guard.catalogue.entries
            self.refusal = refusal_of(entries.refusals, self.status, error)
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
        if self.batch is not None:
            self._tell("remembering a batch file", self._remember_lines, self.batch)
        try:
            self._report(end)
        except Exception as error:
            self.state.failed("reporting a call", error)
            if self.span is not None:
                self._tell("ending a span", self.span.end, end)
        if self.request is not None and not self.alone:
            # A connection whose body nobody closed keeps its request, and would keep the call with it.
            self.request.extensions.pop(EXTENSION, None)
        self.request = self.url = self.headers = self.body = self.response = self.client = self.options = (
            self.latest
        ) = None
        self.batch = None
        self.mark.inside, self.mark.reconsider = False, None

    def _remember_lines(self, batch: "Batch") -> None:
        """Keep what an upload holds for the calls that will name it."""
        if batch.keep is not None and self.facts is not None and not self.facts.body_unseen:
            for created in self.answer.created:
                batch.keep(created)

    def _settle(self) -> Judged | None:
        """Judge the facts as they turned out, and let the export gate know, which may be waiting for it."""
        judged = self._final()
        if judged is not None:
            self.mark.settle(judged.span, violation=judged.decision.violation)
        return judged

    def _report(self, end: int | None) -> None:
        telemetry, ledger = self.state.telemetry, self.state.ledger
        judged = self._settle()
        self._tell("remembering what was created", self._remember, judged)
        self._tell("releasing log records", gate_switch.settled, self.mark)
        if judged is None or (telemetry is None and ledger is None):
            return
        violated = judged.decision.violation
        if violated and self.action is None:
            self.action = names.FLAGGED
        outcome = self._outcome(judged)
        if ledger is not None:
            ended = time_ns() if end is None else end
            made = (self.started, ended, judged, self.attributes, outcome, self.span)
            self._tell("recording a call", ledger.record, made)
        if telemetry is None:
            return
        counted = {key: outcome[key] for key in _COUNTED if key in outcome}
        key = tuple({**dict(judged.counted), **counted}.items()) if counted else judged.counted
        self._tell("counting a call", telemetry.count, key)
        if violated:
            self.state.tell_of_senders(judged.decision)
            event = {**self.attributes, **outcome}
            self._tell("reporting a violation", telemetry.report_violation, event, self.context)
        if self.span is not None:
            failed = self.error_type is not None
            self._tell("ending a span", telemetry.end, self.span, outcome, failed=failed, end_time=end)

    def _tell(self, part: str, tell: Callable[..., None], *args: Any, **kwargs: Any) -> None:
        """Tell of the call in one way; where that fails, the other ways are still gone."""
        try:
            tell(*args, **kwargs)
        except Exception as error:
            self.state.failed(part, error)

    def _outcome(self, judged: Judged) -> dict[str, Any]:
        """What became of the call, as far as it differs from what its span was started with."""
        outcome: dict[str, Any] = {**self.answer.evidence, **self.evidence}
        if self.announced is None or judged.span != self.announced.span:
            outcome |= judged.span
        model = self.facts.model if self.facts is not None else None
        if model and self.attributes.get(names.MODEL_REQUESTED) != model:
            outcome[names.MODEL_REQUESTED] = model
        last = self.hops[-1] if self.hops else self.planned
        if last is not None and last != self.announced_hop:
            _put_server(outcome, last)
        if self.hops:
            outcome[names.HOP_HOSTS] = [hop.host for hop in self.hops]
            known = judged.decision.hop_regions[: len(self.hops)]
            regions = (*known, *(UNKNOWN,) * (len(self.hops) - len(known)))
            outcome[names.HOP_REGIONS] = regions
            if self.action == names.BLOCKED:
                outcome[names.REGION] = regions[-1]
        if self.batch is not None and self.batch.contents is not None and self.facts is not None:
            outcome |= self.state.guard.counted_lines(self.facts, self.batch.contents.kinds)
        if self.action is not None:
            outcome[names.ACTION] = self.action
        if self.status is not None:
            outcome[names.HTTP_STATUS] = self.status
        if self.error_type is not None:
            outcome[names.ERROR_TYPE] = self.error_type
        return outcome

    def _final(self) -> Judged | None:
        """The verdict on the facts as they turned out; if the call was refused, the refusing one."""
        if self.action == names.BLOCKED or self.facts is None:
            return self.judged
        guard = self.state.guard
        refusal = self.refusal or guard.refusal_by_code(self.answer.error_code)
        seen, attribute = self.evidence, names.EVIDENCE
        answer = Answer(
            status=self.status,
            model=self.answer.model,
            service_tier=self.answer.service_tier,
            cloud_region=seen.get(attribute["azure_region"]),
            upstream=seen.get(attribute["upstream"]),
            fallbacks=attribute["fallbacks"] in seen,
            provider=seen.get(attribute["provider"]) or self.answer.provider,
            project=seen.get(attribute["project"]),
            refusal=refusal,
        )
        judged = self.judged
        try:
            judged = guard.judge(self.facts._replace(hops=self.hops or self.facts.hops, answer=answer))
            for facts in self.sent:
                before = guard.judge(facts._replace(hops=self.hops))
                judged = max(judged, before, key=lambda each: SEVERITY.get(each.decision.verdict, -1))
        except Exception as error:
            self.state.failed("judging an answer", error)
            self.doubt = undecided(blocks=self.state.blocks)
        return self.doubt if self.doubt and not (judged and judged.decision.violation) else judged


class _OnTheWay:
    """One hop. Nothing is reset by a token: a coroutine may be ended in a context that it never entered."""

    __slots__ = ("_before", "_call", "_context")

    def __init__(self, call: Call) -> None:
        self._call = call

    def __enter__(self) -> None:
        call = self._call
        self._before = under_way.get()
        hop = call.hops[-1] if call.hops and call.doubt is None else None
        under_way.set(ANYWHERE if hop is None else (hop.host, hop.host_header))
        self._context = None
        if call.alone and call.context is not None:  # nothing around the whole call makes its span current
            self._context = otel_context.get_current()
            otel_context.attach(call.context)

    def __exit__(self, *_: object) -> None:
        under_way.set(self._before)
        if self._context is not None:
            otel_context.attach(self._context)


def _put_server(attributes: dict[str, Any], hop: Hop) -> None:
    attributes[names.SERVER_ADDRESS] = hop.host
    port = hop.port or _DEFAULT_PORTS.get(hop.scheme)
    if port is not None:
        attributes[names.SERVER_PORT] = port
