"""What a scan found, as people read it."""

from rich.text import Text

from otel_residency.cli.output import STYLES, as_lines, columns, console, is_unicode
from otel_residency.cli.scan.report import Report

_MANY = 20
"""Files that could not be read, or places, that are named; of more the number is told."""


def as_text(report: Report) -> str:
    """The findings by file and line, files that were not read, and a line that sums it up."""
    out = console()
    arrow = "→" if is_unicode(out) else "->"
    findings = columns("where", "what")
    for each in report.findings:
        style = STYLES[each.verdict]
        told = Text.assemble(
            (f"{each.verdict}  ", style),
            (each.reason, "bold"),
            f"\n{each.detail}\n",
            (f"ignored: {each.ignored}" if each.ignored else f"{arrow} {each.fix}", "italic"),
        )
        findings.add_row(Text(f"{each.file}:{each.line}:{each.column}"), told)
    not_known = columns("not known here", "what")
    for file, line, column, what in report.not_known[:_MANY]:
        not_known.add_row(Text(f"{file}:{line}:{column}"), Text(what))
    if len(report.not_known) > _MANY:
        not_known.add_row(f"and {len(report.not_known) - _MANY} more", "")
    unread = columns("not read", "why")
    for file, why in report.unread[:_MANY]:
        unread.add_row(Text(file), why)
    if len(report.unread) > _MANY:
        unread.add_row(f"and {len(report.unread) - _MANY} more", "")
    parts = [table for table in (findings, not_known, unread) if table.row_count]
    return as_lines(out, *parts, _total(report))


def _total(report: Report) -> Text:
    found, violations = len(report.findings), report.violations
    told = f"{found} findings, {violations} of them violations, in {report.files} files"
    ignored = sum(bool(each.ignored) for each in report.findings)
    told += f"; {ignored} ignored" if ignored else ""
    told += f"; {len(report.not_known)} not known here" if report.not_known else ""
    told += f"; {len(report.unread)} not read" if report.unread else ""
    return Text(told, style="bold red" if violations else "yellow" if found or report.unread else "green")
