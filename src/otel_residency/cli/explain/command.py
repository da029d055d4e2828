"""The subcommand `explain`."""

from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated

import typer

from otel_residency.catalogue import load_catalogue
from otel_residency.catalogue.citations import sources_of
from otel_residency.cli.options import Json
from otel_residency.cli.stop import stop
from otel_residency.core.reasons import REASONS


def _codes(incomplete: str) -> list[str]:
    return [code for code in REASONS if code.startswith(incomplete)]


def explain(
    code: Annotated[
        str,
        typer.Argument(metavar="CODE", autocompletion=_codes, help="Such as model.alias; without: a list."),
    ] = "",
    *,
    json: Json = False,
) -> None:
    """Tell what a reason code means, and what to do.

    Also which verdicts it may have, and where the shipped catalogue has it from. Exit code: 0, or 2 for a
    code that does not exist.
    """
    from otel_residency.cli.explain.show import as_json, as_text, list_as_json, list_as_text  # noqa: PLC0415

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
