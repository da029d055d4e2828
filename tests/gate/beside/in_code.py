"""The service with a package set up in its code: `in_code.py <package> <first|last> <what service.py takes>`.

`first` and `last` say when this project is switched on: before the package or after it. `RECEIVER` is where
the package is told to send.
"""

import os
import sys
from importlib import import_module

from otel_residency import ResidencyInstrumentor


def main(package: str, turn: str, url: str, *left_out: str) -> None:
    """Set everything up in one of the two orders, and serve."""
    steps = [import_module(f"with_{package}").set_up, lambda _: ResidencyInstrumentor().instrument()]
    for step in reversed(steps) if turn == "first" else steps:
        step(os.environ["RECEIVER"])
    import_module("service").serve(url, left_out)


if __name__ == "__main__":
    main(*sys.argv[1:])
