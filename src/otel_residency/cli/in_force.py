"""The settings and the catalogue that hold in this environment, and what is wrong with them."""

from otel_residency.core.catalogue import Catalogue
from otel_residency.guard import in_use
from otel_residency.settings import Settings, read_settings


def in_force() -> tuple[Settings, tuple[str, ...], Catalogue]:
    """The settings, what is wrong with them, and the catalogue that calls are judged by."""
    settings = read_settings()
    catalogue, problems = in_use(settings)
    unreadable = settings.policy.unreadable
    return settings, (unreadable, *problems) if unreadable else problems, catalogue
