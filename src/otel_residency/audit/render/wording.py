"""The sentences and headings of the report, the same in every form of it."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final

from otel_residency.audit.findings import ReportFinding
from otel_residency.audit.outcomes import Outcome
from otel_residency.audit.phrases import count, days, number, share, span
from otel_residency.audit.render.charts import Chart
from otel_residency.audit.replay import OTHER_TABLE, OUTDATED, SAME_TABLE, Difference, Replay
from otel_residency.audit.report import AuditReport
from otel_residency.core.regions import UNKNOWN

LABELS: Final[Mapping[str, str]] = {
    Outcome.KEPT: "eligible",
    Outcome.CONDITIONAL: "eligible if attested",
    Outcome.NO_CONTENT: "no customer content",
    Outcome.STOPPED: "blocked",
    Outcome.BROKEN: "not eligible",
    Outcome.UNKNOWN: "not known",
    Outcome.NO_PROMISE: "no region required",
}
MEANINGS: Final[Mapping[str, str]] = {
    Outcome.KEPT: "Host, endpoint, model and features are listed by the vendor for a required region.",
    Outcome.CONDITIONAL: "The same holds only if your contract has a term that your policy does not state.",
    Outcome.NO_CONTENT: "The call carried no customer content: lists of models, administration.",
    Outcome.STOPPED: "The call did not meet its requirement, and the violating request was not sent.",
    Outcome.BROKEN: "Something about the call is documented not to stay in a required region.",
    Outcome.UNKNOWN: "Too little is known about the call, or about the table, to decide.",
    Outcome.NO_PROMISE: "The policy required no region for the call.",
}
HEADINGS: Final[Mapping[str, str]] = {
    Outcome.BROKEN: "Calls that did not meet their requirement",
    Outcome.STOPPED: "Calls that were blocked",
    Outcome.UNKNOWN: "Calls that could not be judged",
    Outcome.CONDITIONAL: "Calls that met it only if a contract term holds that the policy does not state",
}
DIMENSIONS: Final[Mapping[str, str]] = {
    "service": "Service",
    "region": "Region reached",
    "host": "Host",
    "endpoint": "Endpoint",
    "model": "Model",
}
_CAUSES: Final[Mapping[str, str]] = {
    OUTDATED: "judged with a table that was outdated by {days}",
    OTHER_TABLE: "judged with another table than the one that was in force",
    SAME_TABLE: "the record's own facts give another verdict by the same table: "
    "another release of this program wrote it, or it was altered",
}
METHOD: Final = (
    """Every call of an instrumented service leaves one record when it ends, whether its trace was sampled or
    not: host, path, model, and what the policy required. Of services without a ledger the traces count.""",
    """Each record has a verdict. It was made at the time of the call, by comparing the call with the vendor's
    own dated table of what is processed or stored in which region. Nothing is estimated.""",
    """For this report each record was judged again from its own facts, by the table that was in force on its
    day. Where that gives another verdict, section 6 says so. All other sections show what was recorded.""",
)
LIMITS: Final = (
    """It does not show where the vendor computed. It shows where the request was sent, and whether the vendor
    lists that combination for the region. No response of the vendor names a region.""",
    """It does not show that your contract says what the policy attests. The attestations are listed with
    their references in section 7, for you to check.""",
    """It does not show calls of processes without this package: other programs, other languages, scripts of a
    single person. Where such calls are found in traces, section 5 names them.""",
    "The tables are those that the vendor published. Section 5 names a table that is only partly known.",
    "It is no legal advice, and never says that something is compliant.",
)
_NAMED: Final = 2
"""Services that the answer names."""


def calls(value: int) -> str:
    """`1 call`, `1 234 calls`."""
    return count(value, "call")


def when(first: str, last: str) -> str:
    """`on 1 May 2026`, or `from 1 May to 4 Jun 2026`."""
    return f"{'on' if first == last else 'from'} {span(first, last)}"


def answer(report: AuditReport) -> str:
    """The answer in a few sentences: what went wrong and where, then the rest of the calls."""
    unrecorded = report.unrecorded_violations
    if not report.calls and unrecorded:
        return f"No call was recorded, but events or counters report {count(unrecorded, 'violation')}."
    if not report.calls:
        return "No call was recorded. That does not prove that none was made."
    return " ".join(_sentences(report))


def _sentences(report: AuditReport) -> Iterator[str]:
    counts, unrecorded = report.outcomes, report.unrecorded_violations
    broken, kept = counts.get(Outcome.BROKEN, 0), counts.get(Outcome.KEPT, 0)
    all_calls, dates = calls(report.calls), span(report.first, report.last)
    if broken:
        recorded = f"{number(broken)} of {count(report.calls, 'recorded call')}"
        what = (
            f"went to a host outside {_region(report)}"
            if broken == _outside(report, Outcome.BROKEN)
            else f"did not meet the requirement to stay in {_region(report)}"
        )
        yield f"{recorded} ({share(broken, report.calls)}, {dates}) {what}, {_services(report)}."
    if unrecorded:
        more = f"{number(unrecorded)} {'more ' if broken else ''}violation{'' if unrecorded == 1 else 's'}"
        yield f"{more} {'is' if unrecorded == 1 else 'are'} reported by events or counters, without a record."
    if not broken and report.required:
        # A call without content or requirement may go anywhere, and a call that is not known may have.
        if len(report.required) == 1 and not unrecorded and _all_inside(report):
            yield f"No recorded call went to a host outside {_region(report)} ({all_calls}, {dates})."
        else:
            required = f"No recorded call that had to stay in {_region(report)}"
            yield f"{required} is known to have gone elsewhere ({all_calls}, {dates})."
    elif not broken:
        yield f"No region was required of the recorded calls ({all_calls}, {dates})."
    listed = f"used a host in {_region(report)} with a listed endpoint and model"
    if kept == report.calls:
        yield f"{listed.replace('used', 'All used', 1)}."
        return
    parts = [f"{number(kept)} ({share(kept, report.calls)}) {listed}"] if kept or report.required else []
    parts += _other_calls(report)
    yield f"{'; '.join(parts)}."


def _other_calls(report: AuditReport) -> Iterator[str]:
    counts = report.outcomes
    elsewhere = _outside(report, Outcome.STOPPED)
    for value, text in (
        (elsewhere, "would have gone elsewhere and {were} blocked before anything was sent there"),
        (counts.get(Outcome.STOPPED, 0) - elsewhere, "did not meet the policy and {were} blocked"),
        (counts.get(Outcome.UNKNOWN, 0), "could not be judged"),
        (
            counts.get(Outcome.CONDITIONAL, 0),
            "met the requirement only if a contract term holds that the policy does not state",
        ),
        (counts.get(Outcome.NO_CONTENT, 0), "carried no customer content"),
        (counts.get(Outcome.NO_PROMISE, 0), "had no region required"),
    ):
        if value:
            yield f"{number(value)} {text.format(were='was' if value == 1 else 'were')}"


def _outside(report: AuditReport, outcome: Outcome) -> int:
    """Calls with an outcome to a host of another region, where the same region was required of all."""
    if len(report.required) != 1:
        return 0
    regions = (each for each in report.by["region"] if each.name not in {*report.required, UNKNOWN})
    return sum(each.outcomes.get(outcome, 0) for each in regions)


def _all_inside(report: AuditReport) -> bool:
    """Whether all calls that were sent went to a required region."""
    return all(
        each.name in report.required or each.calls == each.outcomes.get(Outcome.STOPPED, 0)
        for each in report.by["region"]
    )


def _region(report: AuditReport) -> str:
    """`Europe`, or the codes where several regions were required."""
    match [*report.required.values()]:
        case []:
            return "a required region"
        case [name]:
            return name.partition(" (")[0]
    return f"the required region ({', '.join(report.required)})"


def _services(report: AuditReport) -> str:
    """The services with calls that did not meet their requirement, those with the most calls by name."""
    broken = [(each.outcomes.get(Outcome.BROKEN, 0), each.name) for each in report.by["service"]]
    found = sorted((each for each in broken if each[0]), key=lambda each: -each[0])
    named = [f"{name or 'one without a name'} ({number(value)})" for value, name in found[:_NAMED]]
    if len(found) <= _NAMED:
        return f"in {' and '.join(named)}"
    return f"in {len(found)} of {len(broken)} services, most of them in {' and '.join(named)}"


def limits_in_short(report: AuditReport) -> str:
    """The sentences right below the answer."""
    text = (
        "This rests on what the services recorded of each call and on the vendor's dated tables (section 7). "
        "It says where requests were sent and what these tables list, not where the vendor computed."
    )
    for name in report.required.values():
        region, _, members = name.partition(" (")
        if members:
            text += f" {region} means {members.removesuffix(')')}."
    if any(each.attestations for each in report.policies):
        text += " What the policies state about your contract was taken as true."
    under = sum(each.calls for each in report.exceptions)
    if under:
        text += f" {calls(under)} {'was' if under == 1 else 'were'} made under an exception (section 7)."
    if report.gaps:
        is_one = len(report.gaps) == 1
        text += f" Section 5 names {'a gap' if is_one else f'{len(report.gaps)} gaps'} in the records."
    return text


def outcomes(counts: Mapping[str, int]) -> str:
    """How many calls have each outcome: `4 eligible, 1 blocked`."""
    return ", ".join(f"{number(value)} {LABELS[outcome]}" for outcome, value in counts.items() if value)


def difference(found: Difference) -> str:
    """Calls with another verdict today, as a sentence."""
    cause = _CAUSES[found.cause].format(days=days(found.days))
    tables = (
        f" ({found.judged_by or 'none'} instead of {found.in_force})" if found.cause != SAME_TABLE else ""
    )
    change = f"recorded as {found.was or 'nothing'}, judged again {found.now}"
    return f"{calls(found.calls)} {when(found.first, found.last)}: {cause}{tables}; {change}."


def replayed(replay: Replay) -> str:
    """The result of judging again, but for the differences."""
    was = "was" if replay.judged == 1 else "were"
    sentences = [f"{calls(replay.judged)} {was} judged again, each by the table in force on its day."]
    sentences += [f"{calls(value)} could not be: {why}." for why, value in replay.not_judged.items()]
    if replay.outdated:
        sentences.append(
            f"{calls(replay.outdated)} had been judged with a table that was outdated by up to "
            f"{days(replay.outdated_days)}."
        )
    if replay.judged and not replay.differences:
        sentences.append("All of them give the recorded verdict.")
    return " ".join(sentences)


def drawn(chart: Chart) -> str:
    """A chart in words, for those who can't see it."""
    totals = dict.fromkeys(chart.outcomes, 0)
    for part in chain.from_iterable(bar.parts for bar in chart.bars):
        totals[part.outcome] += part.calls
    text = ", ".join(f"{number(value)} {LABELS[outcome]}" for outcome, value in totals.items())
    return f"from {chart.bars[0].start} to {chart.bars[-1].start}, together {text}"


def sources(report: AuditReport) -> Mapping[str, int]:
    """Every source that is cited, with its number."""
    cited = [each.sources for each in report.tables] + [each.sources for each in report.findings]
    return {text: number for number, text in enumerate(dict.fromkeys(chain.from_iterable(cited)), 1)}


def term(name: str) -> str:
    """The name of an attestation in words: `zero data retention`."""
    return name.replace("_", " ")


def rests_on(finding: ReportFinding) -> str:
    """The rule of a finding, and where it was read."""
    if finding.rule in ("policy", "call"):
        return "the policy" if finding.rule == "policy" else "the call itself"
    section, _, part = finding.rule.partition(".")
    name = (
        f"vendor's dated tables{', ' if part else ''}{part}"
        if section == "revisions"
        else f"list of {section}"
    )
    return f"the {name.replace('_', ' ').replace('.', ', ')}"
