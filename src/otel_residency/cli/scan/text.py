"""Finds variables that are set, and URLs, in text of no particular language."""

import re
from collections.abc import Iterator

from otel_residency.cli.scan.literals import Literal, Position

_COMMENT = re.compile(r"^\s*(?:#|;|//)|\s#\s")
_PAIR = re.compile(r"""(?<![\w.-])-{0,2}([A-Za-z_][\w.-]*)\s*(?:=|:(?!//))\s*("[^"]*"|'[^']*'|[^\s"';,]+)""")
_SET = re.compile(r"\s*ENV\s+(\w+)\s+([^\s=]+)\s*")
"""A second form of ENV in the files of container images."""
_URL = re.compile(r"""\b(?:https?|wss?)://[^\s"'`<>()\\,;]+""")


def in_text(text: str, first: int = 1) -> Iterator[Literal]:
    """Each `NAME=value` or `name: value`, and each other URL; comments are left out.

    Args:
        text: of one or more lines.
        first: the number of its first line.
    """
    for number, line in enumerate(text.splitlines(), start=first):
        comment = _COMMENT.search(line)
        line = line[: comment.start()] if comment else line  # noqa: PLW2901
        pairs = [_SET.fullmatch(line)] if _SET.fullmatch(line) else list(_PAIR.finditer(line))
        for pair in filter(None, pairs):
            value = pair[2].strip("\"'")
            column = line.index(value, pair.start(2)) + 1
            yield Literal(place=Position(number, column), key=pair[1].replace("-", "_"), value=value)
        for url in _URL.finditer(line):
            yield Literal(place=Position(number, url.start() + 1), key="", value=url[0].rstrip("."))
