"""The subcommand `explain`: what a reason code means, and what to do."""

from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated, Any

import typer
from rich.text import Text

from otel_residency.catalogue import load_catalogue
from otel_residency.catalogue.citations import sources_of
from otel_residency.cli.options import Json
from otel_residency.cli.output import as_document, stop
from otel_residency.cli.terminal import STYLES, as_lines, columns, console, source_lines
from otel_residency.core.entries import Source
from otel_residency.core.reasons import REASONS


def _codes(incomplete: str) -> list[str]:
    return [code for code in REASONS if code.startswith(incomplete)]


def explain(
    code: Annotated[
        str,
        typer.Argument(
            metavar="CODE",
            autocompletion=_codes,
            help="Reason code, such as model.alias (default: list all).",
        ),
    ] = "",
    *,
    json: Json = False,
) -> None:
    """Explain a reason code: meaning, fix, verdicts and sources.

    Exit code: 0, or 2 for a code that does not exist.
    """
    if not code:
        typer.echo(list_as_json() if json else list_as_text())
        return
    if code not in REASONS:
        near = get_close_matches(code.strip().lower(), REASONS, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "`otel-residency explain` lists them"
        stop(f"{code}: no such reason code; {hint}")
    catalogue = load_catalogue()
    sources = sources_of(code, catalogue, catalogue.revision_on(datetime.now(UTC).date()))
    typer.echo(as_json(code, sources) if json else as_text(code, sources))


def as_json(code: str, sources: tuple[Source, ...]) -> str:
    """The JSON document of one code."""
    return as_document("explain", {**_plain(code), "sources": sources})


def list_as_json() -> str:
    """The JSON document of all codes."""
    return as_document("explain", {"reasons": [_plain(code) for code in REASONS]})


def as_text(code: str, sources: tuple[Source, ...]) -> str:
    """Meaning, verdicts, fix and sources."""
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
