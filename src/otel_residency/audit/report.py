"""The report as data: what was recorded, counted and judged again, and what is missing."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from itertools import chain as chained
from typing import NamedTuple

from otel_residency.audit import gaps, sql
from otel_residency.audit.engines import Input, RecordSource
from otel_residency.audit.findings import ReportFinding
from otel_residency.audit.outcomes import Counts, ordered
from otel_residency.audit.read import UnreadLine
from otel_residency.audit.replay import PolicyFor, Replay, ReplayJudge, recorded_policy
from otel_residency.audit.rows import FOREIGN_SPAN, LEDGER, LOG, SPAN
from otel_residency.audit.sql import CounterReading, Kind, WriterRecords
from otel_residency.audit.tally import CallTally, ExceptionUse, Period, Share
from otel_residency.catalogue.citations import table_sources
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.policy import Statement
from otel_residency.telemetry import names
from otel_residency.version import __version__


class Table(NamedTuple):
    """A revision of the catalogue that calls were judged by, and where it was read."""

    id: str
    calls: int
    effective_from: str
    completeness: str
    sources: tuple[str, ...]
    """As they are cited: its own, and those of the tables that it takes the rest over from."""


class PolicyUse(NamedTuple):
    """A policy that calls were judged by; of one that was not recorded there is only the hash."""

    hash: str
    calls: int
    require: tuple[str, ...]
    scope: str
    attestations: tuple[tuple[str, str], ...]
    """Those it states, each with its reference."""
    known: bool


class AuditReport(NamedTuple):
    """All that a report says."""

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
    """Calls that violate the policy, those that were blocked among them."""
    unrecorded_violations: int
    """More of them, which only events or counters report."""
    step: str
    """`day`, `week` or `month`."""
    periods: tuple[Period, ...]
    by: Mapping[str, tuple[Share, ...]]
    findings: tuple[ReportFinding, ...]
    gaps: tuple[gaps.Gap, ...]
    replay: Replay
    tables: tuple[Table, ...]
    policies: tuple[PolicyUse, ...]
    exceptions: tuple[ExceptionUse, ...]
    inputs: tuple[Input, ...]
    unread: tuple[UnreadLine, ...]


def make_report(
    source: RecordSource,
    catalogue: Catalogue,
    now: datetime,
    *,
    since: date | None = None,
    until: date | None = None,
    what_if: PolicyFor | None = None,
    chain: Sequence[gaps.Gap] = (),
) -> AuditReport:
    """Query the records, and put the report together.

    Args:
        source: the records.
        catalogue: the tables to judge them again by.
        now: when the report is made.
        since: the first day to report on, UTC.
        until: the last day.
        what_if: another policy; the report then shows what it would have blocked.
        chain: problems that verifying the ledgers has found.
    """
    days_of: dict[str, set[tuple[str, str]]] = {LOG: set(), SPAN: set(), FOREIGN_SPAN: set()}
    for signal, service, day in source.query(sql.SERVICES):
        days_of[LOG if signal == LEDGER else signal].add((service, day))
    documents = {name: document for name, document in source.query(sql.POLICIES) if document}
    judge = ReplayJudge(catalogue, documents, what_if)
    tally = CallTally()
    activity = gaps.ServiceActivity()
    foreign: Counter[tuple[str, str]] = Counter()
    for values in chained(source.query(sql.kinds(since, until)), source.query(sql.span_kinds(since, until))):
        kind = Kind._make(values)
        if kind.event == names.EVENT_VIOLATION:
            activity.add_violation_events(kind)
        elif not _counts(kind, days_of):
            continue
        elif kind.signal == FOREIGN_SPAN and not kind.verdict:
            foreign[kind.service, kind.host] += kind.number
        else:
            activity.add_calls(kind)
            tally.add(kind, judge.judge(kind))
    for values in source.query(sql.counters(since, until)):
        activity.add_counter(CounterReading._make(values), since)
    step, periods = tally.periods()
    first_day, last_day = str(since or ""), str(until or "")
    first, last = min(tally.days, default=""), max(tally.days, default="")
    return AuditReport(
        version=__version__,
        made=now.isoformat(timespec="seconds"),
        asked=(first_day, last_day),
        first=first,
        last=last,
        calls=sum(tally.outcomes.values()),
        required={code: _region_name(catalogue, code) for code in sorted(tally.required)},
        outcomes=ordered(tally.outcomes),
        violations=tally.violations,
        unrecorded_violations=activity.unrecorded_violations,
        step=step,
        periods=periods,
        by=tally.by,
        findings=tally.findings.findings(catalogue),
        gaps=gaps.shortened(
            (
                *gaps.of_foreign(foreign),
                *chain,
                *activity.gaps(last, {service for service, _ in days_of[LOG]}),
                *gaps.of_writers(map(WriterRecords._make, source.query(sql.WRITERS))),
                *gaps.of_period(first_day, last_day, first, last, now.date()),
                *gaps.of_tables(catalogue, tally.catalogues, last),
                *gaps.of_inputs(source.inputs),
            )
        ),
        replay=judge.result(),
        tables=tuple(_tables(catalogue, tally.catalogues)),
        policies=tuple(_policies(documents, tally.policies)),
        exceptions=tally.exceptions(),
        inputs=source.inputs,
        unread=source.unread,
    )


def _counts(kind: Kind, days_of: Mapping[str, AbstractSet[tuple[str, str]]]) -> bool:
    """Whether calls of a kind count, given the services and days for which each signal has records.

    A span without a verdict ended before its call was judged: where there are records, one of them is that
    call. Another library's span that the export gate judged counts only where there is nothing else.
    """
    when = kind.service, kind.day
    if kind.signal == SPAN:
        return bool(kind.verdict) or when not in days_of[LOG]
    return kind.signal == LOG or when not in days_of[LOG] | days_of[SPAN]


def _region_name(catalogue: Catalogue, code: str) -> str:
    """The vendor's name of a region, by the newest table that has it."""
    named = (each.regions[code].name for each in reversed(catalogue.revisions) if code in each.regions)
    return next(named, code)


def _tables(catalogue: Catalogue, used: Mapping[str, int]) -> Iterator[Table]:
    revisions = {each.id: each for each in catalogue.revisions}
    for name, calls in sorted(used.items()):
        revision = revisions.get(name)
        yield Table(
            id=name,
            calls=calls,
            effective_from=revision.effective_from.isoformat() if revision else "",
            completeness=revision.completeness if revision else "not known here",
            sources=tuple(each.cited for each in table_sources(catalogue, revision)) if revision else (),
        )


def _policies(documents: Mapping[str, str], used: Mapping[str, int]) -> Iterator[PolicyUse]:
    for name, calls in sorted(used.items(), key=lambda each: -each[1]):
        policy = recorded_policy(documents.get(name))
        stated = policy.attest.items() if policy else ()
        yield PolicyUse(
            hash=name,
            calls=calls,
            require=policy.require if policy else (),
            scope=policy.scope if policy else "",
            attestations=tuple((term, _reference(each)) for term, each in stated if each.value),
            known=policy is not None,
        )


def _reference(statement: Statement) -> str:
    end = f"until {statement.until}" if statement.until is not None else ""
    return ", ".join(filter(None, (statement.reference, end)))
