"""The findings of a report: calls with one outcome and the same worst reason, and where its rule was read."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final, NamedTuple

from otel_residency.audit.outcomes import EXPLAINED, Counts, Outcome
from otel_residency.audit.rows import listed
from otel_residency.audit.sql import Kind
from otel_residency.catalogue.citations import sources_for, sources_of
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.facts import CallFacts, Hop
from otel_residency.core.reasons import REASONS
from otel_residency.core.verdict import Decision

_EXAMPLES: Final = 10
"""Places that are listed with each finding; the rest are counted."""
_DETAILS: Final = 3


class FindingPlace(NamedTuple):
    """Where calls of a finding were made, and how many."""

    service: str
    host: str
    region: str
    endpoint: str
    model: str
    calls: int = 0


class ReportFinding(NamedTuple):
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
    """The tables that the calls were judged by."""
    sources: tuple[str, ...]
    """Where the rule was read, as it is cited."""
    places: tuple[FindingPlace, ...]
    more_places: int


class FindingCounts:
    """Counts the calls of every finding."""

    def __init__(self) -> None:
        self._findings: defaultdict[tuple[Outcome, str], _FindingCount] = defaultdict(_FindingCount)

    def add(self, kind: Kind, outcome: Outcome, decision: Decision | None) -> None:
        """Count calls of one kind; `decision` is the result of judging them again."""
        if outcome in EXPLAINED:
            reason, *also = listed(kind.reasons) or ("",)
            self._findings[outcome, reason].add(kind, reason, also, decision)

    def findings(self, catalogue: Catalogue) -> tuple[ReportFinding, ...]:
        """The findings: the worst outcome first, then the one with the most calls."""
        found = [
            count.finding(outcome, reason, catalogue) for (outcome, reason), count in self._findings.items()
        ]
        order = [*map(str, EXPLAINED)]
        return tuple(sorted(found, key=lambda each: (order.index(each.outcome), -each.calls, each.reason)))


class _FindingCount:
    """The calls of one finding so far."""

    def __init__(self) -> None:
        self.calls = 0
        self.days: set[str] = set()
        self.also: Counter[str] = Counter()
        self.details: dict[str, None] = {}
        self.catalogues: Counter[str] = Counter()
        self.places: Counter[FindingPlace] = Counter()

    def add(self, kind: Kind, reason: str, also: Iterable[str], decision: Decision | None) -> None:
        self.calls += kind.number
        self.days.add(kind.day)
        self.also.update(dict.fromkeys(also, kind.number))
        self.catalogues[kind.catalogue] += kind.number
        place = FindingPlace(
            service=kind.service,
            host=kind.host,
            region=kind.region,
            endpoint=kind.endpoint,
            model=kind.model,
        )
        self.places[place] += kind.number
        if decision is not None and len(self.details) < _DETAILS:
            found = [finding.detail for finding in decision.findings if finding.reason == reason]
            self.details |= dict.fromkeys(found)

    def finding(self, outcome: Outcome, code: str, catalogue: Catalogue) -> ReportFinding:
        reason = REASONS.get(code)
        places = [place._replace(calls=calls) for place, calls in self.places.most_common(_EXAMPLES)]
        return ReportFinding(
            outcome=outcome.value,
            reason=code,
            meaning=reason.meaning if reason else "The record names no reason that this release knows.",
            fix=reason.fix if reason else "",
            rule=reason.source if reason else "call",
            calls=self.calls,
            first=min(self.days),
            last=max(self.days),
            also=dict(self.also.most_common()),
            details=tuple(self.details)[:_DETAILS],
            catalogues=tuple(self.catalogues),
            sources=tuple(dict.fromkeys(_sources(catalogue, code, self.catalogues, places))),
            places=tuple(places),
            more_places=len(self.places) - len(places),
        )


def _sources(
    catalogue: Catalogue, code: str, tables: Iterable[str], places: Iterable[FindingPlace]
) -> Iterator[str]:
    """Where the rule of a finding was read, as far as it concerns these tables and places."""
    revisions = {each.id: each for each in catalogue.revisions}
    judged_by = [revisions.get(name) for name in tables]
    for place in places if code in REASONS else ():
        hop = Hop(scheme="https", host=place.host, port=None, path=place.endpoint, payload=True)
        facts = CallFacts(on=date.min, method="POST", hops=(hop,), model=place.model)
        for revision in judged_by:
            found = sources_for(code, facts, catalogue, revision) or sources_of(code, catalogue, revision)
            yield from (each.cited for each in found)
