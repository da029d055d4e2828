"""The hash chain of a ledger: each line names its writer, its number, and the line before it."""

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from secrets import token_hex
from typing import Any, NamedTuple

from otel_residency.records.record import Record, write_record
from otel_residency.telemetry import names

BEGINNING = "0" * 64
"""What stands for the line before the first."""
CHECKPOINT_RECORDS = 1000
"""After as many records there is a checkpoint."""

_SIGNED = re.compile(
    (
        rf',\{{"key":"{re.escape(names.LEDGER_SIGNATURE)}","value":\{{"stringValue":"([^"\\]*)"\}}\}}'
        rf',\{{"key":"{re.escape(names.LEDGER_KEY)}","value":\{{"stringValue":"([^"\\]*)"\}}\}}'
    ).encode()
)

Sign = Callable[[str], Mapping[str, str]]
"""Attributes with the signature of a text."""


def digest(line: bytes) -> str:
    """What the next line says of this one, without its end."""
    return sha256(line).hexdigest()


def signed_text(line: bytes) -> str:
    """What is signed of a checkpoint: all that is in its line, but for the signature itself."""
    return f"{names.EVENT_CHECKPOINT}:{digest(line)}"


class Signature(NamedTuple):
    """What a checkpoint is signed with."""

    text: str
    """What was signed."""
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
    """The lines of one writer."""

    def __init__(self) -> None:
        """Begin with a name that no other writer has."""
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
        return record._replace(attributes={**link, **record.attributes})

    def checkpoint(
        self, now: int, resource: Mapping[str, Any], sign: Sign | None, *, closed: bool, dropped: int
    ) -> tuple[Record, bytes]:
        """A record, and its line, that tells of those before it.

        Args:
            now: nanoseconds since 1970.
            resource: attributes of the process.
            sign: signs it, where there is a key.
            closed: whether the writer ends with it.
            dropped: records lost so far.
        """
        told: dict[str, Any] = {names.LEDGER_HEAD: self._head}
        if closed:
            told[names.LEDGER_CLOSED] = True
        if dropped:
            told[names.LEDGER_DROPPED] = dropped
        record = Record(names.EVENT_CHECKPOINT, now, now, told, resource=resource)
        if sign is not None:
            signature = sign(signed_text(write_record(self._linked(record))))
            record = record._replace(attributes={**told, **signature})
        return self.add(record)
