"""All that the checks look at, gathered once."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import NamedTuple

from otel_residency.cli.active_settings import active_settings
from otel_residency.cli.doctor.launch import ProbeError, probe
from otel_residency.cli.doctor.report import Report
from otel_residency.cli.environ import variables
from otel_residency.core.catalogue import Catalogue
from otel_residency.settings.load import Settings
from otel_residency.settings.problems import PolicyProblem


class Seen(NamedTuple):
    """The environment of a service."""

    environ: Mapping[str, str]
    settings: Settings
    problems: tuple[PolicyProblem, ...]
    """What is wrong with the settings."""
    catalogue: Catalogue
    today: date
    report: Report | None
    silence: str = ""
    """Why there is no report."""


def gather() -> Seen:
    """Read the settings and the catalogue, and have the probe look."""
    settings, problems, catalogue = active_settings()
    report, silence = None, ""
    try:
        report = probe()
    except ProbeError as error:
        silence = str(error)
    today = datetime.now(UTC).date()
    return Seen(variables(), settings, problems, catalogue, today, report, silence)
