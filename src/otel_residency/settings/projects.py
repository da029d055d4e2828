"""The file with the settings of the vendor's projects, which `otel-residency attest` writes."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

from otel_residency.core.decode import DecodeError, decode
from otel_residency.core.policy import Project
from otel_residency.runtime.regular_file import read_text
from otel_residency.settings.problems import SettingError, unreadable_file, wrong_value

OF_THE_ORGANIZATION = "organization_default"
"""The retention of a project that has that of its organization."""


class ProjectSettings(NamedTuple):
    """What the Admin API returns for a project; `""` for a setting that it does not return."""

    residency: str = ""
    retention: str = ""
    name: str = ""
    default_tier: str = ""


class ProjectsFile(NamedTuple):
    """The content of the file."""

    observed: date
    """The UTC day on which the settings were read."""
    source: str
    """Base URL of the API that returned them."""
    retention: str = ""
    """Retention of the organization."""
    projects: Mapping[str, ProjectSettings] = {}

    def resolved(self) -> dict[str, Project]:
        """By id, the settings that hold for each project."""
        return {
            name: Project(
                residency=each.residency,
                retention=self.retention if each.retention == OF_THE_ORGANIZATION else each.retention,
                observed=self.observed,
                default_tier=each.default_tier,
            )
            for name, each in self.projects.items()
        }

    def as_json(self) -> str:
        """The file's text."""
        projects = {name: each._asdict() for name, each in self.projects.items()}
        document = {**self._asdict(), "observed": self.observed.isoformat(), "projects": projects}
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def read_projects(path: Path) -> ProjectsFile:
    """Read the file.

    Raises:
        PolicyError: it can't be read, or holds something else.
    """
    try:
        return decode(ProjectsFile, json.loads(read_text(path, trusted=True)))
    except DecodeError as error:
        problem = wrong_value(error, file=str(path))
    except (OSError, ValueError, RecursionError) as error:
        problem = unreadable_file(str(path), error, "JSON").problem
    raise SettingError(problem._replace(fix="Write the file again with `otel-residency attest`."))
