"""Prints JSON documents and error messages. It imports no rich, which `run` has no time for."""

import json
import sys
from typing import Any, NoReturn

from otel_residency.cli import USAGE
from otel_residency.core.decode import to_plain
from otel_residency.version import __version__


def as_shown(text: str) -> str:
    """Lines of text without control characters."""
    return printable(text, "\n\N{NO-BREAK SPACE}")


def printable(text: str, keep: str = "") -> str:
    """`text` with `?` for each character that is not printable and not in `keep`."""
    return "".join(letter if letter.isprintable() or letter in keep else "?" for letter in text)


def as_document(command: str, content: Any) -> str:
    """The JSON document that `--json` prints: version, command, and the keys of `content`.

    Each command's keys are in docs/cli.schema.json.
    """
    return as_json({"otel_residency": __version__, "command": command, **to_plain(content, defaults=True)})


def as_json(value: Any) -> str:
    """`value` as indented JSON."""
    return json.dumps(to_plain(value, defaults=True), indent=2, ensure_ascii=False)


def print_error(line: str) -> None:
    """Print `line` on standard error."""
    sys.stderr.write(f"otel-residency: {printable(line)}\n")


def stop(line: str, code: int = USAGE) -> NoReturn:
    """Print why on standard error, and end with this exit code."""
    print_error(line)
    sys.exit(code)
