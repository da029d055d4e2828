"""Reads lines of a ledger as plain data, by other means than the audit."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from otel_residency.audit.otlp import Link, NotOtlpError
from otel_residency.audit.rows import read_line
from otel_residency.records.record import Record


def read_link(line: bytes) -> Link | None:
    """The place in the chain of a line; `None` if no ledger has such a line."""
    try:
        return read_line(line).link
    except NotOtlpError:
        return None


def read_record(line: bytes | str) -> Record:
    """The record in a line.

    Raises:
        ValueError: the line is not exactly one log record with an event name.
    """
    try:
        # Unpacked, so that a second record in any of these lists is an error and not overlooked
        # (tests/audit/test_verify.py, test_a_line_made_up_behind_a_checkpoint_holds_one_record).
        ((resource_logs,),) = json.loads(line).values()
        (scope_logs,) = resource_logs["scopeLogs"]
        (log,) = scope_logs["logRecords"]
        return Record(
            event=log["eventName"],
            time=int(log["timeUnixNano"]),
            observed=int(log["observedTimeUnixNano"]),
            attributes=dict(_pairs(log.get("attributes", ()))),
            trace_id=log.get("traceId", ""),
            span_id=log.get("spanId", ""),
            resource=dict(_pairs(resource_logs.get("resource", {}).get("attributes", ()))),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"not one OTLP log record with an event name: {error!r}") from None


def _pairs(attributes: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    for attribute in attributes:
        yield attribute["key"], _read_value(attribute["value"])


def _read_value(value: Mapping[str, Any]) -> Any:
    for kind, content in value.items():
        if kind == "intValue":  # OTLP/JSON writes 64-bit integers as strings
            return int(content)
        if kind == "arrayValue":
            return [_read_value(each) for each in content.get("values", ())]
        return content
    return None
