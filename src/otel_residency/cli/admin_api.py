"""Reads the settings of projects from the vendor's Admin API, with its client."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import openai

from otel_residency.core.base_url import read_base_url
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.hosts import match_host
from otel_residency.errors import ResidencyError
from otel_residency.settings.projects import ProjectSettings, ProjectsFile

_NO_ANSWER = (openai.PermissionDeniedError, openai.NotFoundError)


class AttestError(ResidencyError):
    """The settings can't be read; the message names the fix and quotes nothing of the API's answer."""


def connect(admin_key: str, base_url: str | None, catalogue: Catalogue) -> openai.OpenAI:
    """A client for the Admin API.

    The key is sent to hosts of the vendor only, unless the option names a URL.

    Raises:
        AttestError: the installed client has no Admin API, or would send the key elsewhere.
    """
    try:
        client = openai.OpenAI(admin_api_key=admin_key, api_key="", base_url=base_url)
    except TypeError:
        raise AttestError("the installed openai has no Admin API; install a newer one") from None
    url = client.base_url
    today = datetime.now(UTC).date()
    found = match_host(catalogue, {}, url.raw_host.decode("ascii"), url.port, today)
    vendors = found.kind == "listed" and found.provider == "openai" and url.scheme == "https"
    if base_url is None and not vendors:
        raise AttestError(
            f"OPENAI_BASE_URL is {found.host}, which is not a host of the vendor: "
            "unset it, or pass the URL that may receive the admin key as --base-url"
        )
    return client


def read_project_settings(
    client: openai.OpenAI, progress: Callable[[Iterator[Any]], Iterator[Any]] = lambda projects: projects
) -> ProjectsFile:
    """Read the settings of all projects that the key may see; `progress` wraps their iterator.

    Raises:
        AttestError: the API can't be reached, or the key may not read projects.
    """
    organization = client.admin.organization
    try:
        retention = _retention(organization.data_retention.retrieve)
        projects = {
            project.id: ProjectSettings(
                residency=project.residency or "",
                retention=_retention(organization.projects.data_retention.retrieve, project.id),
                name=project.name or "",
                default_tier=_default_tier(organization.projects, project.id),
            )
            for project in progress(iter(organization.projects.list(limit=100)))
        }
    except openai.APIStatusError as error:
        raise AttestError(
            f"the Admin API answered {error.status_code}: OPENAI_ADMIN_KEY must be an admin key "
            "that may read projects and their data retention"
        ) from None
    except openai.APIConnectionError as error:
        raise AttestError(
            f"{client.base_url.host} can't be reached: {type(error.__cause__).__name__}"
        ) from None
    return ProjectsFile(
        observed=datetime.now(UTC).date(),
        source=str(read_base_url(str(client.base_url))),
        retention=retention,
        projects=projects,
    )


def _default_tier(projects: Any, project: str) -> str:
    """The service tier of requests that name none; `""` if API or client do not know the setting."""
    settings = getattr(projects, "service_tier_settings", None)  # since openai 3.45
    try:
        return "" if settings is None else str(settings.retrieve(project).default)
    except _NO_ANSWER:
        return ""


def _retention(retrieve: Callable[..., Any], *project: str) -> str:
    """The type of a setting; `""` if the API does not return it."""
    try:
        return str(retrieve(*project).type)
    except _NO_ANSWER:
        return ""
