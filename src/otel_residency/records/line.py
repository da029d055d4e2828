"""A line of a ledger: the record, and the place in the chain, that `verify` and the report read from it.

`read_link` reads the place by the text that a writer puts there, several times faster than JSON is parsed.
That text can be imitated: `read_linked_record` parses the line, and says whether it holds that record alone.
"""

import json
import re
from collections.abc import Iterator
from functools import partial
from typing import IO, NamedTuple

from otel_residency.records.record import Record, read_record
from otel_residency.telemetry import names

LONGEST = 16 << 20
"""Bytes that a line has at most. A longer one is not read to its end: it could fill the memory."""

_LINK = re.compile(
    (
        r'"eventName":"([a-z.]+)","attributes":\['
        rf'\{{"key":"{re.escape(names.LEDGER_WRITER)}","value":\{{"stringValue":"([0-9a-f]{{32}})"\}}\}},'
        rf'\{{"key":"{re.escape(names.LEDGER_SEQUENCE)}","value":\{{"intValue":"([0-9]{{1,18}})"\}}\}},'
        rf'\{{"key":"{re.escape(names.LEDGER_PREVIOUS)}","value":\{{"stringValue":"([0-9a-f]{{64}})"\}}\}}'
    ).encode()
)
_END = re.compile(rb'"schemaUrl":"[^"\\]*"\}\]\}\]\}\Z')
"""How a record ends. It can't occur within a text, where quotation marks are escaped."""
_LONGEST_END = 256
_BEGIN = b'{"resourceLogs":'
_CUT_ESCAPE = re.compile("u[0-9a-f]{0,4}")


class Link(NamedTuple):
    """The place of a line in a chain."""

    event: str
    writer: str
    sequence: int
    previous: str


def read_link(line: bytes) -> Link | None:
    """The place in the chain of a line, with or without its end; `None` if no ledger has such a line."""
    if len(line) >= LONGEST:
        return None
    line = line.removesuffix(b"\n")
    found = _LINK.search(line)
    # The end is looked for in the last bytes alone: a line may be megabytes long, and each is looked at.
    if found is None or _END.search(line, max(0, len(line) - _LONGEST_END)) is None:
        return None
    event, writer, sequence, previous = (part.decode() for part in found.groups())
    return Link(event=event, writer=writer, sequence=int(sequence), previous=previous)


def read_linked_record(line: bytes, link: Link) -> Record | None:
    """The record of a line; `None` unless the line holds one record only, and that has this place."""
    try:
        record = read_record(line)
    except ValueError:
        return None
    attributes = record.attributes
    read = Link(
        event=record.event,
        writer=str(attributes.get(names.LEDGER_WRITER)),
        sequence=attributes.get(names.LEDGER_SEQUENCE, -1),
        previous=str(attributes.get(names.LEDGER_PREVIOUS)),
    )
    return record if read == link else None


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
