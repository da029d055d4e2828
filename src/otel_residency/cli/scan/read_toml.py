"""Reads TOML files."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from otel_residency.cli.scan.literals import Found, Literal, Position, UnreadableError


def read(content: bytes) -> Iterator[Found]:
    """Each text with its key. The parser returns no lines: the first unused line with both is taken.

    Raises:
        UnreadableError: it is not TOML.
    """
    try:
        text = content.decode("utf-8-sig")
        parsed = tomllib.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableError("is not TOML") from None
    taken: set[int] = set()
    lines = text.splitlines()
    for key, value in _texts("", parsed):
        holding = (at for at, line in enumerate(lines) if value in line and key in line and at not in taken)
        alone = (at for at, line in enumerate(lines) if value in line)
        at = next(holding, next(alone, 0))
        taken.add(at)
        yield Literal(place=Position(at + 1), key=key, value=value)


def _texts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _texts(name, each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(key, each)
