"""The policy as people read it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from otel_residency.cli.console import as_lines, columns, console, is_unicode
from otel_residency.cli.plain import plain
from otel_residency.cli.policy.effective import DEFAULT, Effective
from otel_residency.cli.policy.problems import Problem


def problems_as_text(problems: Sequence[Problem], file: Path | None) -> str:
    """What is wrong, a row each, or that nothing is."""
    what = file or "the settings of this environment"
    if not problems:
        return as_lines(console(), Text(f"{what}: nothing is wrong", style="green"))
    return as_lines(console(), _table(problems), Text(f"{what}: {len(problems)} to mend", style="bold red"))


def effective_as_text(holds: Effective) -> str:
    """Each value with its origin, and what is wrong."""
    table = columns("setting", "value", "from")
    for key, each in holds.values.items():
        table.add_row(
            key, Text(_shown(each.value)), each.origin, style="dim" if each.origin == DEFAULT else None
        )
    total = Text(f"policy {holds.hash}")
    return as_lines(console(), table, *([_table(holds.problems)] if holds.problems else []), total)


def _table(problems: Sequence[Problem]) -> Table:
    table = columns("key", "what is wrong")
    arrow = "→" if is_unicode(console()) else "->"
    for each in problems:
        table.add_row(
            each.key, Text(f"{each.origin}: {each.found}").append(f"\n{arrow} {each.fix}", "italic")
        )
    return table


def _shown(value: Any) -> str:
    value = plain(value)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
