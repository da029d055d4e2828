"""The end of a command that can't go on."""

import sys
from typing import NoReturn

from otel_residency.cli import USAGE
from otel_residency.cli.plain import printable


def tell(line: str) -> None:
    """Say `line` on standard error."""
    sys.stderr.write(f"otel-residency: {printable(line)}\n")


def stop(line: str, code: int = USAGE) -> NoReturn:
    """Say why on standard error, and end with this exit code."""
    tell(line)
    sys.exit(code)
