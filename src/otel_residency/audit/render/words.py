"""The words of the report, the same in every form of it."""

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import chain
from typing import Final

from otel_residency.audit.render.charts import Chart
from otel_residency.audit.replay import OTHER_TABLE, OUTDATED, SAME_TABLE, Difference, Replay
from otel_residency.audit.report import Finding, Outcome, Report

LABELS: Final[Mapping[str, str]] = {
    Outcome.KEPT: "kept",
    Outcome.CONDITIONAL: "kept if attested",
    Outcome.NO_CONTENT: "no customer content",
    Outcome.STOPPED: "stopped",
    Outcome.BROKEN: "not kept",
    Outcome.UNKNOWN: "not known",
    Outcome.NO_PROMISE: "nothing required",
}
MEANINGS: Final[Mapping[str, str]] = {
    Outcome.KEPT: "Host, endpoint, model and features are listed by the vendor for a required region.",
    Outcome.CONDITIONAL: "The same holds only if your contract has a term that your policy does not state.",
    Outcome.NO_CONTENT: "The call carried no customer content: lists of models, administration.",
    Outcome.STOPPED: "The call would have broken the promise and was refused before the request left.",
    Outcome.BROKEN: "Something about the call is documented not to stay in a required region.",
    Outcome.UNKNOWN: "Too little is known of the call, or of the table, to say either.",
    Outcome.NO_PROMISE: "No region was required of the call, so that it could keep or break nothing.",
}
HEADINGS: Final[Mapping[str, str]] = {
    Outcome.BROKEN: "Calls that did not keep the promise",
    Outcome.STOPPED: "Calls that were stopped",
    Outcome.UNKNOWN: "Calls that could not be judged",
    Outcome.CONDITIONAL: "Calls that kept it only if a contract term holds that the policy does not state",
}
DIMENSIONS: Final[Mapping[str, str]] = {
    "service": "Service",
    "region": "Region reached",
    "host": "Host",
    "endpoint": "Endpoint",
    "model": "Model",
}
CAUSES: Final[Mapping[str, str]] = {
    OUTDATED: "judged with a table that was outdated by {days}",
    OTHER_TABLE: "judged with another table than the one that was in force",
    SAME_TABLE: "the record's own facts give another answer by the same table: "
    "another release of this program wrote it, or it was altered",
}
METHOD: Final = (
    """Every call that an instrumented service made left one record when it ended, whether its trace was
    kept or not: host, path, model, and what the policy required. Of services without a ledger the traces
    count.""",
    """Each record carries a verdict, made at the time of the call by comparing what was seen with the
    vendor's own dated table of what is processed or stored in which region. Nothing is estimated.""",
    """For this report each record was judged again from its own facts, by the table that was in force on its
    day; where that gives another answer, section 6 says so. All other sections show what was recorded.""",
)
LIMITS: Final = (
    """It does not show where the vendor computed. It shows where the request was sent, and whether the vendor
    lists that combination for the region. No answer of the vendor names a region.""",
    """It does not show that your contract says what the policy attests. The attestations are listed with
    their references in section 7, to be checked by you.""",
    """It does not show calls that no instrumented process made: other programs, other languages, scripts of a
    single person. Where traces of such calls are at hand, section 5 names them.""",
    "The tables are those that the vendor published. Where one was known in part only, it says so.",
    "It is no legal advice, and never says that something is compliant.",
)
_NAMED: Final = 2
"""Services that the answer names."""
_MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def number(value: int) -> str:
    """`1 234 567`, unbroken."""
    return f"{value:,}".replace(",", "\N{NO-BREAK SPACE}")


def calls(count: int) -> str:
    """`1 call`, `1 234 calls`."""
    return f"{number(count)} call{'' if count == 1 else 's'}"


def share(part: int, whole: int) -> str:
    """A part in per cent, never rounded up; only all of it is `100 %`."""
    if not whole:
        return "\N{EN DASH}"
    tenths = part * 1000 // whole
    if part and not tenths:
        return "<\N{NO-BREAK SPACE}0.1\N{NO-BREAK SPACE}%"
    return f"{tenths // 10}{f'.{tenths % 10}' if tenths % 1000 else ''}\N{NO-BREAK SPACE}%"


def day(text: str) -> str:
    """`20 November 2026`."""
    if not text:
        return ""
    told = date.fromisoformat(text)
    return f"{told.day}\N{NO-BREAK SPACE}{_MONTHS[told.month - 1]}\N{NO-BREAK SPACE}{told.year}"


def span(first: str, last: str) -> str:
    """`on 1 May 2026`, or from one day to another."""
    return f"on {day(first)}" if first == last else f"from {day(first)} to {day(last)}"


def days(count: int) -> str:
    """`1 day`, `21 days`, and weeks where these are whole."""
    if count >= 14 and count % 7 == 0:  # noqa: PLR2004
        return f"{count // 7} weeks"
    return f"{count} day{'' if count == 1 else 's'}"


def answer(report: Report) -> str:
    """The answer in one sentence: what is known to have gone wrong and where, then what else there is."""
    if not report.calls:
        return f"No call was recorded. {_no_proof(report.unrecorded_violations)}"
    return "; ".join(_parts(report)) + "."


def _no_proof(violations: int) -> str:
    if violations:
        return f"Yet events or counters tell of {number(violations)} that broke the promise, or would have."
    return "That is no proof that none was made."


def _parts(report: Report) -> Iterator[str]:
    counts = report.outcomes
    recorded = f"{number(report.calls)} recorded call{'' if report.calls == 1 else 's'}"
    when, more = span(report.first, report.last), report.unrecorded_violations
    broken, kept = counts.get(Outcome.BROKEN, 0), counts.get(Outcome.KEPT, 0)
    if broken:
        part = f"{number(broken)} of {recorded} ({share(broken, report.calls)})"
        yield f"{part} {when} did not keep {_promise(report)}, {_services(report)}"
    elif not more:
        yield f"Of {recorded} {when} none is known to have broken {_promise(report)}"
    if more:
        which = (
            f"{number(more)} more broke it" if broken else f"{calls(more)} {when} broke {_promise(report)}"
        )
        yield f"{which}, or would have, without a record: only events or counters tell of it"
    if more and not broken:
        yield f"of {recorded} none is known to have broken it"
    if kept or report.required:
        yield f"{share(kept, report.calls)} kept it as far as host, endpoint and model tell"
    for outcome, told in (
        (Outcome.STOPPED, "would have broken it and {were} stopped before the request left"),
        (Outcome.UNKNOWN, "could not be judged"),
        (Outcome.CONDITIONAL, "kept it only if a contract term holds that the policy does not state"),
        (Outcome.NO_CONTENT, "carried no customer content"),
        (Outcome.NO_PROMISE, "had no region required of {them}"),
    ):
        if count := counts.get(outcome, 0):
            were, them = ("was", "it") if count == 1 else ("were", "them")
            yield f"{number(count)} {told.format(were=were, them=them)}"


def _promise(report: Report) -> str:
    match [*report.required.values()]:
        case []:
            return "a promise"
        case [name]:
            return f"the promise that customer data stays in {name}"
    return f"the promise that customer data stays in the region required of it ({', '.join(report.required)})"


def _services(report: Report) -> str:
    """In which services the promise was broken, those with the most calls by name."""
    broken = [(each.outcomes.get(Outcome.BROKEN, 0), each.name) for each in report.by["service"]]
    found = sorted((each for each in broken if each[0]), key=lambda each: -each[0])
    named = [f"{name or 'one without a name'} ({number(count)})" for count, name in found[:_NAMED]]
    if len(found) <= _NAMED:
        return f"in {' and '.join(named)}"
    return f"in {len(found)} of {len(broken)} services, most of them in {' and '.join(named)}"


def limits_in_short(report: Report) -> str:
    """What stands right below the answer."""
    told = (
        "This rests on what the services recorded of each call and on the vendor's dated tables (section 7). "
        "It says where requests were sent and what these tables list, not where the vendor computed."
    )
    if any(each.attestations for each in report.policies):
        told += " What the policies state about your contract was taken as true."
    if report.gaps:
        one = len(report.gaps) == 1
        gaps = "A gap in the records is" if one else f"{len(report.gaps)} gaps in the records are"
        told += f" {gaps} named in section 5."
    return told


def difference(found: Difference) -> str:
    """Calls that are judged otherwise today, as a sentence."""
    cause = CAUSES[found.cause].format(days=days(found.days))
    tables = (
        f" ({found.judged_by or 'none'} instead of {found.in_force})" if found.cause != SAME_TABLE else ""
    )
    change = f"recorded as {found.was or 'nothing'}, judged again {found.now}"
    return f"{calls(found.calls)} {span(found.first, found.last)}: {cause}{tables}; {change}."


def replayed(replay: Replay) -> str:
    """What came of judging again, but for the differences."""
    told = [f"{calls(replay.judged)} judged again, each by the table that was in force on its day."]
    told += [f"{calls(count)} could not be: {why}." for why, count in replay.not_judged.items()]
    if replay.outdated:
        told.append(
            f"{calls(replay.outdated)} had been judged with a table that was outdated by up to "
            f"{days(replay.outdated_days)}."
        )
    if replay.judged and not replay.differences:
        told.append("Every one of them gives the answer that was recorded.")
    return " ".join(told)


def drawn(chart: Chart) -> str:
    """A chart in words, for those who don't see it."""
    totals = dict.fromkeys(chart.outcomes, 0)
    for part in chain.from_iterable(bar.parts for bar in chart.bars):
        totals[part.outcome] += part.calls
    told = ", ".join(f"{number(count)} {LABELS[outcome]}" for outcome, count in totals.items())
    return f"from {chart.bars[0].start} to {chart.bars[-1].start}, together {told}"


def sources(report: Report) -> Mapping[str, int]:
    """Every source that is cited, with its number."""
    cited = [each.sources for each in report.tables] + [each.sources for each in report.findings]
    return {text: number for number, text in enumerate(dict.fromkeys(chain.from_iterable(cited)), 1)}


def term(name: str) -> str:
    """The name of an attestation as it is read: `zero data retention`."""
    return name.replace("_", " ")


def rests_on(finding: Finding) -> str:
    """The rule of a finding, and where it was read."""
    if finding.rule in ("policy", "call"):
        return "the policy" if finding.rule == "policy" else "the call itself"
    section, _, part = finding.rule.partition(".")
    named = (
        f"vendor's dated tables{', ' if part else ''}{part}"
        if section == "revisions"
        else f"list of {section}"
    )
    return f"the {named.replace('_', ' ').replace('.', ', ')}"
