"""The report as Markdown, with the sections of the page."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from otel_residency.audit.render import words
from otel_residency.audit.report import Finding, Outcome, Report

_ROWS = 40


def as_markdown(report: Report) -> str:
    """The report for a wiki or an issue."""
    return "\n\n".join(part for part in _parts(report) if part) + "\n"


def _parts(report: Report) -> Iterator[str]:
    cited = words.sources(report)
    yield "# Data residency report"
    yield f"**{_plain(words.answer(report))}**"
    yield words.limits_in_short(report)
    yield f"Made on {report.made} by otel-residency {report.version}."
    yield "## 1 The answer in numbers"
    numbers = [
        (words.LABELS[each], words.number(count), words.share(count, report.calls), words.MEANINGS[each])
        for each, count in report.outcomes.items()
    ]
    yield _table(("Outcome", "Calls", "Share", "What it means"), numbers)
    yield "## 2 Over time"
    shown = [each for each in Outcome if each in report.outcomes]
    periods = [
        (period.start, *(words.number(period.outcomes.get(each, 0)) for each in shown))
        for period in report.periods
    ]
    yield _table((report.step.capitalize(), *(words.LABELS[each] for each in shown)), periods)
    yield "## 3 By service, region, host, endpoint and model"
    for dimension, shares in report.by.items():
        rows = [
            (
                each.name or "not named",
                words.number(each.calls),
                *(words.number(each.outcomes.get(outcome, 0)) for outcome in shown),
            )
            for each in shares[:_ROWS]
        ]
        yield _table((words.DIMENSIONS[dimension], "Calls", *(words.LABELS[each] for each in shown)), rows)
    yield "## 4 Findings"
    if not report.findings:
        yield "None."
    for finding in report.findings:
        yield from _finding(finding, cited)
    yield "## 5 What the records do not show"
    yield _list(gap.text for gap in report.gaps) or "No gap was found."
    yield _list(f"{each.path}, line {each.line}: {each.reason}" for each in report.unread)
    yield "## 6 Judged again"
    yield words.replayed(report.replay)
    yield _list(map(words.difference, report.replay.differences))
    if report.replay.what_if is not None:
        yield "### What the other policy would have stopped"
        stopped = [
            (each.service, each.host, each.endpoint, each.model, ", ".join(each.reasons), str(each.calls))
            for each in report.replay.what_if[:_ROWS]
        ]
        head = ("Service", "Host", "Endpoint", "Model", "Because", "Calls")
        yield _table(head, stopped) or "No further call."
    yield "## 7 What it rests on"
    tables = [
        (
            each.id,
            each.effective_from,
            ", the rest ".join(f"[{cited[text]}]" for text in each.sources),
            each.completeness,
            words.number(each.calls),
        )
        for each in report.tables
    ]
    yield _table(("Table", "In force from", "Source", "Completeness", "Calls"), tables)
    yield "Where the tables and the rules of the findings were read:"
    yield "\n".join(f"{number}. {_plain(text)}" for text, number in cited.items())
    policies = [
        (
            each.hash,
            ", ".join(each.require) or ("nothing" if each.known else "not recorded"),
            "; ".join(
                f"{words.term(name)}: {reference or 'no reference'}" for name, reference in each.attestations
            ),
            str(each.calls),
        )
        for each in report.policies
    ]
    yield _table(("Policy", "Requires", "States about your contract, by reference", "Calls"), policies)
    inputs = [(each.name, str(each.lines), str(each.others), str(each.unread)) for each in report.inputs]
    yield _table(("Read", "Lines", "Of others", "Not readable"), inputs)
    yield "## 8 Method and limits"
    yield from map(_plain, words.METHOD)
    yield _list(words.LIMITS)


def _finding(finding: Finding, cited: Mapping[str, int]) -> Iterator[str]:
    title = f"{words.LABELS[finding.outcome].capitalize()}: {finding.meaning}"
    yield f"### {_plain(title)}"
    when = f"{words.calls(finding.calls)} {words.span(finding.first, finding.last)}, `{finding.reason}`."
    rule = f"Rests on {words.rests_on(finding)}; tables {', '.join(finding.catalogues)}."
    details = f"Found: {'; '.join(finding.details)}." if finding.details else ""
    numbers = ", ".join(f"[{cited[text]}]" for text in finding.sources)
    sources = f"Source: {numbers} of section 7." if numbers else ""
    yield " ".join(filter(None, (when, _plain(details), _plain(finding.fix), rule, _plain(sources))))
    places = [
        (each.service, f"{each.host} ({each.region})", each.endpoint, each.model, str(each.calls))
        for each in finding.places
    ]
    yield _table(("Service", "Host (region)", "Endpoint", "Model", "Calls"), places)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_plain, line))} |" for line in lines)


def _list(texts: Iterable[str]) -> str:
    return "\n".join(f"* {_plain(text)}" for text in texts)


def _plain(text: str) -> str:
    """`text` of others, so that nothing in it is markup."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(text.split()))
