"""The subcommands `policy check` and `policy show`."""

import json as json_text
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.table import Table
from rich.text import Text

from otel_residency.cli.active_settings import active_settings
from otel_residency.cli.options import Json
from otel_residency.cli.output import as_document
from otel_residency.cli.terminal import as_lines, columns, console, is_unicode
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.decode import field_types, to_plain
from otel_residency.core.policy import Policy
from otel_residency.settings.checks import policy_problems
from otel_residency.settings.load import Settings, read_policy_file
from otel_residency.settings.problems import PolicyProblem

DEFAULT = "default"

policy = typer.Typer(
    help="Check a policy, and show the settings in effect.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@policy.command()
def check(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A policy file (default: the settings in effect here)."),
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Check a policy: report each wrong key with its value and a fix.

    Exit code: 0 without problems, 1 with problems, 2 for a command line that can't be read.
    """
    active = active_settings()
    problems = _file_problems(str(file), active.catalogue) if file else _all_problems(*active)
    typer.echo(
        as_document("policy check", {"problems": problems}) if json else _problems_as_text(problems, file)
    )
    raise typer.Exit(int(bool(problems)))


@policy.command()
def show(*, json: Json = False) -> None:
    """Show the settings in effect here, and the origin of each value.

    Variables override the file; a rule for this service overrides both. Exit code: 0, or 1 if a setting can't
    be read.
    """
    active = active_settings()
    effective = EffectivePolicy(
        hash=active.settings.policy_hash,
        values=_values(active.settings),
        problems=_all_problems(*active),
    )
    typer.echo(as_document("policy show", effective) if json else _effective_as_text(effective))
    raise typer.Exit(int(bool(effective.problems)))


class Value(NamedTuple):
    """The value of a setting, and where it comes from."""

    value: Any
    origin: str
    """A variable, the policy file, a rule of it, or `default`."""


class EffectivePolicy(NamedTuple):
    """The settings of this environment."""

    hash: str
    """That of `residency.policy` in telemetry."""
    values: Mapping[str, Value]
    problems: Sequence[PolicyProblem]


def _values(settings: Settings) -> dict[str, Value]:
    values = {
        "enabled": settings.enabled,
        "policy": settings.policy_file,
        "catalogue": settings.catalogue,
    }
    values |= {key: getattr(settings.policy, key) for key in field_types(Policy)}
    return {key: Value(value, _origin(key, settings)) for key, value in values.items()}


def _origin(key: str, settings: Settings) -> str:
    """The origins of a key and of the field_types below it, such as `ledger.path`."""
    found = [str(origin) for name, origin in settings.origins.items() if name.partition(".")[0] == key]
    return ", ".join(dict.fromkeys(found)) or DEFAULT


def _file_problems(path: str, catalogue: Catalogue) -> list[PolicyProblem]:
    """What is wrong with a policy file: every wrong key, also one that a variable replaces here."""
    settings = read_policy_file(path)
    return [*settings.problems, *policy_problems(settings.policy, catalogue, settings.origins)]


def _all_problems(
    settings: Settings, problems: Sequence[PolicyProblem], catalogue: Catalogue
) -> list[PolicyProblem]:
    """What is wrong with the settings of this environment and with the policy file that they name."""
    path = settings.policy_file
    in_file = _file_problems(path, catalogue) if path else []
    return list(dict.fromkeys((*problems, *in_file)))


def _problems_as_text(problems: Sequence[PolicyProblem], file: Path | None) -> str:
    """A row for each problem, or that there is none."""
    what = file or "the settings of this environment"
    if not problems:
        return as_lines(console(), Text(f"{what}: no problems", style="green"))
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    return as_lines(console(), _table(problems), Text(f"{what}: {count}", style="bold red"))


def _effective_as_text(effective: EffectivePolicy) -> str:
    """Each value with its origin, and the problems."""
    table = columns("setting", "value", "from")
    for key, each in effective.values.items():
        style = "dim" if each.origin == DEFAULT else None
        table.add_row(key, Text(_shown(each.value)), each.origin, style=style)
    total = Text(f"policy {effective.hash}")
    return as_lines(console(), table, *([_table(effective.problems)] if effective.problems else []), total)


def _table(problems: Sequence[PolicyProblem]) -> Table:
    table = columns("key", "problem")
    arrow = "→" if is_unicode(console()) else "->"
    for each in problems:
        where = f"{each.file}: " if each.file else ""
        table.add_row(each.key, Text(f"{where}{each.problem}").append(f"\n{arrow} {each.fix}", "italic"))
    return table


def _shown(value: Any) -> str:
    value = to_plain(value, defaults=True)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json_text.dumps(value, ensure_ascii=False)
