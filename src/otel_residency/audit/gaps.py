"""What the records do not show: silence, missing numbers, calls that nobody judged, old tables."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from itertools import pairwise
from typing import Any, Final, NamedTuple

from otel_residency.audit.engines import Input
from otel_residency.audit.rows import LOG
from otel_residency.audit.sql import Counted, Kind
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.decide import STALE_AFTER

_ENOUGH_DAYS: Final = 7
"""Days with calls after which a service has a rhythm of its own."""
_LONGER: Final = 2
_SHORTEST: Final = 3
_USUAL: Final = 0.9
_TOLD: Final = 50


class Gap(NamedTuple):
    """Something that the records do not show, in a sentence."""

    kind: str
    """`silent`, `sequence`, `dropped`, `chain`, `sampled`, `missing`, `foreign`, `period`, `table` or
    `input`."""
    text: str


UNVERIFIED: Final = Gap("chain", "Whether a record was altered was not checked: --verify does that.")


class Seen:
    """What is known of the calls of each service, from wherever it is known."""

    def __init__(self) -> None:
        """Know of no service yet."""
        self._days: defaultdict[str, set[str]] = defaultdict(set)
        self._calls: Counter[str] = Counter()
        self._violating: Counter[str] = Counter()
        self._by_trace: Counter[str] = Counter()
        self._events: Counter[str] = Counter()
        self._counted: Counter[str] = Counter()
        self._counted_violating: Counter[str] = Counter()

    def called(self, kind: Kind) -> None:
        """Take note of calls that the report counts."""
        self._days[kind.service].add(kind.day)
        self._calls[kind.service] += kind.number
        self._violating[kind.service] += kind.number if kind.violation == "true" else 0
        self._by_trace[kind.service] += kind.number if kind.signal != LOG else 0

    def violated(self, kind: Kind) -> None:
        """Take note of events that tell of a violation, whether the call was recorded or not."""
        self._events[kind.service] += kind.number

    def counted(self, counted: Counted, since: date | None) -> None:
        """Take note of a counter of calls.

        Of one that began before the first day, what it had counted when it was first told of is not of
        these days.
        """
        first = str(since) if since else min(self._days[counted.service], default="")
        before = counted.lowest if counted.started < first else 0
        number = counted.added + counted.highest - before
        self._counted[counted.service] += number
        self._counted_violating[counted.service] += number if counted.violation == "true" else 0

    @property
    def unrecorded_violations(self) -> int:
        """Violations that only an event or a counter tells of."""
        told = {*self._events, *self._counted_violating}
        return sum(
            max(0, self._events[each] - known, self._counted_violating[each] - known)
            for each, known in ((each, self._violating[each]) for each in told)
        )

    def gaps(self, last: str, recorded: AbstractSet[str]) -> Iterator[Gap]:
        """Services that fell silent, that are known by their traces alone, or whose calls are missing.

        Args:
            last: the last day of which anything is known.
            recorded: services that keep a ledger.
        """
        for service, days in sorted(self._days.items()):
            for began, ended in _silences(sorted(days), last):
                back = f"until {ended}" if ended else f"to the end of the records, {last}"
                usual = "longer than it usually is"
                yield Gap("silent", f"{_named(service)}: no call after {began} {back}, {usual}.")
        for service, calls in sorted(self._by_trace.items()):
            alone = "known by its traces alone, without a ledger; what was sampled away is not in this report"
            if service in recorded:
                alone = f"{calls} calls are known by their traces alone, its ledgers have no record of them"
            if calls:
                yield Gap("sampled", f"{_named(service)}: {alone}.")
        for service, events in sorted(self._events.items()):
            missing = events - self._violating[service]
            if missing > 0:
                yield Gap(
                    "missing",
                    f"{_named(service)}: {events} events tell of violations, and {missing} of these calls "
                    "are not recorded.",
                )
        for service, counted in sorted(self._counted.items()):
            missing = counted - self._calls[service]
            violating = self._counted_violating[service] - self._violating[service]
            if missing > 0 or violating > 0:
                yield Gap(
                    "missing",
                    f"{_named(service)}: its counters tell of {counted} calls, "
                    f"{max(missing, 0)} more than are recorded, and of {max(violating, 0)} more violations.",
                )


def _silences(days: Sequence[str], last: str) -> Iterator[tuple[str, str]]:
    """Last day before a silence, and the day that ended it, if one did."""
    if len(days) < _ENOUGH_DAYS:
        return
    dates = [date.fromisoformat(day) for day in days]
    steps = [(after - before).days for before, after in pairwise(dates)]
    longest = max(_LONGER * sorted(steps)[int(_USUAL * (len(steps) - 1))], _SHORTEST)
    for number, step in enumerate(steps):
        if step >= longest:
            yield days[number], days[number + 1]
    if (date.fromisoformat(last) - dates[-1]).days >= longest:
        yield days[-1], ""


def of_writers(rows: Iterable[Sequence[Any]]) -> Iterator[Gap]:
    """Ledgers whose numbers are not complete, or that say that they lost something."""
    for writer, service, number, lowest, highest, lost in rows:
        named = f"{_named(service)}, writer {writer[:12]}"
        missing = highest + 1 - number
        if missing > 0:
            where = f", the first {lowest} among them" if lowest > 0 else ""
            yield Gap(
                "sequence",
                f"{named}: {missing} of {highest + 1} records are not in what was read{where}.",
            )
        elif missing < 0:
            yield Gap("sequence", f"{named}: {-missing} records were read twice, and are counted twice.")
        if lost:
            yield Gap("dropped", f"{named}: {lost} records could not be written; it says so itself.")


def of_foreign(calls: Mapping[tuple[str, str], int]) -> Iterator[Gap]:
    """Services that call a vendor and tell nothing of it to us."""
    for (service, host), number in sorted(calls.items()):
        yield Gap(
            "foreign",
            f"{_named(service)}: traces of others show {number} requests to {host}; nobody judged them.",
        )


def of_period(asked: tuple[str, str], first: str, last: str, today: date) -> Iterator[Gap]:
    """Days that were asked for and of which there is no record."""
    since, until = asked
    if until:
        until = min(until, today.isoformat())
    if not first:
        yield Gap("period", "There is no record of a call. That is no proof that none was made.")
        return
    if since and first > since:
        yield Gap("period", f"Asked for from {since} on; the first record is of {first}.")
    if until and last < until:
        yield Gap("period", f"Asked for until {until}; the last record is of {last}.")


def of_tables(catalogue: Catalogue, used: Mapping[str, int], last: str) -> Iterator[Gap]:
    """Tables that are old, or only partly known."""
    known = {each.id: each for each in catalogue.revisions}
    for name, calls in sorted(used.items()):
        revision = known.get(name)
        if revision is None:
            yield Gap("table", f"{calls} calls name the table {name or 'of no name'}, unknown here.")
        elif not revision.completeness.startswith("complete"):
            why = revision.completeness.removeprefix("PARTIAL: ")
            yield Gap("table", f"The table {name} is known in part only: {why}.")
    checked = catalogue.entries.generated
    if checked and last and (date.fromisoformat(last) - checked).days > STALE_AFTER:
        age = (date.fromisoformat(last) - checked).days
        yield Gap("table", f"The tables were last checked on {checked}, {age} days before the last call.")


def of_inputs(inputs: Iterable[Input]) -> Iterator[Gap]:
    """Files with lines that could not be read."""
    for each in inputs:
        if each.unread:
            yield Gap("input", f"{each.name}: {each.unread} of {each.lines} lines could not be read.")


def shortened(found: Iterable[Gap]) -> tuple[Gap, ...]:
    """The first gaps of each kind, and how many more there are."""
    by_kind: dict[str, list[Gap]] = {}
    for gap in found:
        by_kind.setdefault(gap.kind, []).append(gap)
    kept = []
    for kind, each in by_kind.items():
        kept += each[:_TOLD]
        if len(each) > _TOLD:
            kept.append(Gap(kind, f"And {len(each) - _TOLD} more of this kind."))
    return tuple(kept)


def _named(service: str) -> str:
    return service or "a service without a name"
