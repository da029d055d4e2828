"""The subcommands `policy check` and `policy show`."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.table import Table
from rich.text import Text

from otel_residency.catalogue import load_catalogue
from otel_residency.cli.environ import variables
from otel_residency.cli.options import Json
from otel_residency.cli.output import as_document, as_lines, columns, console, is_unicode, plain
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.decode import DecodeError, build, keys
from otel_residency.core.policy import Policy
from otel_residency.errors import CatalogueError, PolicyError
from otel_residency.settings.load import (
    CATALOGUE,
    ENABLED,
    POLICY,
    POLICY_SETTINGS,
    policy_problems,
    read_settings,
)
from otel_residency.settings.projects import read_projects

policy = typer.Typer(
    help="What is wrong with a policy, and what holds here.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@policy.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A policy; without it, the settings that hold here.")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Tell what is wrong with a policy: key, value and fix.

    Exit code: 0 if nothing is wrong, 1 if something is, 2 for a command line that can't be read.
    """
    problems = list(file_problems(file) if file else problems_here())
    typer.echo(as_document({"problems": problems}) if json else problems_as_text(problems, file))
    raise typer.Exit(int(bool(problems)))


@policy.command()
def show(*, json: Json = False) -> None:
    """Show the policy that holds here, and where each value comes from.

    The environment wins over the file, a rule for this service over both. Exit code: 0, or 1 if a setting
    can't be read.
    """
    holds = effective()
    typer.echo(as_document(holds) if json else effective_as_text(holds))
    raise typer.Exit(int(bool(holds.problems)))


class Problem(NamedTuple):
    """One thing to mend."""

    origin: str
    """The file, or `environment`."""
    key: str
    found: str
    """The value, and what is the matter with it."""
    fix: str


def file_problems(path: Path) -> Iterator[Problem]:
    """What is wrong with a policy file: of every key, and not only of the first."""
    origin = str(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        yield Problem(origin, "", f"can't be read: {error.strerror}", "Name a file that can be read.")
        return
    except (ValueError, RecursionError) as error:
        yield Problem(origin, "", f"is not TOML: {error}", "Mend it there.")
        return
    sound: dict[str, Any] = {}
    for key, value in content.items():
        try:
            build(Policy, {key: value})
            sound[key] = value
        except DecodeError as error:
            yield Problem(origin, error.place, error.problem, _cure(error.place, error.problem))
    policy = build(Policy, sound)
    for problem in policy_problems(policy, _catalogue()):
        yield _problem(origin, problem)
    if policy.projects.file:
        try:
            read_projects(path.parent / policy.projects.file)
        except PolicyError as error:
            fix = "Write the file anew by `otel-residency attest`."
            yield Problem(origin, "projects.file", str(error), fix)


def problems_here() -> Iterator[Problem]:
    """What is wrong with the settings of this environment, and with the policy that they name."""
    environ = variables()
    for setting in (ENABLED, *POLICY_SETTINGS):
        if value := environ.get(setting.variable, "").strip():
            policy = read_settings({setting.variable: value}).policy
            for problem in filter(None, [policy.unreadable, *policy_problems(policy, _catalogue())]):
                yield _problem("environment", problem)._replace(key=setting.variable)
    try:
        load_catalogue(environ.get(CATALOGUE.variable) or "newest")
    except CatalogueError as error:
        fix = "See `otel-residency catalogue list` and `catalogue validate`."
        yield Problem("environment", CATALOGUE.variable, str(error), fix)
    if path := environ.get(POLICY.variable):
        yield from file_problems(Path(path))


def _catalogue() -> Catalogue:
    """The catalogue that policies are held against; what is wrong with it is told of itself."""
    try:
        return load_catalogue(variables().get(CATALOGUE.variable) or "newest")
    except CatalogueError:
        return load_catalogue()


def _problem(origin: str, text: str) -> Problem:
    key, _, found = text.partition(": ")
    return Problem(origin, key, found, _cure(key, found))


def _cure(key: str, found: str) -> str:
    """What to do: what is allowed stands behind `is not` in every message."""
    value, refused, allowed = found.partition(" is not ")
    _, meant, guess = found.partition("; did you mean ")
    if meant:
        return f"Write {guess.rstrip('?')}."
    if allowed == "a list":
        return f"Write {f'[[{key}]]' if value == 'a table' else f'[{value}]'}."
    if refused:
        return f"Write {allowed.rstrip('.?')}."
    near = get_close_matches(key, keys(Policy), n=1) if found.startswith("unknown key") else []
    if near:
        return f"Write {near[0]}."
    if "known are" in found:
        return "Write one of those, or leave it out."
    return "Add it." if "missing" in found else "See docs/policy.md for what is allowed."


_SERVICE = ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES")
DEFAULT = "default"


class Value(NamedTuple):
    """A value, and where it comes from."""

    value: Any
    origin: str
    """A variable, the policy file, a rule of it, or `default`."""


class Effective(NamedTuple):
    """What holds."""

    hash: str
    """That of `residency.policy` in telemetry."""
    values: Mapping[str, Value]
    problems: tuple[Problem, ...]


def effective() -> Effective:
    """Read the settings of this environment as a service would."""
    environ = variables()
    settings = read_settings(environ)
    elsewhere = {key: value for key, value in environ.items() if key not in _SERVICE}
    unruled = read_settings(elsewhere).policy
    path = environ.get(POLICY.variable, "")
    file = read_settings({POLICY.variable: path}).policy if path else Policy()
    said = {setting.key: setting.variable for setting in (ENABLED, *POLICY_SETTINGS, POLICY, CATALOGUE)}

    def origin(key: str) -> str:
        if key in ("require", "scope") and getattr(settings.policy, key) != getattr(unruled, key):
            return f"{path}, the rule for this service"
        variable = said.get(key, "")
        if value := environ.get(variable, "").strip():
            unreadable = key != POLICY.key and read_settings({variable: value}).policy.unreadable
            return f"{variable}, unreadable" if unreadable else variable
        default = key not in keys(Policy) or getattr(file, key) == getattr(Policy(), key)
        return DEFAULT if default else path

    values = {"enabled": settings.enabled, "policy": path, "catalogue": settings.catalogue}
    values |= {key: getattr(settings.policy, key) for key in keys(Policy)}
    told = {key: Value(value, origin(key)) for key, value in values.items()}
    return Effective(settings.policy_hash, told, tuple(problems_here()))


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
