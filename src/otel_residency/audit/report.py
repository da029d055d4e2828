"""The report as data: what was recorded, counted, and what is known about it. Renderers add words to it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import chain as chained
from typing import Final, NamedTuple

from otel_residency.audit import gaps, sql
from otel_residency.audit.engines import Input, Source
from otel_residency.audit.read import Unread
from otel_residency.audit.replay import Judge, PolicyFor, Replay, known_policy
from otel_residency.audit.rows import FOREIGN_SPAN, LEDGER, LOG, SPAN, listed
from otel_residency.audit.sql import Counted, Kind
from otel_residency.catalogue.citations import sources_for, sources_of, table_sources
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.facts import CallFacts, Hop
from otel_residency.core.reasons import REASONS
from otel_residency.core.verdict import Verdict
from otel_residency.telemetry import names
from otel_residency.version import __version__

_EXAMPLES: Final = 10
"""Places that are told of each finding; the rest are counted."""
_DETAILS: Final = 3
_DAYS, _WEEKS = 62, 400
"""Longest span of days that is told by the day, and by the week."""


class Outcome(StrEnum):
    """What became of the promise, in the order of every table."""

    BROKEN = "broken"
    STOPPED = "stopped"
    """It would have been broken; the call was refused."""
    UNKNOWN = "unknown"
    """It could not be judged."""
    CONDITIONAL = "conditional"
    """It was kept if an attestation holds that the policy does not state."""
    KEPT = "kept"
    NO_CONTENT = "no content"
    """The call carried no customer content."""
    NO_PROMISE = "no promise"
    """No region was required."""


Counts = Mapping[str, int]
"""Calls by outcome."""


class Period(NamedTuple):
    """A day, week or month, by its first day."""

    start: str
    outcomes: Counts


class Share(NamedTuple):
    """The calls of one service, region, endpoint or model."""

    name: str
    calls: int
    outcomes: Counts


class Place(NamedTuple):
    """Where a finding was made, and how often."""

    service: str
    host: str
    region: str
    endpoint: str
    model: str
    calls: int


class Finding(NamedTuple):
    """The calls with one outcome whose worst reason is the same."""

    outcome: str
    reason: str
    meaning: str
    fix: str
    rule: str
    """The section of the catalogue that it rests on, `policy` or `call`."""
    calls: int
    first: str
    last: str
    also: Counts
    """The other reasons of these calls."""
    details: tuple[str, ...]
    """What exactly was found, for some of them."""
    catalogues: tuple[str, ...]
    """The tables that it was judged by."""
    sources: tuple[str, ...]
    """Where the rule was read, as it is cited."""
    places: tuple[Place, ...]
    more_places: int


class Table(NamedTuple):
    """A revision of the catalogue that calls were judged by, and where it was read."""

    id: str
    calls: int
    effective_from: str
    completeness: str
    sources: tuple[str, ...]
    """As they are cited: its own, and those of the tables that it takes the rest over from."""


class PolicyUse(NamedTuple):
    """A policy that calls were judged by; of one that was not recorded only the hash is known."""

    hash: str
    calls: int
    require: tuple[str, ...]
    scope: str
    attestations: tuple[tuple[str, str], ...]
    """Those it states, each with its reference."""
    known: bool


class Report(NamedTuple):
    """All that the report says."""

    version: str
    made: str
    """When, as ISO 8601 in UTC."""
    asked: tuple[str, str]
    """The first and the last day that were asked for; nothing for one that was left open."""
    first: str
    """The day of the first call, and that of the last; nothing without calls."""
    last: str
    calls: int
    required: Mapping[str, str]
    """The regions that any of these calls had to stay in, by code: their names."""
    outcomes: Counts
    violations: int
    """Calls that break the policy, those that were refused among them."""
    unrecorded_violations: int
    """More of them that an event or a counter tells of, and no record."""
    step: str
    """`day`, `week` or `month`."""
    periods: tuple[Period, ...]
    by: Mapping[str, tuple[Share, ...]]
    findings: tuple[Finding, ...]
    gaps: tuple[gaps.Gap, ...]
    replay: Replay
    tables: tuple[Table, ...]
    policies: tuple[PolicyUse, ...]
    inputs: tuple[Input, ...]
    unread: tuple[Unread, ...]


def outcome(kind: Kind) -> Outcome:
    """What became of the promise; what is not understood is not known."""
    if kind.action == names.BLOCKED:
        return Outcome.STOPPED
    if kind.verdict == Verdict.NOT_APPLICABLE:
        return Outcome.NO_CONTENT
    if not listed(kind.required) and kind.violation != "true":
        return Outcome.NO_PROMISE
    return _OF_VERDICT.get(kind.verdict, Outcome.UNKNOWN)


_OF_VERDICT: Final[Mapping[str, Outcome]] = {
    Verdict.ELIGIBLE: Outcome.KEPT,
    Verdict.CONDITIONAL: Outcome.CONDITIONAL,
    Verdict.INELIGIBLE: Outcome.BROKEN,
}
TOLD: Final = (Outcome.BROKEN, Outcome.STOPPED, Outcome.UNKNOWN, Outcome.CONDITIONAL)
"""Outcomes whose reasons are told, in the order of the report."""


def report(
    source: Source,
    catalogue: Catalogue,
    now: datetime,
    *,
    since: date | None = None,
    until: date | None = None,
    what_if: PolicyFor | None = None,
    chain: Sequence[gaps.Gap] = (),
) -> Report:
    """Ask the records, and put together what they say.

    Args:
        source: the records.
        catalogue: the tables to judge them again by.
        now: when the report is made.
        since: the first day, UTC, that is asked for.
        until: the last one.
        what_if: another policy, to tell what it would have stopped.
        chain: what checking the ledgers has found.
    """
    known: dict[str, set[tuple[str, str]]] = {LOG: set(), SPAN: set(), FOREIGN_SPAN: set()}
    for signal, service, day in source.query(sql.SERVICES):
        known[LOG if signal == LEDGER else signal].add((service, day))
    documents = {name: document for name, document in source.query(sql.POLICIES) if document}
    judge = Judge(catalogue, documents, what_if)
    tally = _Tally()
    seen = gaps.Seen()
    foreign: Counter[tuple[str, str]] = Counter()
    for values in chained(source.query(sql.kinds(since, until)), source.query(sql.span_kinds(since, until))):
        kind = Kind(*values)
        if kind.event == names.EVENT_VIOLATION:
            seen.violated(kind)
        elif not _counts(kind, known):
            continue
        elif kind.signal == FOREIGN_SPAN and not kind.verdict:
            foreign[kind.service, kind.host] += kind.number
        else:
            seen.called(kind)
            tally.add(kind, judge)
    for values in source.query(sql.counters(since, until)):
        seen.counted(Counted(*values), since)
    asked = (str(since or ""), str(until or ""))
    step, periods = tally.periods()
    days = sorted(tally.days)
    first, last = (days[0], days[-1]) if days else ("", "")
    replay = judge.result()
    return Report(
        version=__version__,
        made=now.isoformat(timespec="seconds"),
        asked=asked,
        first=first,
        last=last,
        calls=sum(tally.outcomes.values()),
        required={code: _name(catalogue, code) for code in sorted(tally.required)},
        outcomes=_ordered(tally.outcomes),
        violations=tally.violations,
        unrecorded_violations=seen.unrecorded_violations,
        step=step,
        periods=periods,
        by={name: _shares(counted) for name, counted in tally.by.items()},
        findings=tally.told(catalogue),
        gaps=gaps.shortened(
            (
                *chain,
                *seen.gaps(last, {service for service, _ in known[LOG]}),
                *gaps.of_writers(source.query(sql.WRITERS)),
                *gaps.of_foreign(foreign),
                *gaps.of_period(asked, first, last, now.date()),
                *gaps.of_tables(catalogue, tally.catalogues, last),
                *gaps.of_inputs(source.inputs),
            )
        ),
        replay=replay,
        tables=_tables(catalogue, tally.catalogues),
        policies=_policies(documents, tally.policies),
        inputs=source.inputs,
        unread=source.unread,
    )


def _counts(kind: Kind, known: Mapping[str, AbstractSet[tuple[str, str]]]) -> bool:
    """Whether calls of a kind are told of, by the services and days of which each signal is known.

    A span without a verdict ended before its call was judged: where there are records, that is one.
    Another's span that the export gate judged is what is left of a call where there is nothing else.
    """
    when = kind.service, kind.day
    if kind.signal == SPAN:
        return bool(kind.verdict) or when not in known[LOG]
    return kind.signal == LOG or when not in known[LOG] | known[SPAN]


class _Told:
    """A finding that grows."""

    def __init__(self) -> None:
        self.calls = 0
        self.days: set[str] = set()
        self.also: Counter[str] = Counter()
        self.details: dict[str, None] = {}
        self.catalogues: Counter[str] = Counter()
        self.places: Counter[tuple[str, str, str, str, str]] = Counter()

    def finding(self, outcome: Outcome, code: str, catalogue: Catalogue) -> Finding:
        known = REASONS.get(code)
        rule = known.source if known else "call"
        places = dict(self.places.most_common(_EXAMPLES))
        return Finding(
            outcome=outcome.value,
            reason=code,
            meaning=known.meaning if known else "The record names no reason that this release knows.",
            fix=known.fix if known else "",
            rule=rule,
            calls=self.calls,
            first=min(self.days),
            last=max(self.days),
            also=dict(self.also.most_common()),
            details=tuple(self.details)[:_DETAILS],
            catalogues=tuple(self.catalogues),
            sources=tuple(dict.fromkeys(_sources(catalogue, code, self.catalogues, [*places]))),
            places=tuple(Place(*place, calls) for place, calls in places.items()),
            more_places=len(self.places) - len(places),
        )


class _Tally:
    """Counts kinds of calls in every way that the report tells them."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.violations = 0
        self.required: set[str] = set()
        self.days: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.by: dict[str, defaultdict[str, Counter[str]]] = {
            name: defaultdict(Counter) for name in ("service", "region", "host", "endpoint", "model")
        }
        self.catalogues: Counter[str] = Counter()
        self.policies: Counter[str] = Counter()
        self._told: defaultdict[tuple[Outcome, str], _Told] = defaultdict(_Told)

    def add(self, kind: Kind, judge: Judge) -> None:
        calls, became, model = kind.number, outcome(kind), kind.snapshot or kind.requested
        decision = judge.judge(kind)
        self.outcomes[became] += calls
        self.required.update(listed(kind.required))
        self.violations += calls if kind.violation == "true" else 0
        self.days[kind.day][became] += calls
        for dimension, name in zip(
            self.by, (kind.service, kind.region, kind.host, kind.endpoint, model), strict=True
        ):
            self.by[dimension][name][became] += calls
        self.catalogues[kind.catalogue] += calls
        self.policies[kind.policy] += calls
        if became in TOLD:
            code, *others = listed(kind.reasons) or ("",)
            told = self._told[became, code]
            told.calls += calls
            told.days.add(kind.day)
            told.also.update(dict.fromkeys(others, calls))
            told.catalogues[kind.catalogue] += calls
            told.places[kind.service, kind.host, kind.region, kind.endpoint, model] += calls
            if decision is not None and len(told.details) < _DETAILS:
                found = [each.detail for each in decision.findings if each.reason == code]
                told.details |= dict.fromkeys(found)

    def told(self, catalogue: Catalogue) -> tuple[Finding, ...]:
        """The findings: the worst outcome first, of it the most calls."""
        found = [told.finding(became, code, catalogue) for (became, code), told in self._told.items()]
        order = [*map(str, TOLD)]
        return tuple(sorted(found, key=lambda each: (order.index(each.outcome), -each.calls, each.reason)))

    def periods(self) -> tuple[str, tuple[Period, ...]]:
        """The calls by day, or by week or month where days are too many; none is left out between."""
        if not self.days:
            return "day", ()
        first, last = (date.fromisoformat(each) for each in (min(self.days), max(self.days)))
        length = (last - first).days
        step = "day" if length <= _DAYS else "week" if length <= _WEEKS else "month"
        found: dict[str, Counter[str]] = {}
        for number in range(length + 1):
            found.setdefault(_start(first + timedelta(number), step), Counter())
        for day, counted in self.days.items():
            found[_start(date.fromisoformat(day), step)] += counted
        return step, tuple(Period(start, _ordered(counted)) for start, counted in found.items())


def _start(day: date, step: str) -> str:
    """The first day of the day, week or month that a day lies in."""
    if step == "month":
        return day.replace(day=1).isoformat()
    return (day - timedelta(day.weekday()) if step == "week" else day).isoformat()


def _ordered(counted: Mapping[str, int]) -> Counts:
    return {str(each): counted[each] for each in Outcome if counted.get(each)}


def _name(catalogue: Catalogue, code: str) -> str:
    """What the vendor calls a region, by the newest table that has it."""
    named = (each.regions[code].name for each in reversed(catalogue.revisions) if code in each.regions)
    return next(named, code)


def _shares(counted: Mapping[str, Mapping[str, int]]) -> tuple[Share, ...]:
    shares = [Share(name, sum(each.values()), _ordered(each)) for name, each in counted.items()]
    return tuple(sorted(shares, key=lambda share: (-share.calls, share.name)))


def _sources(
    catalogue: Catalogue, code: str, tables: Iterable[str], places: Iterable[Sequence[str]]
) -> Iterator[str]:
    """Where the rule of a finding was read, as far as it concerns these tables and places."""
    revisions = {each.id: each for each in catalogue.revisions}
    asked = [revisions.get(name) for name in tables]
    for _, host, _, endpoint, model in places if code in REASONS else ():
        facts = CallFacts(date.min, "POST", (Hop("https", host, None, endpoint, payload=True),), model=model)
        for revision in asked:
            found = sources_for(code, facts, catalogue, revision) or sources_of(code, catalogue, revision)
            yield from (each.cited for each in found)


def _tables(catalogue: Catalogue, used: Mapping[str, int]) -> tuple[Table, ...]:
    known = {each.id: each for each in catalogue.revisions}
    tables = []
    for name, calls in sorted(used.items()):
        revision = known.get(name)
        if revision is None:
            tables.append(Table(name, calls, "", "not known here", ()))
            continue
        sources = tuple(each.cited for each in table_sources(catalogue, revision))
        tables.append(Table(name, calls, revision.effective_from.isoformat(), revision.completeness, sources))
    return tuple(tables)


def _policies(documents: Mapping[str, str], used: Mapping[str, int]) -> tuple[PolicyUse, ...]:
    uses: list[PolicyUse] = []
    for name, calls in sorted(used.items(), key=lambda each: -each[1]):
        policy = known_policy(documents.get(name))
        if policy is None:
            uses.append(PolicyUse(name, calls, (), "", (), known=False))
            continue
        stated = ((each, said.reference) for each, said in policy.attest.items() if said.value)
        uses.append(PolicyUse(name, calls, policy.require, policy.scope, tuple(stated), known=True))
    return tuple(uses)
