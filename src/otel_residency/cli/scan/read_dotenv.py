"""What a file of environment variables says."""

from collections.abc import Iterator
from io import StringIO

from dotenv.parser import parse_stream

from otel_residency.cli.scan.said import Found, Place, Said


def read(content: bytes) -> Iterator[Found]:
    """Each variable that it sets."""
    for binding in parse_stream(StringIO(content.decode("utf-8", errors="replace"))):
        if binding.key and binding.value:
            blank = len(binding.original.string) - len(binding.original.string.lstrip("\n"))
            yield Said(Place(binding.original.line + blank), binding.key, binding.value)
