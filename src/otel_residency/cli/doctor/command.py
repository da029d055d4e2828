"""The subcommand `doctor`."""

from typing import Annotated

import typer

from otel_residency.cli.doctor.check import Status
from otel_residency.cli.doctor.checks import all_checks
from otel_residency.cli.doctor.environment import gather
from otel_residency.cli.doctor.show import as_json, as_text, worst
from otel_residency.cli.options import Json


def doctor(
    *,
    json: Json = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings, too.")] = False,
) -> None:
    """Check whether calls and telemetry are guarded in this environment.

    Run it in the container of a service, with its variables and its interpreter. Starts an empty program
    under opentelemetry-instrument and inspects it; makes no call and exports nothing. Exit code: 0 if no
    check failed, 1 if one did.
    """
    checks = list(all_checks(gather()))
    typer.echo(as_json(checks) if json else as_text(checks))
    failing = (Status.WARNING, Status.FAILURE) if strict else (Status.FAILURE,)
    raise typer.Exit(int(worst(checks) in failing))
