"""An OTLP document as rows: the one relation that the report queries, whatever the records came from.

Every column is text, as the Collector's exporter for ClickHouse writes attributes: `true` for a boolean, a
JSON list for a list, and an empty text where there is nothing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from otel_residency.audit.otlp import (
    Holder,
    Link,
    Point,
    ResourceLogs,
    ResourceMetrics,
    ResourceSpans,
    all_texts_of,
    link_of,
    parse,
    texts_of,
    whole_number,
)
from otel_residency.telemetry import names

LEDGER, LOG, SPAN, FOREIGN_SPAN, METRIC = "ledger", "log", "span", "foreign_span", "metric"
"""The signal of a row: a line of a ledger, a log record or span of this package, another library's span of a
request to a vendor, our counter."""
EVENTS: Final = frozenset(
    {names.EVENT_CALL, names.EVENT_POLICY, names.EVENT_CHECKPOINT, names.EVENT_VIOLATION}
)
ATTRIBUTES: Final[Mapping[str, str]] = {
    "verdict": names.VERDICT,
    "violation": names.VIOLATION,
    "action": names.ACTION,
    "region": names.REGION,
    "required": names.REQUIRED,
    "owner": names.EXCEPTION_OWNER,
    "exception": names.EXCEPTION_REASON,
    "base_url": names.BASE_URL,
    "host": names.SERVER_ADDRESS,
    "endpoint": names.ENDPOINT,
    "requested": names.MODEL_REQUESTED,
    "snapshot": names.MODEL_SNAPSHOT,
    "reasons": names.REASONS,
    "catalogue": names.CATALOGUE,
    "policy": names.POLICY,
    "facts": names.FACTS,
    "document": names.POLICY_DOCUMENT,
    "writer": names.LEDGER_WRITER,
}
"""Columns that are attributes of a record."""
RESOURCE: Final[Mapping[str, str]] = {
    "service": "service.name",
    "environment": "deployment.environment.name",
}
"""Columns that are attributes of its resource."""
NUMBERS: Final = ("calls", "first", "last", "low", "high", "dropped")
"""Columns that are numbers."""
TEXTS: Final = ("signal", "event", "day", *RESOURCE, *ATTRIBUTES, "started")
"""Columns that are text; `started` is the day on which a counter began, whose id is in `writer`."""
DELTA: Final = (1, "AGGREGATION_TEMPORALITY_DELTA")
"""A counter that reports what was added since its last report, and not since it began."""
_LABELS: Final = tuple(RESOURCE.values())
_NEEDED: Final = (*ATTRIBUTES.values(), names.LEDGER_SEQUENCE, names.LEDGER_DROPPED)
"""Attributes that a row needs; first those that it has a column for."""
_VERDICT, _HOST = _NEEDED.index(names.VERDICT), _NEEDED.index(names.SERVER_ADDRESS)
as_json: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_LIST: Final = msgspec.json.Decoder(list[str | int | float | bool | None])
_CLIENT_SPAN: Final = (3, "SPAN_KIND_CLIENT")
DAY: Final = 86_400 * 10**9
"""In nanoseconds."""
DAY_AT: Final = TEXTS.index("day")

Key = tuple[str, ...]
"""The values of `TEXTS`."""


class RecordRow(NamedTuple):
    """One record."""

    key: Key
    time: int
    """When it began, in nanoseconds since 1970."""
    sequence: int = -1
    """Its number in a ledger, or how far a counter got; -1 elsewhere."""
    dropped: int = 0
    """How many records its writer reports as not written."""
    calls: int = 1


def day_of(time: int) -> str:
    """The UTC day of a time in nanoseconds, like `2026-11-20`."""
    return _day(time // DAY)


@lru_cache
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * 86_400, UTC).date().isoformat()


class ParsedLine(NamedTuple):
    """What `report` counts of a line, and what `verify` checks of it."""

    rows: list[RecordRow]
    link: Link | None
    """Its place in a chain; `None` if no ledger has such a line."""


def read_line(line: bytes, vendors: AbstractSet[str] = frozenset()) -> ParsedLine:
    """The rows of one OTLP/JSON document.

    Args:
        line: logs, spans or metrics. Telemetry of other libraries has no rows, with two exceptions:
            client spans to `vendors`, and client spans that the export gate or a Collector judged.
        vendors: hosts.

    Raises:
        NotOtlpError: it is something else.
    """
    document = parse(line)
    link = link_of(document, line)
    rows = [
        *_logs(document.resource_logs or (), LOG if link is None else LEDGER),
        *_spans(document.resource_spans or (), vendors),
        *_counters(document.resource_metrics or ()),
    ]
    return ParsedLine(rows=rows, link=link if rows else None)


def _logs(given: Iterable[ResourceLogs], signal: str) -> Iterator[RecordRow]:
    for of_resource in given:
        resource = texts_of(of_resource.resource.attributes, _LABELS)
        for scope in of_resource.scope_logs or ():
            # The scope too: anybody may write an event of that name.
            for record in (scope.log_records or ()) if scope.scope.name == names.SCOPE else ():
                event = record.event_name or texts_of(record.attributes, ("event.name",))[0]
                if event in EVENTS:
                    time = record.time_unix_nano or record.observed_time_unix_nano
                    yield _row(signal, event, time, resource, texts_of(record.attributes, _NEEDED))


def _spans(given: Iterable[ResourceSpans], vendors: AbstractSet[str]) -> Iterator[RecordRow]:
    for of_resource in given:
        resource = texts_of(of_resource.resource.attributes, _LABELS)
        for scope in of_resource.scope_spans or ():
            ours = scope.scope.name == names.SCOPE
            for span in scope.spans or ():
                if not ours and span.kind not in _CLIENT_SPAN:
                    continue
                texts = texts_of(span.attributes, _NEEDED)
                if ours or texts[_VERDICT] or texts[_HOST] in vendors:
                    signal = SPAN if ours else FOREIGN_SPAN
                    yield _row(signal, names.EVENT_CALL, span.start_time_unix_nano, resource, texts)


def _counters(given: Iterable[ResourceMetrics]) -> Iterator[RecordRow]:
    for of_resource in given:
        for scope in of_resource.scope_metrics or ():
            for metric in scope.metrics or ():
                if scope.scope.name == names.SCOPE and metric.name == names.METRIC_CALLS and metric.sum:
                    is_delta = metric.sum.aggregation_temporality in DELTA
                    for point in metric.sum.data_points or ():
                        yield _counted(point, of_resource.resource, is_delta=is_delta)


def _counted(point: Point, resource: Holder, *, is_delta: bool) -> RecordRow:
    """A counter's value at one time. A cumulative counter gets an id, so that its values are compared."""
    labels, columns = texts_of(resource.attributes, _LABELS), texts_of(point.attributes, _NEEDED)
    row = _row(METRIC, names.METRIC_CALLS, point.time_unix_nano, labels, columns)
    if point.as_int is None and isinstance(point.as_double, float) and point.as_double.is_integer():
        count = whole_number(int(point.as_double))
    else:
        count = whole_number(point.as_int or 0)
    if is_delta:
        return row._replace(sequence=0, calls=count)
    began = whole_number(point.start_time_unix_nano or point.time_unix_nano)
    # A counter has no id of its own: resource, attributes and start time are what tells two of them apart.
    text = json.dumps([began, *(sorted(all_texts_of(each.attributes).items()) for each in (resource, point))])
    *key, _, _ = row.key
    return RecordRow(
        key=(*key, sha256(text.encode()).hexdigest(), day_of(began)),
        time=row.time,
        sequence=count,
        calls=0,
    )


def _row(signal: str, event: str, time: str | int, resource: list[str], attributes: list[str]) -> RecordRow:
    began = whole_number(time)
    *columns, sequence, dropped = attributes
    return RecordRow(
        key=(signal, event, day_of(began), *resource, *columns, ""),
        time=began,
        sequence=whole_number(sequence) if sequence else -1,
        dropped=whole_number(dropped) if dropped else 0,
    )


def listed(text: str) -> tuple[str, ...]:
    """The items of a column that holds a list."""
    try:
        return tuple(map(str, _LIST.decode(text) if text else ()))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return (text,)
