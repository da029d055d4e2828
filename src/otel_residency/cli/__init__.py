"""The command `otel-residency`. Only this package imports typer and rich, and nothing imports it.

One module per subcommand, or a folder with a `command.py`. What runs in the process of a service or of the
doctor's probe needs neither library.
"""

import os
import sys
from importlib.util import find_spec

_NEEDS = ("typer", "rich")
USAGE = 2
"""Exit code for a command that can't run as it was called."""


def main() -> None:
    """Run the command line, or report what has to be installed for it."""
    missing = [name for name in _NEEDS if find_spec(name) is None]
    if missing:
        needed = " and ".join(missing)
        sys.stderr.write(f"otel-residency: the command needs {needed}: pip install 'otel-residency[cli]'\n")
        sys.exit(USAGE)
    from otel_residency.cli.app import app  # noqa: PLC0415 - only now is it known to be importable
    from otel_residency.runtime.shown_path import shown_path  # noqa: PLC0415

    try:
        app(prog_name="otel-residency")
    except OSError as error:  # errors of the files that commands read and write are reported there
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that the flush at exit reports no second error
        name = shown_path(str(error.filename)) if error.filename else "standard output"
        sys.stderr.write(f"otel-residency: {name}: {error.strerror}\n")
        sys.exit(USAGE)
