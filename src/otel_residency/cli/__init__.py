"""The command `otel-residency`; the only room that knows typer and rich, and nothing else imports it.

One room per subcommand. Its `command.py` reads the command line; what a service's own process or the
doctor's probe runs stands beside it and needs neither library.
"""

import os
import sys
from importlib.util import find_spec

_NEEDS = ("typer", "rich")
USAGE = 2
"""Exit code for a command line that can't be carried out as it stands."""


def main() -> None:
    """Run the command line, or say what to install for it."""
    missing = [name for name in _NEEDS if find_spec(name) is None]
    if missing:
        needed = " and ".join(missing)
        sys.stderr.write(f"otel-residency: the command needs {needed}: pip install 'otel-residency[cli]'\n")
        sys.exit(USAGE)
    from otel_residency.cli.app import app  # noqa: PLC0415 - only now is it known to be importable

    try:
        app(prog_name="otel-residency")
    except OSError as error:  # of what the commands read and write they tell themselves
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left in a buffer is lost in silence
        sys.stderr.write(f"otel-residency: {error.filename or 'standard output'}: {error.strerror}\n")
        sys.exit(USAGE)
