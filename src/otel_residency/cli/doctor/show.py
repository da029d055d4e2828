"""The results of the checks as text and as JSON."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from otel_residency.cli.doctor.check import MEANINGS, Check, Status
from otel_residency.cli.output import as_document
from otel_residency.cli.terminal import as_lines, console, is_unicode

_STYLES = {Status.OK: "green", Status.WARNING: "yellow", Status.FAILURE: "bold red"}
_SYMBOLS = {Status.OK: "✓", Status.WARNING: "!", Status.FAILURE: "✗"}


def as_json(checks: Sequence[Check]) -> str:
    """The JSON document."""
    document = {
        "status": worst(checks),
        "checks": [
            {
                "id": each.id,
                "meaning": MEANINGS[each.id],
                "status": each.status,
                "found": each.found,
                "fix": each.fix or None,
            }
            for each in checks
        ],
    }
    return as_document("doctor", document)


def as_text(checks: Sequence[Check]) -> str:
    """A table and a summary; coloured if standard output is a terminal."""
    out = console()
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    topic = None
    for check in checks:
        if topic not in (None, _topic(check)):
            table.add_row()
        topic = _topic(check)
        description = Text(check.found)
        if check.fix:
            arrow = "→" if is_unicode(out) else "->"
            description.append(f"\n{arrow} {check.fix}", style="italic")
        table.add_row(_status(check, out), check.id, description)
    return as_lines(out, table, _summary(checks))


def worst(checks: Sequence[Check]) -> Status:
    """The worst status."""
    order = list(Status)
    return max((each.status for each in checks), key=order.index, default=Status.OK)


def _status(check: Check, out: Console) -> Text:
    symbol = f"{_SYMBOLS[check.status]} " if out.is_terminal and is_unicode(out) else ""
    return Text(f"{symbol}{check.status}", style=_STYLES[check.status])


def _topic(check: Check) -> str:
    return check.id.partition(".")[0]


def _summary(checks: Sequence[Check]) -> Text:
    counted = Counter(each.status for each in checks)
    parts = [
        f"{counted[Status.FAILURE]} failed",
        f"{counted[Status.WARNING]} with a warning",
        f"{counted[Status.OK]} ok",
    ]
    return Text(", ".join(parts), style=_STYLES[worst(checks)])
