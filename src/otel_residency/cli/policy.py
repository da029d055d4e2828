"""The subcommands `policy check` and `policy show`."""

import json as json_text
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.table import Table
from rich.text import Text

from otel_residency.catalogue.load import shown_choice
from otel_residency.cli.active_settings import active_settings
from otel_residency.cli.options import Json
from otel_residency.cli.output import as_document, stop
from otel_residency.cli.terminal import as_lines, columns, console, is_unicode
from otel_residency.core.catalogue import Catalogue, path_segments
from otel_residency.core.decode import field_types, to_plain
from otel_residency.core.policy import Policy
from otel_residency.core.policy_rules import ExceptionRule
from otel_residency.core.shown import shown_host, shown_name
from otel_residency.runtime.shown_path import shown_path
from otel_residency.settings.checks import policy_problems
from otel_residency.settings.ending import ending_exceptions, ending_terms
from otel_residency.settings.load import Settings, read_policy_file
from otel_residency.settings.problems import PolicyProblem
from otel_residency.settings.rules import DescribedCall

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

    Notes name exceptions and terms that have ended or end within thirty days. Exit code: 0 without problems,
    1 with problems, 2 for a command line that can't be read.
    """
    active = active_settings()
    problems = _file_problems(str(file), active.catalogue) if file else _all_problems(*active)
    stated = read_policy_file(str(file)) if file else active.settings.stated or active.settings
    today = datetime.now(UTC).date()
    notes = [*ending_exceptions(stated.policy, today), *ending_terms(stated.policy, today)]
    document = {"problems": problems, "notes": notes}
    typer.echo(as_document("policy check", document) if json else _problems_as_text(problems, notes, file))
    raise typer.Exit(int(bool(problems)))


@policy.command()
def show(
    *,
    service: Annotated[
        str | None,
        typer.Option("--service", metavar="NAME", help="Another service than the one here."),
    ] = None,
    environment: Annotated[
        str | None, typer.Option("--environment", metavar="NAME", help="Its environment, such as production.")
    ] = None,
    endpoint: Annotated[
        str, typer.Option("--endpoint", metavar="PATH", help="Show what applies to calls of this endpoint.")
    ] = "",
    project: Annotated[
        str | None,
        typer.Option("--project", metavar="ID", help="Show what applies to its calls."),
    ] = None,
    json: Json = False,
) -> None:
    """Show the settings in effect here, and the origin of each value.

    Variables override the file, and rules override both; but they can only tighten the strict, on_call and
    on_export of a variable. Exit code: 0, 1 if a setting can't be read, 2 if an option can't be read.
    """
    active = active_settings()
    if endpoint and not endpoint.startswith("/"):
        stop("--endpoint: not a path; write it like /v1/responses")
    settings = active.settings
    if service is not None or environment is not None:
        stated = settings.stated or settings
        settings = stated.for_service(
            settings.service if service is None else service,
            settings.environment if environment is None else environment,
        )
    call = DescribedCall(project, path_segments(endpoint), datetime.now(UTC).date())
    of_call, exception = settings.for_call(call)
    effective = EffectivePolicy(
        hash=settings.policy_hash,
        values=_values(of_call, settings),
        exception=exception
        and exception._replace(owner=shown_name(exception.owner), reason=shown_name(exception.reason)),
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
    exception: ExceptionRule | None
    """The exception that such calls are made under."""
    problems: Sequence[PolicyProblem]


def _values(settings: Settings, of_service: Settings) -> dict[str, Value]:
    """The values for a call, and the rules of its service."""
    values = {
        "enabled": settings.enabled,
        "policy": shown_path(settings.policy_file),
        "catalogue": shown_choice(settings.catalogue),
    }
    policy = settings.policy._replace(rule=of_service.policy.rule, exception=of_service.policy.exception)
    values |= {key: _displayed(key, getattr(policy, key)) for key in field_types(Policy)}
    return {key: Value(value, _origin(key, settings)) for key, value in values.items()}


_HOSTS = frozenset({"hosts", "telemetry.hosts"})
_PATHS = frozenset({"quarantine", "state", "ledger.path", "ledger.key", "projects.file"})


def _shown_gateway(host: str) -> str:
    """A host, or the name of a container."""
    return host if host.replace("-", "").isalpha() else shown_host(host)


def _displayed(place: str, value: Any) -> Any:
    """A value as plain data, without what may be a secret."""
    plain = to_plain(value, defaults=True)
    if isinstance(plain, dict):
        shown = _shown_gateway if place in _HOSTS else shown_name
        return {shown(key): _displayed(f"{place}.{key}", each) for key, each in plain.items()}
    if isinstance(plain, list):
        return [_displayed(place, each) for each in plain]
    if isinstance(plain, str):
        return shown_path(plain) if place in _PATHS else shown_name(plain)
    return plain


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


def _problems_as_text(problems: Sequence[PolicyProblem], notes: Sequence[str], file: Path | None) -> str:
    """A row for each problem, or that there is none."""
    what = file or "the settings of this environment"
    noted = [Text(f"note: {note}", style="yellow") for note in notes]
    if not problems:
        return as_lines(console(), *noted, Text(f"{what}: no problems", style="green"))
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    return as_lines(console(), _table(problems), *noted, Text(f"{what}: {count}", style="bold red"))


def _effective_as_text(effective: EffectivePolicy) -> str:
    """Each value with its origin, and the problems."""
    table = columns("setting", "value", "from")
    for key, each in effective.values.items():
        style = "dim" if each.origin == DEFAULT else None
        table.add_row(key, Text(_shown(each.value)), each.origin, style=style)
    parts: list[Table | Text] = [table]
    if effective.problems:
        parts.append(_table(effective.problems))
    if effective.exception is not None:
        rule = effective.exception
        parts.append(Text(f"exception until {rule.until}, by {rule.owner}: {rule.reason}", style="yellow"))
    return as_lines(console(), *parts, Text(f"policy {effective.hash}"))


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
