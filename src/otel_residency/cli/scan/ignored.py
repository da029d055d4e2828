"""Comments by which people take a finding on themselves."""

import re
from collections.abc import Iterator, Mapping

from otel_residency.cli.scan.said import Open, Place
from otel_residency.core.reasons import REASONS

_MARK = b"otel-residency: ignore"
_COMMENT = re.compile(r"(?:#|//|;)\s*otel-residency: ignore(?:\[([^\]]*)\])?(.*?)(?:\\n.*)?$")
_ALONE = re.compile(r"[\s\"]*$")
_END = re.compile(r"[\"',\]}\s]*$")
"""What stands behind it in a notebook."""

Ignored = Mapping[tuple[int, str], str]
"""By line and reason code, why it is ignored."""


def read_ignored(content: bytes) -> tuple[Ignored, tuple[Open, ...]]:
    """What the comments of a file ignore, at their line or, where they stand alone, at the next one.

    One without known codes or without a reason ignores nothing, and is told of.
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
            wrong.append(Open(Place(number), "ignore[CODE] that names no known code, or no reason behind it"))
    return ignored, tuple(wrong)


def _comments(content: bytes) -> Iterator[tuple[int, re.Match[str], bool]]:
    for number, line in enumerate(content.decode("utf-8", errors="replace").split("\n"), start=1):
        if comment := _COMMENT.search(line):
            yield number, comment, bool(_ALONE.match(line[: comment.start()]))
