"""The facts of one call as far as they are known, and the judgement of them.

A call is judged at several moments, since each of them may show something that the one before could not:

- when the client has built the request of an attempt (the plan);
- when a request is about to be sent, if a hook, an auth flow or a redirect made another one of it;
- when a WebSocket session sends a message that changes what it is about;
- when the call has ended, with the answer (the outcome).

Nothing is caught here: what a failure means is decided by the `Call`.
"""

from datetime import date
from typing import TYPE_CHECKING, Any

from otel_residency.calls.body import RequestFacts
from otel_residency.calls.request import (
    EXTENSION,
    WITH_BODY,
    ClientBaseUrl,
    RequestSnapshot,
    body_of,
    builds_plainly,
)
from otel_residency.calls.response import ResponseState
from otel_residency.calls.state import State, runtime
from otel_residency.core.cut import TEXT_LIMIT, cut
from otel_residency.core.facts import BASE_PATH, MODEL, CallFacts, Hop, Reference, SecondModel
from otel_residency.core.regions import UNKNOWN
from otel_residency.core.request_entries import Creation
from otel_residency.guard import Judgement, undecided, worst
from otel_residency.requirements.context import entered, required

if TYPE_CHECKING:
    from otel_residency.calls.batches import Batch

_SUCCESS = range(200, 300)
MOST_HOPS = 32
"""Hops of one call that are kept, the first one and the latest, and attempts with a body of their own."""
_MOST_NAMES = 128
"""Names that the messages of a session may add up to; those of one message are fewer."""
_DAY = 86_400 * 10**9
_EPOCH = date(1970, 1, 1).toordinal()
_NO_NAMES: dict[str, Any] = dict.fromkeys(
    ("tools", "second_models", "second_tiers", "unknown_types"), frozenset()
)


class Assessment:
    """The facts of one call, which grow, and the judgement of them.

    Attributes:
        snapshot: the request of the latest attempt.
        facts: the facts; `None` before the first attempt.
        hops: the hops that went on the wire.
        batch: the batch file that the call uploads or names, if its lines were read.
        judgement: the latest judgement.
        doubt: set when a part of the call could not be judged: what could be judged does not speak for it.
        refused: whether the call was refused.
    """

    snapshot: RequestSnapshot | None = None
    facts: CallFacts | None = None
    hops: tuple[Hop, ...] = ()
    batch: "Batch | None" = None
    judgement: Judgement | None = None
    doubt: Judgement | None = None
    refused = False
    _body: Any = None
    """The body that was judged last."""
    _sent: tuple[CallFacts, ...] = ()
    """The facts of earlier attempts that sent something else."""
    _folded: Judgement | None = None
    """The worst judgement of facts that are no longer kept, since there were too many of them."""

    def __init__(self, state: State, started: int) -> None:
        """Begin without facts, for a call that began at `started`, in ns since 1970."""
        self._state = state
        self._started = started

    @property
    def creation(self) -> Creation | None:
        """Where the answer gives the ids of what was created, if this call creates something."""
        if self.judgement is None or self.facts is None:
            return None
        creation, features = self._state.creations.get(self.judgement.decision.endpoint), self.facts.features
        if creation is None or creation.unless in features or creation.only not in (None, *features):
            return None
        return creation

    def plan(
        self,
        request: Any,
        options: Any,
        client: Any,
        base: ClientBaseUrl | None,
        body: RequestFacts | None,
    ) -> Judgement:
        """Judge the request of the next attempt; the arguments are those of `Call.on_attempt`."""
        state = self._state
        snapshot = RequestSnapshot(request, state.tracked_headers)
        hop = snapshot.hop
        if body is None:
            # The options are quicker to read than the serialized body, and hold the same where httpx builds
            # the request unchanged.
            plain = options is not None and builds_plainly(getattr(client, "_client", None))
            body = state.bodies.read(options, request) if plain else self._read_sent(snapshot)
        # `earlier` batch: a retry sends the file that was judged, and reading it again could take seconds
        # (tests/calls/test_batches.py, test_a_file_is_read_once_for_all_attempts).
        if body.batch_input or body.stored or body.purpose or getattr(options, "files", None):
            self.batch = state.batches.of(hop.host, hop.path, options, body, self.batch)
        else:  # nearly every call
            self.batch = None
        facts = CallFacts(
            # Whole days since 1970: no time zone, no float, and no `datetime` made for each call.
            on=date.fromordinal(_EPOCH + self._started // _DAY),
            method=request.method if len(request.method) <= TEXT_LIMIT else cut(request.method),
            hops=(*self.hops, hop),
            base_path=BASE_PATH if base is None else base.parts.path,
            model=body.model,
            service_tier=body.service_tier,
            features=body.features,
            tools=body.tools,
            second_models=body.second_models,
            second_tiers=body.second_tiers,
            unknown_types=body.unknown_types,
            body_unseen=body.unseen,
            batch_lines=None if self.batch is None else self.batch.lines,
            # Asked here, although `required` asks the same: nearly no call has a requirement, and a function
            # call for nothing is what the hot path saves.
            required=required() if entered.get() or runtime.carrier else (),
            project=snapshot.routing.project,
            references=state.bodies.references(hop.path, body, state.region_of),
            # Asked before the call: once it is sent, a missing record can no longer stop it
            # (tests/calls/test_ledger.py, test_no_record_no_call).
            unrecorded=state.demands_record and state.lacks_record(),
        )
        judgement = state.guard.judge(facts)
        earlier = self.facts
        # Other facts than those of an attempt that has left: what it sent stays sent
        # (tests/calls/test_hops.py, test_what_an_earlier_attempt_sent_is_not_forgotten).
        if self.hops and earlier is not None and earlier._replace(hops=facts.hops) != facts:
            self._sent = (*self._sent, earlier)
            if len(self._sent) > MOST_HOPS:
                self._fold(self._sent[0]._replace(hops=self.hops))
                self._sent = self._sent[1:]
        self.snapshot, self._body, self.facts, self.judgement = snapshot, snapshot.body, facts, judgement
        return judgement

    def hop(self, request: Any, *, redirected: bool) -> tuple[Hop, Judgement | None]:
        """Where a request goes that is about to be sent, and the judgement of it unless it is as planned."""
        state = self._state
        planned = self.snapshot
        if len(self.hops) >= MOST_HOPS:
            self.fold_hops()
        if planned is not None:
            if planned.is_unchanged(request, state.tracked_headers):
                return planned.hop, None
            # A retry after a failed redirect sends the planned request again (tests/calls/test_hops.py,
            # test_a_retry_is_not_taken_for_a_redirect).
            redirected = redirected and request is not planned.request
        snapshot = RequestSnapshot(request, state.tracked_headers, redirected=redirected)
        if self.facts is None:
            return snapshot.hop, None
        # After the first hop a missing header takes nothing back: the earlier request has named the project.
        project = snapshot.routing.project or (self.facts.project if self.hops else None)
        self.facts = self._with_body_of(snapshot, self.facts)._replace(project=project)
        return snapshot.hop, state.guard.judge(self.facts._replace(hops=(*self.hops, snapshot.hop)))

    def add(self, facts: CallFacts, more: RequestFacts) -> Judgement:
        """Judge the call of these `facts` again, with `more` of them or with what is required by now."""
        # Only added to: what held when the session was opened holds to its end
        # (tests/patches/test_sockets.py, test_a_message_for_another_customer_is_refused).
        groups = tuple(dict.fromkeys((*facts.required, *required())))
        joined = self._joined(facts, more)
        if _names_in(joined) > _MOST_NAMES:
            # A session may last for days, and each of its messages may name other models.
            self._fold(facts._replace(hops=self.hops or facts.hops))
            joined = self._joined(facts._replace(**_NO_NAMES), more)
        self.facts = joined._replace(hops=self.hops or facts.hops, required=groups)
        self.judgement = self._state.guard.judge(self.facts)
        return self.judgement

    def fold_hops(self) -> None:
        """Drop hops after the first one; the call is judged at least as they were."""
        if self.facts is not None:
            self._fold(self.facts._replace(hops=self.hops))
        self.hops = (self.hops[0], *self.hops[-MOST_HOPS // 2 :])

    def _fold(self, facts: CallFacts) -> None:
        self._folded = worst(self._state.guard.judge(facts), self._folded)

    def fail(self) -> Judgement:
        """The judgement of a call that could not be judged; in block mode it is refused."""
        self.refused |= self._state.blocks
        self.judgement = self.doubt = undecided(self._state.on_call, self._state.on_export)
        return self.judgement

    def refuse(self, judgement: Judgement) -> Judgement:
        """Refuse the call for this judgement of it; the judgement that says that nothing was sent."""
        self.refused = True
        facts = judgement.facts
        if facts is not None and judgement.hop is not None and judgement.hop.redirected:
            unsent = judgement.hop._replace(refused=True)
            judgement = self._state.guard.judge(facts._replace(hops=(*facts.hops[:-1], unsent)))
        self.judgement = judgement
        return judgement

    def requires_more(self) -> bool:
        """Whether more is required in this context than where the call began."""
        groups = required()
        return bool(groups) and self.facts is not None and not set(groups).issubset(self.facts.required)

    def sends(self, request: Any) -> bool:
        """Whether `request` is the planned one, or sends its body."""
        # Equal bytes in another request: an auth flow of httpx may yield a request of its own with the same
        # body (tests/calls/test_hops.py, test_a_request_that_an_auth_flow_sends_elsewhere_is_refused,
        # test_a_token_is_fetched_under_a_strict_policy).
        planned = self.snapshot is not None and self.snapshot.request is request
        return planned or bool(self._body and body_of(request) == self._body)

    def outcome(self, response: ResponseState) -> Judgement | None:
        """The judgement of the facts as they turned out; of a refused call, the one that refused it."""
        judgement = self.judgement
        # What was refused has no answer: judged again without the refused hop, it would look eligible.
        if self.refused or self.facts is None:
            return judgement
        guard = self._state.guard
        answer = response.facts(guard)
        try:
            judgement = guard.judge_answered(self.facts, self.hops or self.facts.hops, answer)
            if self._sent or self._folded is not None:
                before = (guard.judge(facts._replace(hops=self.hops)) for facts in self._sent)
                judgement = worst(judgement, self._folded, *before)
        except Exception as error:
            self._state.log_failure("judging an answer", error)
            # A violation that was found before the call outweighs the doubt (tests/calls/test_faults.py,
            # test_the_judgement_of_an_answer_fails).
            self.doubt = undecided(self._state.on_call, self._state.on_export)
        violation = judgement is not None and judgement.decision.violation
        return self.doubt if self.doubt and not violation else judgement

    def remember_created(self, response: ResponseState, judgement: Judgement | None) -> None:
        """Note the region of the things that the answer created, if it is known."""
        state, creation, facts = self._state, self.creation, self.facts
        if creation is None or facts is None or not self.hops or response.status not in _SUCCESS:
            return
        # A gateway, a private link or a project of another region may have stored it elsewhere
        # (tests/calls/test_state.py, test_a_private_link_gives_no_region).
        if judgement is None or not judgement.creates_there:
            return
        regions = {judgement.decision.region}
        # A job is polled at any host: what it names is where the job is (tests/calls/test_state.py,
        # test_a_model_of_an_unknown_job_has_no_region).
        if creation.with_path:
            named = state.bodies.named(facts.hops[0].path, None)
            regions = {state.region_of(name) or UNKNOWN for _, name in named}
        if len(regions) == 1 and UNKNOWN not in regions:
            for name in response.answer.created:
                state.created_objects.remember(name, *regions)

    def remember_batch(self, response: ResponseState) -> None:
        """Keep the contents of an upload for the calls that will name it."""
        keep = None if self.batch is None else self.batch.keep
        if keep is not None and self.facts is not None and not self.facts.body_unseen:
            # An upload creates one file: an answer with more ids must not push out what is kept of others.
            for name in response.answer.created[:1]:
                keep(name)

    def release(self, *, standalone: bool) -> None:
        """Drop references to large objects, and the planned request's to a call of the openai client."""
        if self.snapshot is not None and not standalone:
            # A connection whose body nobody closed keeps its request, and would keep the call with it.
            self.snapshot.request.extensions.pop(EXTENSION, None)
        self.snapshot = self.batch = self._body = None

    def _with_body_of(self, snapshot: RequestSnapshot, facts: CallFacts) -> CallFacts:
        """The facts with what a request sends, if that is another body than the one that was judged."""
        body = snapshot.body
        # An empty body later in a call is a redirect that became a GET: what the earlier hop sent still
        # counts.
        if body is self._body or (self.hops and body == b""):
            return facts
        self._body = body
        read = self._read_sent(snapshot)
        # The lines that were read belong to another body (tests/calls/test_batches.py,
        # test_another_file_than_the_one_that_was_named_is_a_doubt).
        if self.batch is not None:
            self.batch = self.batch.doubted()
            facts = facts._replace(batch_lines=self.batch.lines)
        if self.hops:
            return self._joined(facts, read)
        # The planned body was never sent, so it does not count.
        return _replace_body(facts, read, self._references(facts, read))

    def _read_sent(self, snapshot: RequestSnapshot) -> RequestFacts:
        """What is read of the body that a request sends; that of a GET or DELETE is not read."""
        unread = snapshot.hop.payload and snapshot.request.method not in WITH_BODY
        return RequestFacts(unseen=True) if unread else self._state.bodies.read_sent(snapshot.request)

    def _joined(self, facts: CallFacts, more: RequestFacts) -> CallFacts:
        """The facts of a call that has sent one body and then another."""
        loosening = self._state.bodies.loosening
        second_models, second_tiers = facts.second_models | more.second_models, facts.second_tiers
        model, tier = more.model or facts.model, more.service_tier or facts.service_tier
        # What another one replaces was used, too.
        if facts.model and more.model and more.model_at:
            model = facts.model
            second_models |= {SecondModel(more.model_at, more.model)}
        elif facts.model and model != facts.model:
            second_models |= {SecondModel(MODEL, facts.model)}
        if facts.service_tier and tier != facts.service_tier:
            second_tiers |= {facts.service_tier}
        both = RequestFacts(
            model=model,
            service_tier=tier,
            features=(facts.features & more.features) | ((facts.features | more.features) - loosening),
            tools=facts.tools | more.tools,
            second_models=second_models,
            second_tiers=second_tiers | more.second_tiers,
            unknown_types=facts.unknown_types | more.unknown_types,
            unseen=facts.body_unseen or more.unseen,
        )
        return _replace_body(facts, both, facts.references | self._references(facts, more))

    def _references(self, facts: CallFacts, body: RequestFacts) -> frozenset[Reference]:
        return self._state.bodies.references(facts.hops[-1].path, body, self._state.region_of)


def _names_in(facts: CallFacts) -> int:
    return sum(len(getattr(facts, field)) for field in _NO_NAMES)


def _replace_body(facts: CallFacts, body: RequestFacts, references: frozenset[Reference]) -> CallFacts:
    return facts._replace(
        model=body.model,
        service_tier=body.service_tier,
        features=body.features,
        tools=body.tools,
        second_models=body.second_models,
        second_tiers=body.second_tiers,
        unknown_types=body.unknown_types,
        body_unseen=body.unseen,
        references=references,
    )
