"""Judges recorded calls again: by the table that was in force on their day, and by another policy."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache, lru_cache
from typing import Final, NamedTuple

from otel_residency.audit.sql import Kind
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.decide import decide
from otel_residency.core.facts import CallFacts
from otel_residency.core.policy import Policy
from otel_residency.core.verdict import SEVERITY, Decision
from otel_residency.records.record import read_facts, read_policy

_REMEMBERED: Final = 50_000
OUTDATED, OTHER_TABLE, SAME_TABLE = "outdated table", "other table", "same table"
"""Why a verdict differs from the recorded one."""
NO_FACTS: Final = "the record has no facts (a span, or a call that could not be judged)"
UNREADABLE_FACTS: Final = "its facts can't be read by this release"
NO_POLICY: Final = "its policy was not recorded"
UNREADABLE_POLICY: Final = "its policy can't be read by this release"

_UNREADABLE: Final = (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError)
"""Of what stands in a ClickHouse, or in a record that somebody made up, no parser has seen the facts."""
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
"""An escape that the writer of a ledger does not use; half a character can't be in a report."""
_SEVERITY: Final = {verdict.value: severity for verdict, severity in SEVERITY.items()}

PolicyFor = Callable[[str, str], Policy]
"""The policy of a service in an environment."""


class Difference(NamedTuple):
    """Calls with another verdict today."""

    cause: str
    was: str
    """The recorded verdict."""
    now: str
    judged_by: str
    """The table that the record names, then the one that was in force."""
    in_force: str
    recorded_violation: bool
    """Whether it violates the policy by the recorded verdict, then by the one of today."""
    violation: bool
    reasons: tuple[str, ...]
    """The reasons of the verdict of today."""
    calls: int = 0
    first: str = ""
    """The day of the first of these calls, then of the last."""
    last: str = ""
    days: int = 0
    """For how many days a newer table had been in force, at most."""

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Sorts new violations first, then verdicts that became worse, then the most calls."""
        worse = _SEVERITY.get(self.now, 0) - _SEVERITY.get(self.was, 0)
        return self.recorded_violation or not self.violation, -worse, -self.calls


class Stopped(NamedTuple):
    """Calls that violate another policy, and did not violate the recorded one."""

    service: str
    host: str
    endpoint: str
    model: str
    verdict: str
    reasons: tuple[str, ...]
    calls: int = 0


class Replay(NamedTuple):
    """The result of judging again."""

    judged: int
    """Calls that could be judged again."""
    not_judged: Mapping[str, int]
    """Calls that could not, by the reason."""
    outdated: int
    """Calls that were judged by an older table than the one in force, with whatever verdict."""
    outdated_days: int
    """For how many days the newer table had been in force, at most."""
    differences: tuple[Difference, ...]
    """Those that violate the policy by the verdict of today alone come first."""
    what_if: tuple[Stopped, ...] | None
    """What another policy would have blocked; `None` without such a policy."""

    @property
    def violations(self) -> int:
        """Calls that violate the policy by the verdict of today alone."""
        changed = (each for each in self.differences if each.violation and not each.recorded_violation)
        return sum(each.calls for each in changed)


class ReplayJudge:
    """Judges kinds of calls again, and counts them."""

    def __init__(
        self, catalogue: Catalogue, policies: Mapping[str, str], what_if: PolicyFor | None = None
    ) -> None:
        """Judge by `catalogue` and by the recorded policies, given as JSON by their hash."""
        self._catalogue = catalogue
        self._what_if = None if what_if is None else cache(what_if)
        self._began = {each.id: each.effective_from for each in catalogue.revisions}
        self._policies = policies
        self._policy = cache(lambda name: recorded_policy(policies.get(name)))
        # By the text of the facts: a report has few kinds of them, and parsing takes longer than deciding.
        self._decide = lru_cache(_REMEMBERED)(self._decided)
        self._decide_strictly = lru_cache(_REMEMBERED)(self._decided_if)
        self._judged = self._outdated = self._days = 0
        self._not_judged: Counter[str] = Counter()
        self._differences: dict[Difference, Difference] = {}
        self._stopped: Counter[Stopped] = Counter()

    def judge(self, kind: Kind) -> Decision | None:
        """Judge a kind of calls; `None` if that can't be done."""
        if self._what_if is not None and kind.violation != "true":
            self._suppose(kind)
        decision = self._decide(kind.facts, kind.day, kind.policy)
        if isinstance(decision, str):
            self._not_judged[decision] += kind.number
            return None
        self._judged += kind.number
        days = self._days_outdated(kind, decision)
        self._outdated += kind.number if days else 0
        self._days = max(self._days, days)
        if (decision.verdict, decision.violation) != (kind.verdict, kind.violation == "true"):
            self._differ(kind, decision, days)
        return decision

    def result(self) -> Replay:
        """The result for all calls that were judged."""
        stopped = (each._replace(calls=calls) for each, calls in self._stopped.most_common())
        return Replay(
            judged=self._judged,
            not_judged=dict(self._not_judged),
            outdated=self._outdated,
            outdated_days=self._days,
            differences=tuple(sorted(self._differences.values(), key=lambda each: each.rank)),
            what_if=None if self._what_if is None else tuple(stopped),
        )

    def _decided(self, facts: str, day: str, policy: str) -> Decision | str:
        read, by = _facts(facts, day), self._policy(policy)
        if isinstance(read, str):
            return read
        if by is None:
            return UNREADABLE_POLICY if policy in self._policies else NO_POLICY
        return decide(read, self._catalogue, by)

    def _decided_if(self, facts: str, day: str, service: str, environment: str) -> Decision | str:
        read = _facts(facts, day)
        if isinstance(read, str) or self._what_if is None:
            return NO_FACTS
        return decide(read, self._catalogue, self._what_if(service, environment))

    def _days_outdated(self, kind: Kind, decision: Decision) -> int:
        """For how many days another table than the recorded, older one had been in force; 0: it was not."""
        recorded, now = self._began.get(kind.catalogue), self._began.get(decision.catalogue)
        if recorded is None or now is None or recorded >= now:
            return 0
        return max((date.fromisoformat(kind.day) - now).days, 1)

    def _differ(self, kind: Kind, decision: Decision, days: int) -> None:
        same = kind.catalogue == decision.catalogue
        difference = Difference(
            cause=OUTDATED if days else SAME_TABLE if same else OTHER_TABLE,
            was=kind.verdict,
            now=decision.verdict.value,
            judged_by=kind.catalogue,
            in_force=decision.catalogue,
            recorded_violation=kind.violation == "true",
            violation=decision.violation,
            reasons=decision.reasons,
        )
        before = self._differences.get(difference, difference._replace(first=kind.day))
        self._differences[difference] = before._replace(
            calls=before.calls + kind.number,
            first=min(before.first, kind.day),
            last=max(before.last, kind.day),
            days=max(before.days, days),
        )

    def _suppose(self, kind: Kind) -> None:
        decision = self._decide_strictly(kind.facts, kind.day, kind.service, kind.environment)
        if isinstance(decision, Decision) and decision.violation:
            stopped = Stopped(
                service=kind.service,
                host=kind.host,
                endpoint=kind.endpoint,
                model=kind.model,
                verdict=decision.verdict.value,
                reasons=decision.reasons,
            )
            self._stopped[stopped] += kind.number


def recorded_policy(document: str | None) -> Policy | None:
    """The policy in a record; `None` if there is none, or it can't be read by this release."""
    try:
        return None if document is None or _SURROGATE.search(document) else read_policy(document)
    except _UNREADABLE:
        return None


@lru_cache(_REMEMBERED)
def _facts(text: str, day: str) -> CallFacts | str:
    """The facts of a record, or why there are none."""
    if not text:
        return NO_FACTS
    if _SURROGATE.search(text):
        return UNREADABLE_FACTS
    try:
        return read_facts(text, date.fromisoformat(day))
    except _UNREADABLE:
        return UNREADABLE_FACTS
