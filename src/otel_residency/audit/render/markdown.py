"""The report as Markdown, with the sections of the page."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from otel_residency.audit import phrases
from otel_residency.audit.findings import ReportFinding
from otel_residency.audit.outcomes import Outcome
from otel_residency.audit.render import wording
from otel_residency.audit.report import AuditReport

_ROWS = 40


def as_markdown(report: AuditReport) -> str:
    """The report for a wiki or an issue."""
    return "\n\n".join(part for part in _parts(report) if part) + "\n"


def _parts(report: AuditReport) -> Iterator[str]:
    cited = wording.sources(report)
    yield "# Data residency report"
    yield f"**{_escaped(wording.answer(report))}**"
    yield wording.limits_in_short(report)
    yield f"Made on {report.made} by otel-residency {report.version}."
    yield "## 1 The answer in numbers"
    numbers = [
        (
            wording.LABELS[each],
            phrases.number(count),
            phrases.share(count, report.calls),
            wording.MEANINGS[each],
        )
        for each, count in report.outcomes.items()
    ]
    yield _table(("Outcome", "Calls", "Share", "What it means"), numbers)
    yield "## 2 Over time"
    shown = [each for each in Outcome if each in report.outcomes]
    periods = [
        (period.start, *(phrases.number(period.outcomes.get(each, 0)) for each in shown))
        for period in report.periods
    ]
    yield _table((report.step.capitalize(), *(wording.LABELS[each] for each in shown)), periods)
    yield "## 3 By service, region, host, endpoint and model"
    for dimension, shares in report.by.items():
        rows = [
            (
                each.name or "not named",
                phrases.number(each.calls),
                *(phrases.number(each.outcomes.get(outcome, 0)) for outcome in shown),
            )
            for each in shares[:_ROWS]
        ]
        yield _table(
            (wording.DIMENSIONS[dimension], "Calls", *(wording.LABELS[each] for each in shown)), rows
        )
    yield "## 4 Findings"
    if not report.findings:
        yield "None."
    for finding in report.findings:
        yield from _finding(finding, cited)
    yield "## 5 What the records do not show"
    yield _list(gap.text for gap in report.gaps) or "No gap was found."
    yield _list(f"{each.path}, line {each.line}: {each.reason}" for each in report.unread)
    yield "## 6 Judged again"
    yield wording.replayed(report.replay)
    yield _list(map(wording.difference, report.replay.differences))
    if report.replay.what_if is not None:
        yield "### What the other policy would have blocked"
        stopped = [
            (each.service, each.host, each.endpoint, each.model, ", ".join(each.reasons), str(each.calls))
            for each in report.replay.what_if[:_ROWS]
        ]
        head = ("Service", "Host", "Endpoint", "Model", "Because", "Calls")
        yield _table(head, stopped) or "No further call."
    yield "## 7 Tables, policies and records"
    tables = [
        (
            each.id,
            each.effective_from,
            ", the rest ".join(f"[{cited[text]}]" for text in each.sources),
            each.completeness,
            phrases.number(each.calls),
        )
        for each in report.tables
    ]
    yield _table(("Table", "In force from", "Source", "Completeness", "Calls"), tables)
    yield "Where the tables and the rules of the findings were read:"
    yield "\n".join(f"{number}. {_escaped(text)}" for text, number in cited.items())
    policies = [
        (
            each.hash,
            ", ".join(each.require) or ("nothing" if each.known else "not recorded"),
            "; ".join(
                f"{wording.term(name)}: {reference or 'no reference'}"
                for name, reference in each.attestations
            ),
            str(each.calls),
        )
        for each in report.policies
    ]
    yield _table(("Policy", "Requires", "States about your contract, by reference", "Calls"), policies)
    if report.exceptions:
        yield "Calls under an exception of the policy:"
        exceptions = [
            (
                each.owner,
                each.reason or "not recorded",
                ", ".join(name or "not named" for name in each.services),
                wording.when(each.first, each.last),
                wording.outcomes(each.outcomes),
                str(each.calls),
            )
            for each in report.exceptions
        ]
        yield _table(("Owner", "Reason", "Services", "When", "Outcomes", "Calls"), exceptions)
    inputs = [(each.name, str(each.lines), str(each.others), str(each.unread)) for each in report.inputs]
    yield _table(("Read", "Lines", "Other lines", "Not readable"), inputs)
    yield "## 8 Method and limits"
    yield from map(_escaped, wording.METHOD)
    yield _list(wording.LIMITS)


def _finding(finding: ReportFinding, cited: Mapping[str, int]) -> Iterator[str]:
    title = f"{wording.LABELS[finding.outcome].capitalize()}: {finding.meaning}"
    yield f"### {_escaped(title)}"
    when = f"{wording.calls(finding.calls)} {wording.when(finding.first, finding.last)}, `{finding.reason}`."
    rule = f"Rests on {wording.rests_on(finding)}; tables {', '.join(finding.catalogues)}."
    details = f"Found: {'; '.join(finding.details)}." if finding.details else ""
    numbers = ", ".join(f"[{cited[text]}]" for text in finding.sources)
    sources = f"Source: {numbers} of section 7." if numbers else ""
    yield " ".join(filter(None, (when, _escaped(details), _escaped(finding.fix), rule, _escaped(sources))))
    places = [
        (each.service, f"{each.host} ({each.region})", each.endpoint, each.model, str(each.calls))
        for each in finding.places
    ]
    yield _table(("Service", "Host (region)", "Endpoint", "Model", "Calls"), places)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)


def _list(texts: Iterable[str]) -> str:
    return "\n".join(f"* {_escaped(text)}" for text in texts)


def _escaped(text: str) -> str:
    """`text` with its markup escaped: names of services and models may contain any character."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(text.split()))
