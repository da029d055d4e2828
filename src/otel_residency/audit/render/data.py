"""The report for programs: one JSON document, and a CSV table of every number in it."""

import csv
import io
import json
from collections.abc import Iterator, Mapping

from otel_residency.audit.render.wording import answer
from otel_residency.audit.report import AuditReport
from otel_residency.core.decode import to_plain

# Characters with which a cell becomes a formula in spreadsheets; the names in a report come from telemetry.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json(report: AuditReport) -> str:
    """The whole report, by the names of its fields."""
    return json.dumps({"answer": answer(report), **to_plain(report)}, indent=2, ensure_ascii=False) + "\n"


def as_csv(report: AuditReport) -> str:
    """One row for each outcome of each period, service, region, host, endpoint, model, exception, finding."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("section", "name", "outcome", "calls"))
    for section, name, counts in _sections(report):
        for outcome, calls in counts.items():
            table.writerow((section, _cell(name), outcome, calls))
    return text.getvalue()


def _sections(report: AuditReport) -> Iterator[tuple[str, str, Mapping[str, int]]]:
    yield "all", "", report.outcomes
    for period in report.periods:
        yield report.step, period.start, period.outcomes
    for dimension, shares in report.by.items():
        for share in shares:
            yield dimension, share.name, share.outcomes
    for exception in report.exceptions:
        yield "exception", f"{exception.owner}: {exception.reason}", exception.outcomes
    for finding in report.findings:
        yield "finding", finding.reason, {finding.outcome: finding.calls}


def _cell(text: str) -> str:
    """`text`, so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
