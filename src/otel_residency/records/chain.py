"""The hash chain of a ledger: each line has its writer, its number, and the hash of the line before it."""

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from secrets import token_hex
from typing import Any, NamedTuple

from otel_residency.records.record import Record, write_record
from otel_residency.telemetry import names

BEGINNING = "0" * 64
"""In place of the hash of the line before the first one."""
CHECKPOINT_RECORDS = 1000
"""A checkpoint is added after this many records."""

_SIGNED = re.compile(
    (
        rf',\{{"key":"{re.escape(names.LEDGER_SIGNATURE)}","value":\{{"stringValue":"([^"\\]*)"\}}\}}'
        rf',\{{"key":"{re.escape(names.LEDGER_KEY)}","value":\{{"stringValue":"([^"\\]*)"\}}\}}'
    ).encode()
)

Sign = Callable[[str], Mapping[str, str]]
"""Attributes with the signature of a text."""


def digest(line: bytes) -> str:
    """The hash of a line without its end, which is in the next line."""
    return sha256(line).hexdigest()


def signed_text(line: bytes) -> str:
    """The text that is signed for a checkpoint: all of its line but the signature itself."""
    return f"{names.EVENT_CHECKPOINT}:{digest(line)}"


class Signature(NamedTuple):
    """The signature of a checkpoint."""

    text: str
    """The text that was signed."""
    signature: str
    key: str
    """The id of the key."""


def read_signature(line: bytes) -> Signature | None:
    """The signature of a checkpoint, if it has one."""
    found = _SIGNED.search(line)
    if found is None:
        return None
    signature, key = (part.decode("ascii", "replace") for part in found.groups())
    return Signature(signed_text(line[: found.start()] + line[found.end() :]), signature, key)


class Chain:
    """The chain of one writer: adds to each record its link, and makes its line."""

    def __init__(self) -> None:
        """Begin with a random id, which no other writer has."""
        self.writer = token_hex(16)
        self._sequence = 0
        self._head = BEGINNING

    def add(self, record: Record) -> tuple[Record, bytes]:
        """`record` with its link, and its line without the end."""
        linked = self._linked(record)
        line = write_record(linked)
        self._sequence, self._head = self._sequence + 1, digest(line)
        return linked, line

    def _linked(self, record: Record) -> Record:
        link = {
            names.LEDGER_WRITER: self.writer,
            names.LEDGER_SEQUENCE: self._sequence,
            names.LEDGER_PREVIOUS: self._head,
        }
        # The link first: `verify` takes a line without it for no record of a ledger.
        return record._replace(attributes={**link, **record.attributes})

    def checkpoint(
        self, now: int, resource: Mapping[str, Any], sign: Sign | None, *, closed: bool, dropped: int
    ) -> tuple[Record, bytes]:
        """A checkpoint of the records so far, and its line.

        Args:
            now: nanoseconds since 1970.
            resource: attributes of the process.
            sign: signs it, if there is a key.
            closed: whether it ends the chain.
            dropped: records lost so far.
        """
        attributes: dict[str, Any] = {names.LEDGER_HEAD: self._head}
        if closed:
            attributes[names.LEDGER_CLOSED] = True
        if dropped:
            attributes[names.LEDGER_DROPPED] = dropped
        record = Record(
            event=names.EVENT_CHECKPOINT, time=now, observed=now, attributes=attributes, resource=resource
        )
        if sign is not None:
            # Signed over the line without signature, which `read_signature` cuts out again as bytes: JSON
            # could be written in more than one way.
            signature = sign(signed_text(write_record(self._linked(record))))
            record = record._replace(attributes={**attributes, **signature})
        return self.add(record)
