"""The settings and the catalogue of this environment, with the options of a command, and their problems."""

from typing import Any, NamedTuple

from otel_residency.cli.output import stop
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.policy_rules import Scope
from otel_residency.errors import PolicyError
from otel_residency.guard import active_catalogue
from otel_residency.settings.load import Settings, read_settings
from otel_residency.settings.problems import Origin, PolicyProblem
from otel_residency.settings.values import read_regions


class ActiveSettings(NamedTuple):
    """What calls of this environment are judged by."""

    settings: Settings
    problems: tuple[PolicyProblem, ...]
    catalogue: Catalogue


def active_settings(*, require: str = "", scope: Scope | None = None, strict: bool = False) -> ActiveSettings:
    """Read them as a service does.

    Args:
        require: regions separated by commas, instead of those that the settings require.
        scope: instead of theirs.
        strict: whether to be strict, whatever they say.
    """
    settings = read_settings()
    try:
        options: dict[str, Any] = {
            "require": read_regions("--require", require),
            "scope": scope,
            "strict": strict,
        }
    except PolicyError as error:
        stop(str(error))
    given = {key: value for key, value in options.items() if value}
    settings = settings._replace(
        policy=settings.policy.overridden(given),
        origins={**settings.origins, **{key: Origin(name=f"--{key}") for key in given}},
    )
    catalogue, problems = active_catalogue(settings)
    if problems:
        settings = settings.with_known_regions(catalogue.region_codes)
    return ActiveSettings(settings, (*settings.problems, *problems), catalogue)


def sound_settings(*, require: str = "", scope: Scope | None = None, strict: bool = False) -> Settings:
    """The same settings; a problem with them ends the command."""
    settings, problems, _ = active_settings(require=require, scope=scope, strict=strict)
    if problems:
        stop("; ".join(map(str, problems)))
    return settings
