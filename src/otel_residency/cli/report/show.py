"""The report as people read it in a terminal."""

from collections.abc import Iterator, Mapping
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from otel_residency.audit import phrases
from otel_residency.audit.outcomes import Outcome
from otel_residency.audit.render import wording
from otel_residency.audit.report import AuditReport
from otel_residency.cli.console import as_lines, console, is_unicode

_STYLES: Final[Mapping[str, str]] = {
    Outcome.KEPT: "green",
    Outcome.CONDITIONAL: "yellow",
    Outcome.STOPPED: "blue",
    Outcome.BROKEN: "bold red",
    Outcome.UNKNOWN: "yellow",
}
_SERVICES: Final = 15
_GAPS: Final = 10


def as_text(report: AuditReport) -> str:
    """The answer, the numbers, findings and gaps; the other forms say more."""
    out = console()
    lines = as_lines(out, *_parts(report))
    return lines if is_unicode(out) else lines.replace("\N{NO-BREAK SPACE}", " ")


def _parts(report: AuditReport) -> Iterator[RenderableType]:
    yield Text(wording.answer(report), style="bold")
    yield Text(wording.limits_in_short(report))
    if not report.calls:
        return
    yield _services(report)
    if report.findings:
        yield Group(*_findings(report))
    yield Text(wording.replayed(report.replay))
    if report.replay.differences:
        yield Group(*(Text(wording.difference(each), style="red") for each in report.replay.differences))
    if report.replay.what_if is not None:
        stopped = sum(each.calls for each in report.replay.what_if)
        yield Text(f"The other policy would have blocked {wording.calls(stopped)} more.")
    if report.gaps:
        more = len(report.gaps) - _GAPS
        gaps = [f"gap: {gap.text}" for gap in report.gaps[:_GAPS]]
        yield Group(*map(Text, gaps), *([Text(f"and {more} more gaps")] if more > 0 else []))


def _services(report: AuditReport) -> Table:
    shown = [each for each in Outcome if each in report.outcomes]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
    table.add_column("service", overflow="fold")
    for name in ("calls", *(wording.LABELS[each] for each in shown)):
        table.add_column(name, justify="right", overflow="fold")
    for share in report.by["service"][:_SERVICES]:
        counts = (
            Text(phrases.number(count), style=_STYLES.get(each, "") if count else "dim")
            for each in shown
            for count in (share.outcomes.get(each, 0),)
        )
        table.add_row(Text(share.name or "not named"), phrases.number(share.calls), *counts)
    more = len(report.by["service"]) - _SERVICES
    if more > 0:
        table.add_row(f"and {more} more")
    return table


def _findings(report: AuditReport) -> Iterator[Text]:
    for finding in report.findings:
        head = wording.LABELS[finding.outcome], wording.calls(finding.calls), finding.reason or "no reason"
        label = "{}: {}, {}: ".format(*head)
        yield Text.assemble((label, _STYLES.get(finding.outcome, "")), f"{finding.meaning} {finding.fix}")
