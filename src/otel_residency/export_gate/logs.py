"""What is exported in the place of a log record. The record itself is never changed."""

from collections.abc import Mapping
from copy import copy
from typing import Any

from opentelemetry.sdk._logs import ReadWriteLogRecord

from otel_residency.export_gate.content import Content
from otel_residency.telemetry import names


class GatedLogRecord(ReadWriteLogRecord):
    """A log record that has been through the gate. It is not treated again."""


def _in_place_of(record: ReadWriteLogRecord, attributes: Mapping[str, Any], body: Any) -> GatedLogRecord:
    dropped = record.dropped_attributes
    log = copy(record.log_record)
    log.attributes, log.body = dict(attributes), body
    if hasattr(log, "exception"):
        log.exception = None
    gated = GatedLogRecord(log, record.resource, record.instrumentation_scope, record.limits)
    bounded: Any = gated.log_record.attributes
    bounded.dropped += dropped
    return gated


def redacted_log(record: ReadWriteLogRecord, content: Content, *, part: bool) -> GatedLogRecord | None:
    """`record` without content, `None` if it held none; `part`: it speaks of the model call itself.

    What an application logs of its own accord keeps its text: what is in it is not known.
    """
    log = record.log_record
    attributes = content.without(log.attributes or {}, strict=part)
    body = None if part else log.body
    if attributes == (log.attributes or {}) and body == log.body:
        return None
    return _in_place_of(record, {**attributes, names.EXPORT_ACTION: names.REDACTED}, body)


def withheld_log(record: ReadWriteLogRecord) -> GatedLogRecord:
    """What stands for a withheld record: its times, its context, its name."""
    return _in_place_of(record, {names.EXPORT_ACTION: names.WITHHELD}, None)
