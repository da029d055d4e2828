"""The subcommands, put together. Each one is imported when it is asked for: `explain` waits for no other."""

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from otel_residency.version import __version__

COMMANDS = {
    "attest": "attest",
    "catalogue": "catalogue",
    "check": "check",
    "check-batch": "check_batch",
    "doctor": "doctor.command",
    "explain": "explain",
    "policy": "policy",
    "report": "report",
    "run": "run.command",
    "scan": "scan.command",
    "verify": "verify",
}
"""By name, the module below `otel_residency.cli` with the function or group of that name."""
_PLAIN: dict[str, Any] = {"add_completion": False, "rich_markup_mode": None}
_SETTINGS: dict[str, dict[str, Any]] = {
    # What follows the program to start belongs to it, also what looks like an option of ours.
    "run": {"allow_interspersed_args": False}
}


class _Rooms(TyperGroup):
    """The subcommands by their rooms."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted({*COMMANDS, *super().list_commands(ctx)})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module = import_module(f"otel_residency.cli.{COMMANDS[cmd_name]}")
        found = getattr(module, cmd_name.replace("-", "_"))
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(**_PLAIN)
            found.command(cmd_name, context_settings=_SETTINGS.get(cmd_name))(function)
        return get_command(found)


app = typer.Typer(
    cls=_Rooms,
    help="Which region did each OpenAI API call really go to?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100},
)


def _version(asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if asked:
        typer.echo(f"otel-residency {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Hold the options of the command itself."""
