"""What the records do not show: silence, missing numbers, calls that nobody judged, old tables."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from otel_residency.audit.engines import Input
from otel_residency.audit.phrases import count, day, days, number, span
from otel_residency.audit.rows import LOG
from otel_residency.audit.sql import CounterReading, Kind, WriterRecords
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.rules.age import STALE_AFTER

_ENOUGH_DAYS: Final = 7
"""Days with calls after which a service has a usual pause."""
_LONGER: Final = 2
"""How many times as long as the usual pause a silence is, and how many days at least."""
_SHORTEST: Final = 3
_USUAL: Final = 0.9
"""The share of pauses that are usual: weekends are, a holiday once a year is not."""
_LISTED: Final = 50


class Gap(NamedTuple):
    """Something that the records do not show, in a sentence."""

    kind: str
    """`silent`, `sequence`, `dropped`, `chain`, `sampled`, `missing`, `foreign`, `period`, `table` or
    `input`."""
    text: str


UNVERIFIED: Final = Gap("chain", "The ledgers were not checked for changes (pass --verify).")


class ServiceActivity:
    """The calls of each service, by its records and by its other telemetry."""

    def __init__(self) -> None:
        """Begin without any service."""
        self._days: defaultdict[str, set[str]] = defaultdict(set)
        self._calls: Counter[str] = Counter()
        self._violations: Counter[str] = Counter()
        self._trace_calls: Counter[str] = Counter()
        self._violation_events: Counter[str] = Counter()
        self._counter_calls: Counter[str] = Counter()
        self._counter_violations: Counter[str] = Counter()

    def add_calls(self, kind: Kind) -> None:
        """Add calls that the report counts."""
        self._days[kind.service].add(kind.day)
        self._calls[kind.service] += kind.number
        self._violations[kind.service] += kind.number if kind.violation == "true" else 0
        self._trace_calls[kind.service] += kind.number if kind.signal != LOG else 0

    def add_violation_events(self, kind: Kind) -> None:
        """Add events of violations, whether their calls were recorded or not."""
        self._violation_events[kind.service] += kind.number

    def add_counter(self, reading: CounterReading, since: date | None) -> None:
        """Add a counter of calls.

        What a counter had counted before the first day is not in any record. Its lowest value within the days
        comes closest to that, and is subtracted.
        """
        first = str(since) if since else min(self._days[reading.service], default="")
        before = reading.lowest if reading.started < first else 0
        calls = reading.added + reading.highest - before
        self._counter_calls[reading.service] += calls
        self._counter_violations[reading.service] += calls if reading.violation == "true" else 0

    @property
    def unrecorded_violations(self) -> int:
        """Violations that only events or counters report."""
        return sum(
            max(0, self._violation_events[service] - recorded, self._counter_violations[service] - recorded)
            for service in {*self._violation_events, *self._counter_violations}
            for recorded in (self._violations[service],)
        )

    def gaps(self, last: str, recorded: AbstractSet[str]) -> Iterator[Gap]:
        """Services that fell silent, that only have traces, or whose calls are missing.

        Args:
            last: the last day with any call.
            recorded: services with a ledger.
        """
        for service, called in sorted(self._days.items()):
            for text in _silences(sorted(called), last):
                yield Gap("silent", f"{_name(service)} recorded no calls {text}.")
        for service, calls in sorted(self._trace_calls.items()):
            if calls and service in recorded:
                text = f"{count(calls, 'call')} of {_name(service)} are only in traces, not in its ledgers."
                yield Gap("sampled", text)
            elif calls:
                text = (
                    f"{_name(service)} has no ledger: calls whose traces were not sampled are missing here."
                )
                yield Gap("sampled", text)
        for service, events in sorted(self._violation_events.items()):
            missing = events - self._violations[service]
            if missing > 0:
                has = "has" if missing == 1 else "have"
                text = f"{_name(service)} sent {count(events, 'violation event')}"
                yield Gap("missing", f"{text}; {number(missing)} of these calls {has} no record.")
        for service, calls in sorted(self._counter_calls.items()):
            missing = calls - self._calls[service]
            violations = self._counter_violations[service] - self._violations[service]
            if missing > 0 or violations > 0:
                text = f"{_name(service)} counted {count(calls, 'call')}: {number(max(missing, 0))} more than"
                text += f" are recorded, and {count(max(violations, 0), 'violation')} more."
                yield Gap("missing", text)


def _silences(called: Sequence[str], last: str) -> Iterator[str]:
    """When a service made no calls for much longer than usual, given the days on which it did."""
    if len(called) < _ENOUGH_DAYS:
        return
    dates = [date.fromisoformat(text) for text in called]
    pauses = [(after - before).days for before, after in pairwise(dates)]
    # By the pauses of this service: one that rests on weekends is not silent on a Sunday
    # (tests/audit/test_report.py, test_a_service_that_fell_silent_is_reported).
    longest = max(_LONGER * sorted(pauses)[int(_USUAL * (len(pauses) - 1))], _SHORTEST)
    for (before, after), pause in zip(pairwise(dates), pauses, strict=True):
        if pause >= longest:
            first_day, last_day = str(before + timedelta(1)), str(after - timedelta(1))
            yield f"from {span(first_day, last_day)} ({days(pause - 1)})"
    since = (date.fromisoformat(last) - dates[-1]).days
    if since >= longest:
        yield f"after {day(called[-1])} ({days(since)} to the end of the records)"


def of_writers(writers: Iterable[WriterRecords]) -> Iterator[Gap]:
    """Ledgers with missing or repeated numbers, or that report lost records."""
    for each in writers:
        name = f"{_name(each.service)}, process {each.writer[:12]}"
        expected = each.highest + 1
        missing = expected - each.number
        if missing > 0:
            first = f", the first {'one' if each.lowest == 1 else number(each.lowest)} among them"
            text = f"{name}: {number(missing)} of {count(expected, 'record')} {_were(missing)} not read"
            text += f"{first if each.lowest > 0 else ''}."
            yield Gap("sequence", text)
        elif missing < 0:
            repeated = f"{count(-missing, 'record')} too many {_were(-missing)} read"
            text = f"{name}: {repeated}, and {_were(-missing)} counted twice."
            yield Gap("sequence", text)
        if each.dropped:
            text = f"{name}: {count(each.dropped, 'record')} could not be written, as it reports itself."
            yield Gap("dropped", text)


def of_foreign(calls: Mapping[tuple[str, str], int]) -> Iterator[Gap]:
    """Services that call a vendor without this package."""
    for (service, host), requests in sorted(calls.items()):
        text = f"{_name(service)} made {count(requests, 'request')} to {host} without otel-residency"
        yield Gap("foreign", f"{text} (seen in HTTP traces).")


def of_period(since: str, until: str, first: str, last: str, today: date) -> Iterator[Gap]:
    """Days that were asked for without any record."""
    if until:
        until = min(until, today.isoformat())
    if not first:
        yield Gap("period", "No call was recorded. That does not prove that none was made.")
        return
    if since and first > since:
        yield Gap("period", f"Asked for from {day(since)}; the first record is of {day(first)}.")
    if until and last < until:
        yield Gap("period", f"Asked for until {day(until)}; the last record is of {day(last)}.")


def of_tables(catalogue: Catalogue, used: Mapping[str, int], last: str) -> Iterator[Gap]:
    """Tables that are old, or only partly known."""
    revisions = {each.id: each for each in catalogue.revisions}
    for name, calls in sorted(used.items()):
        revision = revisions.get(name)
        if revision is None:
            text = f"{count(calls, 'call')} name the table {name or 'without a name'}, unknown here."
            yield Gap("table", text)
        elif not revision.completeness.startswith("complete"):
            why = revision.completeness.removeprefix("PARTIAL: ")
            yield Gap("table", f"The table {name} is only partly known: {why}.")
    if not last:
        return
    last_day = date.fromisoformat(last)
    revision = catalogue.revision_on(last_day)
    if revision is not None and (age := catalogue.age(revision, last_day)) > STALE_AFTER:
        seen = day(str(catalogue.known_until(revision)))
        text = f"The table {revision.id} was last seen on {seen}, {days(age)} before the last call."
        yield Gap("table", text)


def of_inputs(inputs: Iterable[Input]) -> Iterator[Gap]:
    """Files with lines that could not be read."""
    for each in inputs:
        if each.unread:
            text = f"{each.name}: {number(each.unread)} of {count(each.lines, 'line')} could not be read."
            yield Gap("input", text)


def shortened(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """The first gaps of each kind, and how many more there are."""
    by_kind: defaultdict[str, list[Gap]] = defaultdict(list)
    for gap in gaps:
        by_kind[gap.kind].append(gap)
    listed = []
    for kind, found in by_kind.items():
        listed += found[:_LISTED]
        if len(found) > _LISTED:
            listed.append(Gap(kind, f"And {len(found) - _LISTED} more of this kind."))
    return tuple(listed)


def _name(service: str) -> str:
    return service or "A service without a name"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
