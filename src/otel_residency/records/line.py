"""The lines of a ledger: their longest, their ends, and those that a killed process left without one."""

import json
import re
from collections.abc import Iterator
from functools import partial
from typing import IO

LONGEST = 1 << 26
"""Bytes that a line has at most. A longer one is not read to its end: it could fill the memory."""

_BEGIN = b'{"resourceLogs":'
_CUT_ESCAPE = re.compile("u[0-9a-f]{0,4}")


def lines_of(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file with their ends; of a line that is too long, its first `LONGEST` bytes."""
    begins = True
    for piece in iter(partial(file.readline, LONGEST), b""):
        # The rest of a line that is too long is skipped: it must not count as a line of its own.
        if begins:
            yield piece
        begins = piece.endswith(b"\n")


def is_cut(line: bytes) -> bool:
    """Whether a line is a record without its end, as a killed process leaves it: JSON that stops early.

    A record that is damaged before its end was not cut: somebody edited it.
    """
    line = line.removesuffix(b"\n")
    if not 0 < len(line) < LONGEST or line[: len(_BEGIN)] != _BEGIN[: len(line)]:
        return False
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        # Cut within a letter of several bytes, as opposed to bytes that are no UTF-8 at all.
        if error.reason != "unexpected end of data":
            return False
        text = line[: error.start].decode()
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        # Python's parser names the place where it stopped. A cut leaves nothing there, a part of `true` or
        # `false`, a string without its end, or a part of an escape like \u00e9.
        rest = text[error.pos :]
        within_literal = any(literal.startswith(rest) for literal in ("true", "false"))
        return within_literal or error.msg.startswith("Unterminated") or bool(_CUT_ESCAPE.fullmatch(rest))
    except (ValueError, RecursionError):
        return False
    return False
