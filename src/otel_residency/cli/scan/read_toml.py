"""Reads TOML files."""

import re
import tomllib
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from typing import Any

from otel_residency.cli.scan.literals import Found, Literal, Position, UnreadableError

_TOKEN = re.compile(r"""("(?:[^"\\\n]|\\.)*+"|'[^'\n]*+'|(?<![\w-])[\w-]++)(?P<names>[ \t]*+=)?""")
"""A text or a word, and whether it is the key of what follows."""
_DEEP = re.compile(r"""(?<![\w.-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){100}""")
"""A dotted key that no one writes: tomllib of Python 3.11 takes the square of its length."""

Lines = dict[Any, deque[int]]


def read(content: bytes) -> Iterator[Found]:
    """Each text with its key. The parser returns no lines: the first unused line with both is taken.

    Raises:
        UnreadableError: it is not TOML, or has keys of too many parts.
    """
    try:
        text = content.decode("utf-8-sig")
        if _DEEP.search(text):
            raise UnreadableError("is nested too deeply")
        parsed = tomllib.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableError("is not TOML") from None
    by_key, by_value = _lines(text)
    for key, value in _texts("", parsed):
        lines = by_key.get((key, value)) or by_value.get(value) or (1,)
        line = lines[0]
        if isinstance(lines, deque) and len(lines) > 1:
            lines.popleft()
        yield Literal(place=Position(line), key=key, value=value)


def _lines(text: str) -> tuple[Lines, Lines]:
    """The lines of each text, by its key and the text, and by the text alone."""
    by_key: Lines = defaultdict(deque)
    by_value: Lines = defaultdict(deque)
    key = ""
    for number, line in enumerate(text.splitlines(), start=1):
        for token in _TOKEN.finditer(line):
            value = token[1][1:-1] if token[1][0] in "\"'" else token[1]
            if token["names"]:
                key = value
            else:
                by_key[key, value].append(number)
                by_value[value].append(number)
    return by_key, by_value


def _texts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _texts(name, each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(key, each)
