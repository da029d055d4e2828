"""The subcommands `policy check` and `policy show`."""

from pathlib import Path
from typing import Annotated

import typer

from otel_residency.cli.options import Json
from otel_residency.cli.plain import as_document
from otel_residency.cli.policy.effective import effective
from otel_residency.cli.policy.problems import file_problems, problems_here

policy = typer.Typer(
    help="What is wrong with a policy, and what holds here.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@policy.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A policy; without it, the settings that hold here.")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Tell what is wrong with a policy: key, value and fix.

    Exit code: 0 if nothing is wrong, 1 if something is, 2 for a command line that can't be read.
    """
    from otel_residency.cli.policy.show import problems_as_text  # noqa: PLC0415

    problems = list(file_problems(file) if file else problems_here())
    typer.echo(as_document({"problems": problems}) if json else problems_as_text(problems, file))
    raise typer.Exit(int(bool(problems)))


@policy.command()
def show(*, json: Json = False) -> None:
    """Show the policy that holds here, and where each value comes from.

    The environment wins over the file, a rule for this service over both. Exit code: 0, or 1 if a setting
    can't be read.
    """
    from otel_residency.cli.policy.show import effective_as_text  # noqa: PLC0415

    holds = effective()
    typer.echo(as_document(holds) if json else effective_as_text(holds))
    raise typer.Exit(int(bool(holds.problems)))
