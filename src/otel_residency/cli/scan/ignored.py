"""Reads the comments that ignore findings: `# otel-residency: ignore[CODE] reason`."""

import re
from collections.abc import Iterator, Mapping

from otel_residency.cli.scan.literals import Position, Unresolved
from otel_residency.core.reasons import REASONS

_MARK = b"otel-residency: ignore"
_COMMENT = re.compile(r"(?:#|//|;)\s*otel-residency: ignore(?:\[([^\]]*)\])?(.*?)(?:\\n.*)?$")
_ALONE = re.compile(r"[\s\"]*$")
_END = re.compile(r"[\"',\]}\s]*$")
"""What follows a comment in the JSON of a notebook."""

Ignored = Mapping[tuple[int, str], str]
"""The reason of the comment, by line and reason code."""


def read_ignored(content: bytes) -> tuple[Ignored, tuple[Unresolved, ...]]:
    """The findings that the comments of a file ignore, and the comments that are wrong.

    A comment applies to its line, or to the next one if it is alone on its line. One without known codes or
    without a reason ignores nothing.
    """
    if _MARK not in content:
        return {}, ()
    ignored: dict[tuple[int, str], str] = {}
    wrong = []
    for number, comment, is_alone in _comments(content):
        codes = [each.strip() for each in (comment[1] or "").split(",")]
        why = _END.sub("", comment[2]).strip(" -:")
        if why and all(code in REASONS for code in codes):
            ignored |= {(number + is_alone, code): why for code in codes}
        else:
            problem = "ignore comment without a known code, or without a reason"
            wrong.append(Unresolved(Position(number), problem))
    return ignored, tuple(wrong)


def _comments(content: bytes) -> Iterator[tuple[int, re.Match[str], bool]]:
    for number, line in enumerate(content.decode("utf-8", errors="replace").split("\n"), start=1):
        if comment := _COMMENT.search(line):
            yield number, comment, bool(_ALONE.match(line[: comment.start()]))
