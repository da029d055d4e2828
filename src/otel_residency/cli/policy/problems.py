"""What is wrong with a policy, each thing by its key."""

import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from otel_residency.catalogue import load_catalogue
from otel_residency.cli.environ import variables
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.decode import DecodeError, decode, field_types
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
            decode(Policy, {key: value})
            sound[key] = value
        except DecodeError as error:
            yield Problem(origin, error.place, error.problem, _cure(error.place, error.problem))
    policy = decode(Policy, sound)
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
    near = get_close_matches(key, field_types(Policy), n=1) if found.startswith("unknown key") else []
    if near:
        return f"Write {near[0]}."
    if "known are" in found:
        return "Write one of those, or leave it out."
    return "Add it." if "missing" in found else "See docs/policy.md for what is allowed."
