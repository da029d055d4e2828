"""The subcommands, put together."""

import typer

from otel_residency.cli.attest.command import attest
from otel_residency.cli.check_batch.command import check_batch
from otel_residency.cli.doctor.command import doctor
from otel_residency.cli.run.command import run
from otel_residency.cli.verify.command import verify

app = typer.Typer(
    help="Which region did each OpenAI API call really go to?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100},
)
app.command()(attest)
app.command()(doctor)
app.command()(check_batch)
app.command()(verify)
# What follows the program to start belongs to it, also what looks like an option of ours.
app.command(context_settings={"allow_interspersed_args": False})(run)
