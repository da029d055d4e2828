"""A reason code as people read it, and as programs do."""

from typing import Any

from rich.text import Text

from otel_residency.cli.console import STYLES, as_lines, columns, console, source_lines
from otel_residency.cli.plain import as_document
from otel_residency.core.entries import Source
from otel_residency.core.reasons import REASONS


def as_json(code: str, sources: tuple[Source, ...]) -> str:
    """One document with what is told of the code."""
    return as_document({**_plain(code), "sources": sources})


def list_as_json() -> str:
    """All codes."""
    return as_document([_plain(code) for code in REASONS])


def as_text(code: str, sources: tuple[Source, ...]) -> str:
    """What it means, below one another."""
    reason = REASONS[code]
    table = columns()
    table.add_row("means", reason.meaning)
    table.add_row("verdict", _verdicts(code))
    table.add_row("fix", reason.fix)
    table.add_row("rests on", reason.source)
    for source in sources:
        table.add_row("source", source_lines(source))
    return as_lines(console(), Text(code, style="bold"), table)


def list_as_text() -> str:
    """A table of all codes."""
    table = columns("code", "verdict", "meaning")
    for code, reason in REASONS.items():
        table.add_row(code, _verdicts(code), reason.meaning)
    return as_lines(console(), table)


def _plain(code: str) -> dict[str, Any]:
    reason = REASONS[code]
    return {
        "code": code,
        "meaning": reason.meaning,
        "verdicts": reason.verdicts,
        "fix": reason.fix,
        "rests_on": reason.source,
    }


def _verdicts(code: str) -> Text:
    return Text(" or ").join(Text(each, style=STYLES[each]) for each in REASONS[code].verdicts)
