"""Ends a program that would run without the guard."""

import os
import sys
from typing import NoReturn

from otel_residency.cli.environ import variables, without_secrets

REFUSED = 78
"""Exit code for a wrong configuration; `EX_CONFIG` of sysexits."""


def refuse(why: str) -> NoReturn:
    """Print why in one line, and end the process at once: no exit handler and no line of the program runs."""
    line = without_secrets(" ".join(why.split()), variables())
    sys.stderr.write(f"otel-residency: not started: {line}\n")
    sys.stderr.flush()
    os._exit(REFUSED)
