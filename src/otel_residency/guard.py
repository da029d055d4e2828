"""One policy and one catalogue, ready to judge calls, with the decisions already made kept at hand."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache, partial
from logging import getLogger
from typing import Any, NamedTuple

from otel_residency.catalogue import load_catalogue
from otel_residency.catalogue.load import shown_choice
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.cut import cut
from otel_residency.core.decide import decide
from otel_residency.core.facts import BASE_PATH, DEFAULT_PORTS, Answer, BatchLine, CallFacts, Hop
from otel_residency.core.hosts import HostKind, HostMatch, canonical_host, match_host, with_port
from otel_residency.core.paths import is_canonical, lenient_path, match_endpoint, match_sender
from otel_residency.core.policy import ConfiguredHost
from otel_residency.core.policy_rules import OnCall, OnExport
from otel_residency.core.reasons import reason_of
from otel_residency.core.regions import UNKNOWN
from otel_residency.core.verdict import SEVERITY, Decision, Finding, Verdict
from otel_residency.errors import CatalogueError
from otel_residency.settings.checks import policy_problems
from otel_residency.settings.load import Settings
from otel_residency.settings.problems import PolicyProblem
from otel_residency.settings.table import CATALOGUE
from otel_residency.telemetry import names

_log = getLogger("otel_residency")
_CONCERNING = frozenset({"listed", "bogus", "lookalike"})
"""Kinds of hosts that every request to is worth a verdict."""
REMEMBERED = 512
"""Decisions kept. A service makes few kinds of calls; paths with ids may push the others out."""

Attributes = Mapping[str, str | bool | int | tuple[str, ...]]


class Judgement(NamedTuple):
    """A decision, and the telemetry that follows from it alone."""

    decision: Decision
    span: Attributes
    counted: tuple[tuple[str, str | bool], ...]
    name: str
    """That of the span."""
    start: Attributes
    """The attributes that the span is started with, but for the client's base URL."""
    facts: CallFacts | None = None
    """What was judged; `None` where nothing could be."""
    creates_there: bool = False

    """Whether what the call creates is in the region of the host, as far as that is known."""
    warnings: tuple[str, ...] = ()
    """Details of findings that are logged, once each."""

    @property
    def hop(self) -> Hop | None:
        """The last of the hops that were judged."""
        return self.facts.hops[-1] if self.facts is not None and self.facts.hops else None

    @property
    def target(self) -> str:
        """Where the call goes, without what only the caller may know of it."""
        hop, endpoint = self.hop, self.decision.endpoint
        return endpoint if hop is None else f"{hop.scheme}://{with_port(hop.host, hop.port)} {endpoint}"


class Guard:
    """Judges calls.

    Attributes:
        settings: those given, marked with what was found wrong with them.
        catalogue: the catalogue in use.
        judge: from facts to `Judgement`; pure, and cached.
        judge_answered: the same for facts with other hops and an answer; takes the three.
    """

    def __init__(self, settings: Settings) -> None:
        """Load the catalogue that `settings` name and check the policy against it."""
        self.catalogue, problems = active_catalogue(settings)
        for problem in problems:
            settings = settings.with_problem(problem)
        if problems:
            settings = settings.with_known_regions(self.catalogue.region_codes)
        self.settings = settings
        # Once: the property writes the policy as JSON and hashes that each time it is read.
        self._policy_hash = settings.policy_hash
        # On bound methods: a decorator would keep all guards alive, since its cache is the class's. These
        # refer to the guard in a cycle, which the cyclic collector frees with it. Facts are the whole key, so
        # a hit is never stale (tests/test_guard.py, test_whatever_is_changed_is_judged_anew).
        self.judge = lru_cache(REMEMBERED)(self._judge)
        # Three arguments, and not one value with the answer in it: on a hit no tuple of fifteen fields is
        # made.
        self.judge_answered = lru_cache(REMEMBERED)(self._judge_answered)
        # The day is an argument: hosts have periods, and a process may run for months.
        self._match_on = lru_cache(REMEMBERED)(partial(match_host, self.catalogue, settings.policy.hosts))

    @property
    def blocks(self) -> bool:
        """Whether violating calls are refused, or some of them by a rule."""
        return bool(self.settings.policy.strictest("on_call") == "block")

    def concerns_host(self, host: str) -> bool:
        """Whether a request to `host`, on some port, may be a call to a vendor."""
        name = canonical_host(cut(host))
        if name in self.catalogue.senders:
            return True
        # The policy may name a port, which is not known here: any port counts, and `concerns` is exact.
        if any(place == name or place.rpartition(":")[0].strip("[]") == name for place in self._policy_hosts):
            return True
        return self._kind(name, None) in _CONCERNING

    def concerns(self, method: str, hop: Hop) -> bool:
        """Whether a request is a call to a vendor.

        Of a configured host only the vendor's endpoints count: a gateway may serve other things too.
        """
        kind = self._kind(hop.host, hop.port)
        if match_sender(self.catalogue, hop.host, hop.path) is not None:
            return True
        if kind != "configured":
            return kind in _CONCERNING
        # As `openai`: a gateway serves the vendor's paths, whoever is behind it. By two readings of the path
        # where servers differ.
        paths = (hop.path,) if is_canonical(hop.path) else (hop.path, lenient_path(hop.path))
        return any(
            match_endpoint(self.catalogue, "openai", method, path, BASE_PATH).endpoint is not None
            for path in paths
        )

    def _kind(self, host: str, port: int | None) -> HostKind:
        return self._match(host, port).kind

    def _match(self, host: str, port: int | None) -> HostMatch:
        return self._match_on(host, port, datetime.now(UTC).date())

    @property
    def _policy_hosts(self) -> Mapping[str, ConfiguredHost]:
        return self.settings.policy.hosts

    def refusal_by_code(self, code: str) -> str | None:
        """Id of the vendor's residency error with this code."""
        return next((each.id for each in self.catalogue.entries.refusals if each.code == code), None)

    def counted_lines(self, facts: CallFacts, kinds: Iterable[tuple[BatchLine, int]]) -> Mapping[str, Any]:
        """How many lines of a batch there are, and how many have each reason, each judged by itself."""
        lines, found = 0, Counter[str]()
        for line, count in kinds:
            lines += count
            # Each kind by itself: the verdict of the whole file does not say how many lines it is about.
            for reason in self.judge(facts._replace(batch_lines=(line,))).decision.reasons:
                found[reason] += count
        reasons = tuple(sorted(found))
        return {
            names.BATCH_LINES: lines,
            names.BATCH_REASONS: reasons,
            names.BATCH_COUNTS: tuple(found[reason] for reason in reasons),
        }

    def log_problems(self) -> None:
        """Log what is wrong with the settings."""
        # Not when settings are read: a process that never makes a call would log them for nothing.
        for problem in self.settings.problems:
            _log.warning("%s", problem)
        if self.settings.policy.unreadable is not None:
            consequence = "calls are made and marked policy.unreadable"
            if self.blocks:
                is_all = self.settings.policy.on_call == "block"
                consequence = "every call is refused" if is_all else f"{consequence}, or refused by a rule"
            _log.error("the residency policy is not fully readable; %s", consequence)

    def _judge(self, facts: CallFacts) -> Judgement:
        decision = decide(facts, self.catalogue, self.settings.policy)
        judged = _judged(decision, self._policy_hash, facts)
        doubted = any(reason_of(finding.reason).doubts_place for finding in decision.findings)
        # The region of a private link says nothing of where things are stored. `[-1:]`, since facts without a
        # hop are judged as well.
        linked = any(self._match_on(hop.host, hop.port, facts.on).link for hop in facts.hops[-1:])
        warnings = tuple(each.detail for each in decision.findings if reason_of(each.reason).logged)
        return judged._replace(creates_there=not doubted and not linked, warnings=warnings)

    def _judge_answered(self, facts: CallFacts, hops: tuple[Hop, ...], answer: Answer) -> Judgement:
        return self._judge(facts._replace(hops=hops, answer=answer))


def active_catalogue(settings: Settings) -> tuple[Catalogue, tuple[PolicyProblem, ...]]:
    """The catalogue that `settings` name, or else the newest, and what is wrong with both together."""
    problems = []
    try:
        catalogue = load_catalogue(settings.catalogue)
    except CatalogueError as error:
        wrong = PolicyProblem(
            file="",
            key=CATALOGUE.key,
            value=shown_choice(settings.catalogue),
            problem=str(error),
            fix="Name a revision or a file; see `otel-residency catalogue list` and `catalogue validate`.",
        )
        # The newest catalogue instead, and the policy is marked: in block mode every call is refused, and
        # telemetry still names regions.
        problems.append(wrong.at(settings.origins))
        catalogue = load_catalogue()
    problems += policy_problems(settings.policy, catalogue, settings.origins)
    return catalogue, tuple(problems)


def undecided(on_call: OnCall, on_export: OnExport) -> Judgement:
    """The judgement of a call that could not be judged: in block mode it violates the policy."""
    # Without catalogue or policy: this must not fail for the same reason as what failed before.
    finding = Finding("guard.failed", Verdict.INDETERMINATE, "the call could not be judged")
    decision = Decision(
        verdict=finding.verdict,
        findings=(finding,),
        violation=on_call == "block",
        region=UNKNOWN,
        hop_regions=(),
        endpoint=UNKNOWN,
        snapshot=None,
        catalogue=UNKNOWN,
        required=(),
        on_call=on_call,
        on_export=on_export,
    )
    return _judged(decision, UNKNOWN)


def worst(judgement: Judgement, *others: Judgement | None) -> Judgement:
    """The one with the worst verdict, of equal ones the first."""
    # `not_applicable` is in no order: a call without content is never worse than one with it.
    judgements = (judgement, *filter(None, others))
    return max(judgements, key=lambda each: SEVERITY.get(each.decision.verdict, -1))


def _judged(decision: Decision, policy_hash: str, facts: CallFacts | None = None) -> Judgement:
    common: dict[str, str | bool] = {
        names.VERDICT: decision.verdict.value,
        names.VIOLATION: decision.violation,
        names.REGION: decision.region,
        names.ENDPOINT: decision.endpoint,
    }
    if decision.exception is not None:
        common[names.EXCEPTION_OWNER] = decision.exception.owner
    span: dict[str, str | bool | int | tuple[str, ...]] = {
        **common,
        names.REASONS: decision.reasons,
        names.CATALOGUE: decision.catalogue,
        names.POLICY: policy_hash,
    }
    if decision.exception is not None:
        span[names.EXCEPTION_REASON] = decision.exception.reason
    if decision.required:
        span[names.REQUIRED] = decision.required
    if decision.snapshot:
        span[names.MODEL_SNAPSHOT] = decision.snapshot
    start, method = dict(span), "HTTP"
    if facts is not None:
        start[names.HTTP_METHOD] = method = facts.method
        if facts.hops:
            start |= server_of(facts.hops[-1])
        if facts.model:
            start[names.MODEL_REQUESTED] = facts.model
    return Judgement(
        decision=decision,
        span=span,
        counted=tuple(common.items()),
        name=f"residency {method} {decision.endpoint}",
        start=start,
        facts=facts,
    )


def server_of(hop: Hop) -> dict[str, str | int]:
    """The attributes of the server that a hop leads to."""
    port = hop.port or DEFAULT_PORTS.get(hop.scheme)
    return {names.SERVER_ADDRESS: hop.host} | ({} if port is None else {names.SERVER_PORT: port})
