"""The result of a scan as text."""

from rich.text import Text

from otel_residency.cli.scan.scanner import ScanResult
from otel_residency.cli.terminal import STYLES, as_lines, columns, console, is_unicode

_MANY = 20
"""How many unreadable files, or places, are listed; the rest are counted."""


def as_text(result: ScanResult) -> str:
    """The findings by file and line, the files that were not read, and a summary."""
    out = console()
    arrow = "→" if is_unicode(out) else "->"
    findings = columns("where", "what")
    for each in result.findings:
        style = STYLES[each.verdict]
        description = Text.assemble(
            (f"{each.verdict}  ", style),
            (each.reason, "bold"),
            f"\n{each.detail}\n",
            (f"ignored: {each.ignored}" if each.ignored else f"{arrow} {each.fix}", "italic"),
        )
        findings.add_row(Text(f"{each.file}:{each.line}:{each.column}"), description)
    unresolved = columns("not known here", "what")
    for file, line, column, what in result.not_known[:_MANY]:
        unresolved.add_row(Text(f"{file}:{line}:{column}"), Text(what))
    if len(result.not_known) > _MANY:
        unresolved.add_row(f"and {len(result.not_known) - _MANY} more", "")
    unread = columns("not read", "why")
    for file, why in result.unread[:_MANY]:
        unread.add_row(Text(file), why)
    if len(result.unread) > _MANY:
        unread.add_row(f"and {len(result.unread) - _MANY} more", "")
    parts = [table for table in (findings, unresolved, unread) if table.row_count]
    return as_lines(out, *parts, _total(result))


def _total(result: ScanResult) -> Text:
    found, violations = len(result.findings), result.violations
    summary = f"{found} findings, {violations} of them violations, in {result.files} files"
    ignored = sum(bool(each.ignored) for each in result.findings)
    summary += f"; {ignored} ignored" if ignored else ""
    summary += f"; {len(result.not_known)} not known here" if result.not_known else ""
    summary += f"; {len(result.unread)} not read" if result.unread else ""
    return Text(summary, style="bold red" if violations else "yellow" if found or result.unread else "green")
