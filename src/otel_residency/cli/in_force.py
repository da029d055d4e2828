"""The settings and the catalogue that hold in this environment, and what is wrong with them."""

from otel_residency.catalogue import load_catalogue
from otel_residency.core.catalogue import Catalogue
from otel_residency.errors import CatalogueError
from otel_residency.settings import Settings, policy_problems, read_settings


def in_force() -> tuple[Settings, tuple[str, ...], Catalogue]:
    """The settings, what is wrong with them, and the catalogue that calls are judged by."""
    settings = read_settings()
    problems = [settings.policy.unreadable] if settings.policy.unreadable else []
    try:
        catalogue = load_catalogue(settings.catalogue)
    except CatalogueError as error:
        problems.append(str(error))
        catalogue = load_catalogue()
    problems += [f"policy: {problem}" for problem in policy_problems(settings.policy, catalogue)]
    return settings, tuple(problems), catalogue
