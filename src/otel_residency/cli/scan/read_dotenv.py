"""Reads files of environment variables."""

from collections import ChainMap
from collections.abc import Iterator
from io import StringIO

from dotenv.parser import parse_stream
from dotenv.variables import Variable, parse_variables

from otel_residency.cli.scan.literals import Found, Literal, Position

_LONGEST = 2048
"""In a longer value variables are not replaced: values made of one another can grow without end."""


def read(content: bytes) -> Iterator[Found]:
    """Each variable that the file sets; variables of the same file are replaced in its value."""
    variables: dict[str, str | None] = {}
    for binding in parse_stream(StringIO(content.decode("utf-8-sig", errors="replace"))):
        if binding.key and binding.value:
            blank = len(binding.original.string) - len(binding.original.string.lstrip("\n"))
            variables[binding.key] = value = _resolved(binding.value, variables)
            place = Position(binding.original.line + blank)
            yield Literal(place=place, key=binding.key, value=value)


def _resolved(value: str, given: dict[str, str | None]) -> str:
    """The value with its variables replaced; one that the file does not set, and without a default, stays."""
    if "${" not in value or len(value) > _LONGEST:
        return value
    parts = tuple(parse_variables(value))
    variables = (each for each in parts if isinstance(each, Variable))
    unset: dict[str, str | None] = {
        each.name: f"${{{each.name}}}" for each in variables if each.default is None
    }
    # A view of both: to copy all variables for each value would take the square of their number.
    resolved = "".join(each.resolve(ChainMap(given, unset)) for each in parts)
    return resolved if len(resolved) <= _LONGEST else value
