"""The report as people read it, and as programs do."""

import json
from collections.abc import Iterator

from rich.console import Group
from rich.table import Table
from rich.text import Text

from otel_residency.cli.base_url import BaseUrl
from otel_residency.cli.check_batch.report import Report
from otel_residency.cli.console import STYLES, as_lines, console
from otel_residency.core.reasons import REASONS
from otel_residency.version import __version__


def as_json(report: Report, base: BaseUrl) -> str:
    """One document with what the table says."""
    decision = report.decision
    document = {
        "otel_residency": __version__,
        "base_url": str(base),
        "catalogue": decision.catalogue,
        "required": decision.required,
        "verdict": decision.verdict,
        "violation": decision.violation,
        "reasons": decision.reasons,
        "lines": report.lines,
        "kinds": [row._asdict() for row in report.rows],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_text(report: Report, base: BaseUrl) -> str:
    """A table and, below it, the reasons with their fixes and a line that sums it up."""
    decision = report.decision
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
    for name in ("lines", "endpoint", "model", "verdict", "reasons"):
        table.add_column(name, justify="right" if name == "lines" else "left", overflow="fold")
    for row in report.rows:
        told = ", ".join(_counted(reason, count, row.lines) for reason, count in row.reasons.items())
        verdict = Text(row.verdict, style=STYLES[row.verdict])
        table.add_row(str(row.lines), row.endpoint, Text(row.model or ""), verdict, told)
    violation = ", a violation" if decision.violation else ""
    judged = f"at {base}, required: {', '.join(decision.required) or 'nothing'}, table {decision.catalogue}"
    total = Text(
        f"{report.lines} lines: {decision.verdict}{violation}; {judged}", style=STYLES[decision.verdict]
    )
    reasons = tuple(_reasons(report))
    return as_lines(console(), table, *([Group(*reasons)] if reasons else []), total)


def _counted(reason: str, count: int, lines: int) -> str:
    return reason if count == lines else f"{reason} ({count})"


def _reasons(report: Report) -> Iterator[Text]:
    for code in report.decision.reasons:
        reason = REASONS[code]
        yield Text(f"{code}: {reason.meaning} {reason.fix}")
