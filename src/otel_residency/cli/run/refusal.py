"""The end of a program that would have run unguarded."""

import os
import sys
from typing import NoReturn

from otel_residency.cli.environ import variables, without_secrets

REFUSED = 78
"""Exit code of a program that is configured wrongly; `EX_CONFIG` of sysexits."""


def refuse(why: str) -> NoReturn:
    """Say why in one line, and end the process at once: no handler, no thread, no line of the program."""
    line = without_secrets(" ".join(why.split()), variables())
    sys.stderr.write(f"otel-residency: not started: {line}\n")
    sys.stderr.flush()
    os._exit(REFUSED)
