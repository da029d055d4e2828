"""What stands in text of no particular language: variables that are set, and URLs."""

import re
from collections.abc import Iterator

from otel_residency.cli.scan.said import Place, Said

_COMMENT = re.compile(r"^\s*(?:#|;|//)|\s#\s")
_PAIR = re.compile(r"""(?<![\w.-])-{0,2}([A-Za-z_][\w.-]*)\s*(?:=|:(?!//))\s*("[^"]*"|'[^']*'|[^\s"';,]+)""")
_SET = re.compile(r"\s*ENV\s+(\w+)\s+([^\s=]+)\s*")
"""As the files of container images write it, too."""
_URL = re.compile(r"""\b(?:https?|wss?)://[^\s"'`<>()\\,;]+""")


def in_text(text: str, first: int = 1) -> Iterator[Said]:
    """Each `NAME=value` or `name: value`, and each URL besides; comments say nothing.

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
            yield Said(Place(number, column), pair[1].replace("-", "_"), value)
        for url in _URL.finditer(line):
            yield Said(Place(number, url.start() + 1), "", url[0].rstrip("."))
