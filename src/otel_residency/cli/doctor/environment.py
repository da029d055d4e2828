"""What the checks inspect: settings, catalogue, variables and the report of the probe."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import NamedTuple

from otel_residency.cli.active_settings import active_settings
from otel_residency.cli.doctor.launch import ProbeError, probe
from otel_residency.cli.doctor.probe_report import ProbeReport
from otel_residency.cli.environ import variables
from otel_residency.core.catalogue import Catalogue
from otel_residency.settings.load import Settings
from otel_residency.settings.problems import PolicyProblem


class Environment(NamedTuple):
    """The environment of a service."""

    environ: Mapping[str, str]
    settings: Settings
    problems: tuple[PolicyProblem, ...]
    """What is wrong with the settings."""
    catalogue: Catalogue
    today: date
    report: ProbeReport | None
    probe_error: str = ""
    """Why there is no report; empty if there is one."""


def gather() -> Environment:
    """Read the settings and the catalogue, and run the probe."""
    settings, problems, catalogue = active_settings()
    report, probe_error = None, ""
    try:
        report = probe()
    except ProbeError as error:
        probe_error = str(error)
    today = datetime.now(UTC).date()
    return Environment(
        environ=variables(),
        settings=settings,
        problems=problems,
        catalogue=catalogue,
        today=today,
        report=report,
        probe_error=probe_error,
    )
