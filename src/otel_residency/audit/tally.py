"""Counts calls in every way that the report shows them: by outcome, day, service, region, host and so on."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final, NamedTuple

from otel_residency.audit.findings import FindingCounts
from otel_residency.audit.outcomes import Counts, ordered, outcome_of
from otel_residency.audit.rows import listed
from otel_residency.audit.sql import Kind
from otel_residency.core.verdict import Decision

_DAYS, _WEEKS = 62, 400
"""Longest span of days that is shown by the day, and by the week."""
_DIMENSIONS: Final = ("service", "region", "host", "endpoint", "model")


class Period(NamedTuple):
    """A day, week or month, by its first day."""

    start: str
    outcomes: Counts


class Share(NamedTuple):
    """The calls of one service, region, host, endpoint or model."""

    name: str
    calls: int
    outcomes: Counts


class ExceptionUse(NamedTuple):
    """The calls that were made under an exception of the policy."""

    owner: str
    reason: str
    calls: int
    outcomes: Counts
    services: tuple[str, ...]
    first: str
    """The day of the first of these calls, then of the last."""
    last: str


class CallTally:
    """The calls that a report counts, so far."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.violations = 0
        self.required: set[str] = set()
        self.days: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.catalogues: Counter[str] = Counter()
        self.policies: Counter[str] = Counter()
        self.findings = FindingCounts()
        self._exceptions: defaultdict[tuple[str, str], _ExceptionCount] = defaultdict(_ExceptionCount)
        self._by: dict[str, defaultdict[str, Counter[str]]] = {
            name: defaultdict(Counter) for name in _DIMENSIONS
        }

    def add(self, kind: Kind, decision: Decision | None) -> None:
        """Count calls of one kind; `decision` is the result of judging them again."""
        calls, outcome = kind.number, outcome_of(kind)
        self.outcomes[outcome] += calls
        self.required.update(listed(kind.required))
        self.violations += calls if kind.violation == "true" else 0
        self.days[kind.day][outcome] += calls
        for dimension in _DIMENSIONS:
            self._by[dimension][getattr(kind, dimension)][outcome] += calls
        self.catalogues[kind.catalogue] += calls
        self.policies[kind.policy] += calls
        self.findings.add(kind, outcome, decision)
        if kind.owner:
            self._exceptions[kind.owner, kind.exception].add(kind, outcome)

    @property
    def by(self) -> Mapping[str, tuple[Share, ...]]:
        """The calls by the values of each dimension, those with the most calls first."""
        return {dimension: _shares(counts) for dimension, counts in self._by.items()}

    def exceptions(self) -> tuple[ExceptionUse, ...]:
        """The exceptions that calls were made under, those with the most calls first."""
        found = [count.use(*key) for key, count in self._exceptions.items()]
        return tuple(sorted(found, key=lambda use: (-use.calls, use.owner, use.reason)))

    def periods(self) -> tuple[str, tuple[Period, ...]]:
        """The calls by day, or by week or month where days are too many; none is left out between."""
        if not self.days:
            return "day", ()
        first, last = (date.fromisoformat(day) for day in (min(self.days), max(self.days)))
        length = (last - first).days
        step = "day" if length <= _DAYS else "week" if length <= _WEEKS else "month"
        found: dict[str, Counter[str]] = {}
        for number in range(length + 1):
            found.setdefault(_start(first + timedelta(number), step), Counter())
        for day, counts in self.days.items():
            found[_start(date.fromisoformat(day), step)] += counts
        return step, tuple(Period(start, ordered(counts)) for start, counts in found.items())


class _ExceptionCount:
    """The calls under one exception so far."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.services: set[str] = set()
        self.days: set[str] = set()

    def add(self, kind: Kind, outcome: str) -> None:
        self.outcomes[outcome] += kind.number
        self.services.add(kind.service)
        self.days.add(kind.day)

    def use(self, owner: str, reason: str) -> ExceptionUse:
        return ExceptionUse(
            owner=owner,
            reason=reason,
            calls=sum(self.outcomes.values()),
            outcomes=ordered(self.outcomes),
            services=tuple(sorted(self.services)),
            first=min(self.days),
            last=max(self.days),
        )


def _start(day: date, step: str) -> str:
    """The first day of the day, week or month that a day is in."""
    if step == "month":
        return day.replace(day=1).isoformat()
    return (day - timedelta(day.weekday()) if step == "week" else day).isoformat()


def _shares(counts: Mapping[str, Mapping[str, int]]) -> tuple[Share, ...]:
    shares = [Share(name, sum(each.values()), ordered(each)) for name, each in counts.items()]
    return tuple(sorted(shares, key=lambda share: (-share.calls, share.name)))
