"""An OTLP document as rows: the one relation that the report queries, whatever the records came from.

Every column is text, as the Collector's exporter for ClickHouse writes attributes: `true` for a boolean, a
JSON list for a list, and an empty text where there is nothing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

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
_NEEDED: Final = frozenset({*ATTRIBUTES.values(), "event.name", names.LEDGER_SEQUENCE, names.LEDGER_DROPPED})
"""Attributes of a record that a row has a column for."""
as_json: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_CLIENT_SPAN: Final = (3, "SPAN_KIND_CLIENT")
DAY: Final = 86_400 * 10**9
"""In nanoseconds."""

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


class NotOtlpError(ValueError):
    """A document is not OTLP/JSON; the message says why, without any content of it."""


def day_of(time: int) -> str:
    """The UTC day of a time in nanoseconds, like `2026-11-20`."""
    return datetime.fromtimestamp(time // DAY * 86_400, UTC).date().isoformat()


def rows_of(document: Any, vendors: AbstractSet[str]) -> list[RecordRow]:
    """The rows of one OTLP/JSON document.

    Args:
        document: logs, spans or metrics. Telemetry of other libraries has no rows, with two exceptions:
            client spans to `vendors`, and client spans that the export gate or a Collector judged.
        vendors: hosts.

    Raises:
        NotOtlpError: it is something else.
    """
    if not isinstance(document, dict) or not document.keys() & {
        "resourceLogs",
        "resourceSpans",
        "resourceMetrics",
        "resourceProfiles",
    }:
        raise NotOtlpError("no OTLP document")
    try:
        return [*_logs(document), *_spans(document, vendors), *_counters(document)]
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        raise NotOtlpError(f"not what OTLP allows: {type(error).__name__}") from None


def _logs(document: Mapping[str, Any]) -> Iterator[RecordRow]:
    for resource, scope, records in _scoped(document, "resourceLogs", "scopeLogs", "logRecords"):
        for record in records:
            attributes = _attributes(record, _NEEDED)
            event = record.get("eventName") or attributes.get("event.name", "")
            # The scope too: anybody may write an event of that name.
            if event in EVENTS and scope == names.SCOPE:
                time = record.get("timeUnixNano") or record["observedTimeUnixNano"]
                yield _row(LOG, event, time, resource, attributes)


def _spans(document: Mapping[str, Any], vendors: AbstractSet[str]) -> Iterator[RecordRow]:
    for resource, scope, spans in _scoped(document, "resourceSpans", "scopeSpans", "spans"):
        for span in spans:
            ours = scope == names.SCOPE
            if not ours and span.get("kind") not in _CLIENT_SPAN:
                continue
            attributes = _attributes(span, _NEEDED)
            if ours or names.VERDICT in attributes or attributes.get(names.SERVER_ADDRESS, "") in vendors:
                signal = SPAN if ours else FOREIGN_SPAN
                yield _row(signal, names.EVENT_CALL, span["startTimeUnixNano"], resource, attributes)


def _counters(document: Mapping[str, Any]) -> Iterator[RecordRow]:
    for resource, scope, metrics in _scoped(document, "resourceMetrics", "scopeMetrics", "metrics"):
        for metric in metrics:
            if scope == names.SCOPE and metric.get("name") == names.METRIC_CALLS:
                total = metric.get("sum") or {}
                is_delta = total.get("aggregationTemporality") in DELTA
                for point in total.get("dataPoints") or ():
                    yield _counted(point, resource, is_delta=is_delta)


def _counted(point: Mapping[str, Any], resource: Mapping[str, str], *, is_delta: bool) -> RecordRow:
    """A counter's value at one time. A cumulative counter gets an id, so that its values are compared."""
    attributes, count = _attributes(point), int(point.get("asInt") or point.get("asDouble") or 0)
    row = _row(METRIC, names.METRIC_CALLS, point["timeUnixNano"], resource, attributes)
    if is_delta:
        return row._replace(sequence=0, calls=count)
    began = point.get("startTimeUnixNano") or point["timeUnixNano"]
    # A counter has no id of its own: resource, attributes and start time are what tells two of them apart.
    text = json.dumps([began, sorted(resource.items()), sorted(attributes.items())])
    *key, _, _ = row.key
    return RecordRow(
        key=(*key, sha256(text.encode()).hexdigest(), day_of(int(began))),
        time=row.time,
        sequence=count,
        calls=0,
    )


def _scoped(
    document: Mapping[str, Any], resources: str, scopes: str, items: str
) -> Iterator[tuple[Mapping[str, str], str, list[Any]]]:
    for of_resource in document.get(resources) or ():
        resource = _attributes(of_resource.get("resource") or {})
        for of_scope in of_resource.get(scopes) or ():
            yield resource, (of_scope.get("scope") or {}).get("name", ""), of_scope.get(items) or []


def _row(
    signal: str, event: str, time: Any, resource: Mapping[str, str], attributes: Mapping[str, str]
) -> RecordRow:
    began = int(time)
    texts = (
        *(resource.get(name, "") for name in RESOURCE.values()),
        *(attributes.get(name, "") for name in ATTRIBUTES.values()),
        "",
    )
    return RecordRow(
        key=(signal, event, day_of(began), *texts),
        time=began,
        sequence=int(attributes.get(names.LEDGER_SEQUENCE, -1)),
        dropped=int(attributes.get(names.LEDGER_DROPPED, 0)),
    )


def _attributes(holder: Mapping[str, Any], needed: AbstractSet[str] | None = None) -> dict[str, str]:
    """Its attributes, or those that are needed: the text of most attributes would be made for nothing."""
    return {
        each["key"]: _text(each.get("value") or {})
        for each in holder.get("attributes") or ()
        if needed is None or each["key"] in needed
    }


def _text(value: Mapping[str, Any]) -> str:
    text = value.get("stringValue")
    if isinstance(text, str):
        return text
    plain = _plain(value)
    if isinstance(plain, str):
        return plain
    return "" if plain is None else as_json(plain)


def _plain(value: Mapping[str, Any]) -> Any:
    for kind, content in value.items():
        if kind == "arrayValue":
            return [_plain(each) for each in content.get("values") or ()]
        return int(content) if kind == "intValue" else content
    return None


def listed(text: str) -> tuple[str, ...]:
    """The items of a column that holds a list."""
    try:
        items = json.loads(text) if text else ()
    except ValueError:
        items = (text,)
    return tuple(map(str, items if isinstance(items, Iterable) and not isinstance(items, str) else (items,)))
