"""What a file of environment variables says."""

from collections.abc import Iterator
from io import StringIO

from dotenv.parser import parse_stream
from dotenv.variables import Variable, parse_variables

from otel_residency.cli.scan.said import Found, Place, Said

_LONGEST = 2048
"""Of a longer value variables are left as they stand: some made of one another grow without end."""


def read(content: bytes) -> Iterator[Found]:
    """Each variable that it sets, with those of the file that it is made of."""
    known: dict[str, str | None] = {}
    for binding in parse_stream(StringIO(content.decode("utf-8-sig", errors="replace"))):
        if binding.key and binding.value:
            blank = len(binding.original.string) - len(binding.original.string.lstrip("\n"))
            known[binding.key] = value = _resolved(binding.value, known)
            yield Said(Place(binding.original.line + blank), binding.key, value)


def _resolved(value: str, known: dict[str, str | None]) -> str:
    """What it stands for; a variable that the file does not set stays what it is, where it has no default."""
    if "${" not in value or len(value) > _LONGEST:
        return value
    parts = tuple(parse_variables(value))
    variables = (each for each in parts if isinstance(each, Variable))
    unset = {each.name: f"${{{each.name}}}" for each in variables if each.default is None}
    resolved = "".join(each.resolve({**unset, **known}) for each in parts)
    return resolved if len(resolved) <= _LONGEST else value
