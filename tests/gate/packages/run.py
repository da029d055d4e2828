"""Run a package and print what it exported, as one JSON document: `run.py <package> <mode> [--before …]`.

To be started in the environment of the package. Nothing is imported, of it or of the client, until what
`--before` names was called: this is where a gate is put in front.
"""

import json
import sys
from argparse import ArgumentParser
from importlib import import_module


def main() -> None:
    """Run one package in one of its modes."""
    parser = ArgumentParser()
    parser.add_argument("package", help="such as openlit, for drive_openlit.py")
    parser.add_argument("mode", help="a key of its MODES")
    parser.add_argument("--before", help="module:function to call first")
    options = parser.parse_args()
    if options.before:
        module, _, function = options.before.partition(":")
        getattr(import_module(module), function)()
    switch_on = import_module(f"drive_{options.package}").MODES[options.mode]
    json.dump(import_module("driver").drive(switch_on), sys.stdout)


if __name__ == "__main__":
    main()
