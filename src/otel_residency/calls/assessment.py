"""What a call is about, as far as it is known before its answer, and the verdict on it.

Nothing is caught here: what a failure means is for the call to say.
"""

from datetime import date
from typing import TYPE_CHECKING, Any

from otel_residency.calls.body import RequestFacts, body_of, builds_plainly
from otel_residency.calls.response import ResponseState
from otel_residency.calls.snapshot import RequestSnapshot
from otel_residency.calls.state import BaseUrl, State
from otel_residency.core.classify import UNKNOWN
from otel_residency.core.entries import Creation
from otel_residency.core.facts import BASE_PATH, CallFacts, Hop, Reference
from otel_residency.core.verdict import SEVERITY
from otel_residency.requirements.context import required
from otel_residency.runtime.guard import Judgement, undecided

if TYPE_CHECKING:
    from otel_residency.calls.batches import Batch

_CREATED = range(200, 300)
_DAY = 86_400 * 10**9
_EPOCH = date(1970, 1, 1).toordinal()
_OF_BODY = ("model", "service_tier", "features", "tools", "body_unseen")
"""The facts that a body tells, in the order in which `RequestFacts` begins with them."""


class Assessment:
    """The facts of one call, which grow, and the decision on them."""

    sending: RequestSnapshot | None = None
    """The request of the latest attempt."""
    facts: CallFacts | None = None
    hops: tuple[Hop, ...] = ()
    """Those that went on the wire."""
    batch: "Batch | None" = None
    """The file of calls that it uploads or names, where its lines were seen."""
    judged: Judgement | None = None
    """The latest decision."""
    doubt: Judgement | None = None
    """Set when a part of it could not be judged: what could be does not speak for the rest."""
    refused = False
    _body: Any = None
    """What was to be sent, as it was judged last."""
    _sent: tuple[CallFacts, ...] = ()
    """What earlier attempts sent that were not the same."""

    def __init__(self, state: State, started: int) -> None:
        """Begin with nothing; `started` is when the call began, in ns."""
        self._state = state
        self._started = started

    @property
    def creation(self) -> Creation | None:
        """Where the answer gives the ids of what was created, if this is a call that creates something."""
        if self.judged is None or self.facts is None:  # then the guard may be what failed
            return None
        creation, features = self._state.creations.get(self.judged.decision.endpoint), self.facts.features
        if creation is None or creation.unless in features or creation.only not in (None, *features):
            return None
        return creation

    def attempt(
        self, request: Any, options: Any, client: Any, base: BaseUrl | None, body: RequestFacts | None
    ) -> Judgement:
        """Judge a request that `client` has built of `options` for the next attempt, as `Call.attempt`."""
        state = self._state
        if body is None:
            told = options is not None and builds_plainly(getattr(client, "_client", None))
            body = state.bodies.read(options, request) if told else state.bodies.read_sent(request)
        sending = RequestSnapshot(request, state.tracked_headers)
        hop = sending.hop
        self.batch = batch = state.batches.of(hop.host, hop.path, options, body, self.batch)
        facts = CallFacts(
            date.fromordinal(_EPOCH + self._started // _DAY),
            request.method,
            (*self.hops, hop),
            BASE_PATH if base is None else base.path,
            *body[:5],
            None if batch is None else batch.lines,
            None,
            required(),
            sending.said.project,
            state.bodies.references(hop.path, body, state.region_of),
            state.unrecorded(),
        )
        judged = state.guard.judge(facts)
        earlier = self.facts
        if self.hops and earlier is not None and earlier._replace(hops=facts.hops) != facts:
            self._sent = (*self._sent, earlier)
        self.sending, self._body, self.facts, self.judged = sending, sending.body, facts, judged
        return judged

    def hop(self, request: Any, *, redirected: bool) -> tuple[Hop, Judgement | None]:
        """Where a request goes that is about to go on the wire, and the verdict if it is not as planned."""
        state = self._state
        planned = self.sending
        if planned is not None:
            if planned.is_still(request, state.tracked_headers):
                return planned.hop, None
            redirected = redirected and request is not planned.request
        sending = RequestSnapshot(request, state.tracked_headers, redirected=redirected)
        if self.facts is None:
            return sending.hop, None
        project = sending.said.project or (self.facts.project if self.hops else None)
        self.facts = self._with_body_of(sending, self.facts)._replace(project=project)
        return sending.hop, state.guard.judge(self.facts._replace(hops=(*self.hops, sending.hop)))

    def learn(self, facts: CallFacts, more: RequestFacts) -> Judgement:
        """Judge the call of these `facts` anew, after it has said more, or more is required."""
        asked = tuple(dict.fromkeys((*facts.required, *required())))
        self.facts = self._joined(facts, more)._replace(hops=self.hops or facts.hops, required=asked)
        self.judged = self._state.guard.judge(self.facts)
        return self.judged

    def fail(self) -> Judgement:
        """The decision where none could be made."""
        self.judged = self.doubt = undecided(blocks=self._state.blocks)
        return self.judged

    def is_asked_more(self) -> bool:
        """Whether more is required here and now than where the call began."""
        asked = required()
        return bool(asked) and self.facts is not None and not set(asked).issubset(self.facts.required)

    def sends(self, request: Any) -> bool:
        """Whether `request` is the one that was judged, or sends its body."""
        planned = self.sending is not None and self.sending.request is request
        return planned or bool(self._body and body_of(request) == self._body)

    def final(self, seen: ResponseState) -> Judgement | None:
        """The verdict on the facts as they turned out; if the call was refused, the refusing one."""
        judged = self.judged
        if self.refused or self.facts is None:
            return judged
        guard = self._state.guard
        answer = seen.facts(guard)
        try:
            judged = guard.judge_answered(self.facts, self.hops or self.facts.hops, answer)
            for facts in self._sent:
                before = guard.judge(facts._replace(hops=self.hops))
                judged = max(judged, before, key=lambda each: SEVERITY.get(each.decision.verdict, -1))
        except Exception as error:
            self._state.failed("judging an answer", error)
            self.doubt = undecided(blocks=self._state.blocks)
        return self.doubt if self.doubt and not (judged and judged.decision.violation) else judged

    def remember(self, seen: ResponseState, judged: Judgement | None) -> None:
        """Note where the things are that the answer says were created, if that is known."""
        state, creation, facts = self._state, self.creation, self.facts
        if creation is None or facts is None or not self.hops or seen.status not in _CREATED:
            return
        if judged is None or not judged.creates_there:
            return
        regions = {judged.decision.region}
        if creation.with_path:
            named = state.bodies.named(facts.hops[0].path, None)
            regions = {state.region_of(name) or UNKNOWN for _, name in named}
        if len(regions) == 1 and UNKNOWN not in regions:
            for name in seen.answer.created:
                state.memory.remember(name, *regions)

    def remember_lines(self, seen: ResponseState) -> None:
        """Keep what an upload holds for the calls that will name it."""
        keep = None if self.batch is None else self.batch.keep
        if keep is not None and self.facts is not None and not self.facts.body_unseen:
            for created in seen.answer.created:
                keep(created)

    def let_go(self) -> None:
        """Hold on to nothing that is large."""
        self.sending = self.batch = self._body = None

    def _with_body_of(self, sending: RequestSnapshot, facts: CallFacts) -> CallFacts:
        """The facts with what a request sends, where it is another body than the one that was judged."""
        body = sending.body
        if body is self._body or (self.hops and body == b""):
            return facts
        self._body = body
        told = self._state.bodies.read_sent(sending.request)
        if self.batch is not None:
            self.batch = self.batch.doubted()
            facts = facts._replace(batch_lines=self.batch.lines)
        # What was judged before the first hop was never sent.
        if self.hops:
            return self._joined(facts, told)
        return _replaced(facts, told, self._references(facts, told))

    def _joined(self, facts: CallFacts, more: RequestFacts) -> CallFacts:
        """The facts of a call that has said more of what it is about."""
        whole = RequestFacts(
            more.model or facts.model,
            more.service_tier or facts.service_tier,
            facts.features | more.features,
            facts.tools | more.tools,
            facts.body_unseen or more.unseen,
        )
        return _replaced(facts, whole, facts.references | self._references(facts, more))

    def _references(self, facts: CallFacts, body: RequestFacts) -> frozenset[Reference]:
        return self._state.bodies.references(facts.hops[-1].path, body, self._state.region_of)


def _replaced(facts: CallFacts, body: RequestFacts, references: frozenset[Reference]) -> CallFacts:
    """The facts with another body."""
    told: dict[str, Any] = dict(zip(_OF_BODY, body, strict=False))
    return facts._replace(**told, references=references)
