"""The settings and the catalogue that hold in this environment, and what is wrong with them."""

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.policy import Scope
from otel_residency.guard import active_catalogue
from otel_residency.settings.load import Settings, read_settings


def in_force(
    *, require: str = "", scope: Scope | None = None, strict: bool = False
) -> tuple[Settings, tuple[str, ...], Catalogue]:
    """The settings, what is wrong with them, and the catalogue that calls are judged by.

    Args:
        require: regions separated by commas, in the place of those that the settings require.
        scope: in the place of theirs.
        strict: to be strict, whatever they say.
    """
    settings = read_settings()
    policy = settings.policy
    regions = tuple(each.strip().lower() for each in require.split(",")) if require else policy.require
    policy = policy._replace(require=regions, scope=scope or policy.scope, strict=strict or policy.strict)
    settings = settings._replace(policy=policy)
    catalogue, problems = active_catalogue(settings)
    told = (policy.unreadable, *problems) if policy.unreadable else problems
    return settings, tuple(dict.fromkeys(told)), catalogue
