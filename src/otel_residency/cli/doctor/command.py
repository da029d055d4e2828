"""The subcommand `doctor`."""

from typing import Annotated

import typer

from otel_residency.cli.doctor.check import Status
from otel_residency.cli.doctor.checks import all_checks
from otel_residency.cli.doctor.seen import gather
from otel_residency.cli.doctor.show import as_json, as_text, worst
from otel_residency.cli.options import Json


def doctor(
    *,
    json: Json = False,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings fail, too.")] = False,
) -> None:
    """Tell what is guarded here, what is not, and the fix.

    Run it with the variables, the interpreter and in the container of a service. It starts an empty
    program under opentelemetry-instrument and looks at it from the inside; it makes no call and exports
    nothing. Exit code: 0 if nothing failed, 1 if something did.
    """
    checks = list(all_checks(gather()))
    typer.echo(as_json(checks) if json else as_text(checks))
    failing = (Status.WARNING, Status.FAILURE) if strict else (Status.FAILURE,)
    raise typer.Exit(int(worst(checks) in failing))
