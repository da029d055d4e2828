"""The queries of the report, in SQL that DuckDB and ClickHouse both speak.

Every statement queries one relation, `records`, with the columns of `rows.py`. In DuckDB it is a table of the
rows that were counted in files. In ClickHouse `clickhouse_records` defines it.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final, NamedTuple

from otel_residency.audit.rows import (
    ATTRIBUTES,
    DELTA,
    EVENTS,
    FOREIGN_SPAN,
    LEDGER,
    LOG,
    METRIC,
    NUMBERS,
    RESOURCE,
    SPAN,
    TEXTS,
)
from otel_residency.telemetry import names


class Kind(NamedTuple):
    """Records of one day with the same values in all columns that matter: a row of `kinds`."""

    signal: str
    event: str
    day: str
    service: str
    environment: str
    verdict: str
    violation: str
    action: str
    region: str
    required: str
    owner: str
    """Who answers for the exception that the calls were made under; then the reason for it."""
    exception: str
    base_url: str
    host: str
    endpoint: str
    requested: str
    snapshot: str
    reasons: str
    catalogue: str
    policy: str
    facts: str
    number: int
    """How many there are."""
    began: int
    """When the first began, in nanoseconds since 1970; then the last."""
    ended: int

    @property
    def model(self) -> str:
        """The dated model, or else the one that was requested."""
        return self.snapshot or self.requested


class CounterReading(NamedTuple):
    """How far a counter of calls got within some days: a row of `counters`."""

    service: str
    violation: str
    started: str
    """The day on which it began at zero."""
    added: int
    """The sum of a delta counter; the other two are of a cumulative one."""
    lowest: int
    highest: int


class WriterRecords(NamedTuple):
    """The records of one writer of a ledger: a row of `WRITERS`."""

    writer: str
    service: str
    number: int
    lowest: int
    highest: int
    dropped: int


_KIND: Final = Kind._fields[:-3]
_LOGS, _TRACES, _SUMS = TABLES = ("otel_logs", "otel_traces", "otel_metrics_sum")
"""Tables of the Collector's exporter for ClickHouse."""
_IS_DELTA: Final = f"AggregationTemporality = {DELTA[0]}"
_SAME_CALL: Final = (
    "day",
    "service",
    "verdict",
    "violation",
    "action",
    "region",
    "required",
    "host",
    "endpoint",
    "requested",
    "reasons",
)
"""Columns that are the same in a record and in the span of its call. A Collector may change the others."""


def kinds(since: date | None, until: date | None) -> str:
    """Query each `Kind` of calls and violations of these days, but for spans: these are in `span_kinds`."""
    columns = ", ".join(_KIND)
    return f"""
        SELECT {columns}, sum(number) AS number, min(first) AS began, max(last) AS ended
        FROM ({_by_writer(since, until)}) AS counted
        WHERE signal <> '{SPAN}'
        GROUP BY {columns}
        ORDER BY {columns}
    """  # noqa: S608 - names of our own, and dates


def span_kinds(since: date | None, until: date | None) -> str:
    """Query each `Kind` of calls with more spans than records, and how many more."""
    common = ", ".join(_SAME_CALL)
    other = [column for column in _KIND if column not in ("signal", "event", "facts", *_SAME_CALL)]
    values = {"signal": f"'{SPAN}'", "event": f"'{names.EVENT_CALL}'", "facts": "''"}
    values |= {column: f"some_{column}" for column in other}
    columns = (f"{values[column]} AS {column}" if column in values else column for column in _KIND)
    return f"""
        SELECT {", ".join(columns)}, more AS number, since AS began, until AS ended
        FROM (
            SELECT {common}, {", ".join(f"max({column}) AS some_{column}" for column in other)},
                sum(CASE WHEN signal = '{SPAN}' THEN number ELSE -number END) AS more,
                min(first) AS since, max(last) AS until
            FROM ({_by_writer(since, until)}) AS by_writer
            WHERE event = '{names.EVENT_CALL}' AND signal IN ('{LOG}', '{SPAN}')
            GROUP BY {common}
        ) AS counted
        WHERE more > 0
        ORDER BY {common}
    """  # noqa: S608


def _by_writer(since: date | None, until: date | None) -> str:
    """Kinds of calls and violations by writer: a record in the ledger that was also sent counts once."""
    columns = ", ".join(column for column in _KIND if column != "signal")
    recorded = f"signal = '{LEDGER}'"
    return f"""
        SELECT counted_as AS signal, {columns},
            CASE WHEN kept > sent THEN kept ELSE sent END AS number, since AS first, until AS last
        FROM (
            SELECT CASE WHEN {recorded} THEN '{LOG}' ELSE signal END AS counted_as, writer, {columns},
                sum(CASE WHEN {recorded} THEN calls ELSE 0 END) AS kept,
                sum(CASE WHEN {recorded} THEN 0 ELSE calls END) AS sent,
                min(first) AS since, max(last) AS until
            FROM records
            WHERE event IN ('{names.EVENT_CALL}', '{names.EVENT_VIOLATION}') {_within(since, until)}
            GROUP BY counted_as, writer, {columns}
        ) AS counted
    """  # noqa: S608


def counters(since: date | None, until: date | None) -> str:
    """Query the `CounterReading` of each counter of calls."""
    return f"""
        SELECT service, violation, started, sum(calls) AS added, min(low) AS lowest, max(high) AS highest
        FROM records
        WHERE event = '{names.METRIC_CALLS}' {_within(since, until)}
        GROUP BY service, violation, started, writer
    """  # noqa: S608


def _within(since: date | None, until: date | None) -> str:
    after = f" AND day >= '{since}'" if since else ""
    return after + (f" AND day <= '{until}'" if until else "")


POLICIES: Final = f"""
    SELECT DISTINCT policy, document
    FROM records
    WHERE event = '{names.EVENT_POLICY}'
    ORDER BY policy, document
"""  # noqa: S608
"""The policies that the ledgers hold, each with its hash."""

SERVICES: Final = f"""
    SELECT DISTINCT signal, service, day FROM records WHERE event = '{names.EVENT_CALL}'
"""  # noqa: S608
"""The services with calls, by signal and day."""

WRITERS: Final = f"""
    SELECT writer, max(service) AS name, max(number) AS number, min(low) AS lowest, max(high) AS highest,
        max(dropped) AS lost
    FROM (
        SELECT signal, writer, max(service) AS service, sum(calls) AS number, min(low) AS low,
            max(high) AS high, max(dropped) AS dropped
        FROM records
        WHERE signal IN ('{LEDGER}', '{LOG}') AND writer <> ''
        GROUP BY signal, writer
    ) AS by_signal
    GROUP BY writer
    ORDER BY name, writer
"""  # noqa: S608
"""`WriterRecords`: the number of records of each writer of a ledger, the lowest and the highest."""


def duckdb_records(files: str) -> str:
    """The table `records` from the files of rows that `files` names."""
    columns = {**dict.fromkeys(TEXTS, "VARCHAR"), **dict.fromkeys(NUMBERS, "HUGEINT")}
    described = ", ".join(f"{name}: '{kind}'" for name, kind in columns.items())
    grouped = ", ".join(TEXTS)
    return f"""
        CREATE TABLE records AS
        SELECT {grouped}, sum(calls) AS calls, min(first) AS first, max(last) AS last,
            min(low) AS low, max(high) AS high, max(dropped) AS dropped
        FROM read_json('{files}', format = 'newline_delimited', columns = {{{described}}})
        GROUP BY {grouped}
    """  # noqa: S608


def clickhouse_records(tables: Mapping[str, Iterable[str]], vendors: Iterable[str]) -> str:
    """The beginning of a statement: `records` over the tables of the Collector's exporter for ClickHouse.

    Args:
        tables: those of its tables that are there, with their columns.
        vendors: as `rows_of` takes them.
    """
    parts = []
    if _LOGS in tables:
        event = _event_column(tables[_LOGS])
        columns = _clickhouse_columns(f"'{LOG}'", event, "LogAttributes")
        parts.append(f"{columns} FROM {_LOGS} WHERE {_our_logs(event)} AND NOT ({_UNREADABLE})")
    if _TRACES in tables:
        hosts = ", ".join(f"'{host}'" for host in sorted(vendors))
        is_ours = f"ScopeName = '{names.SCOPE}'"
        signal = f"if({is_ours}, '{SPAN}', '{FOREIGN_SPAN}')"
        columns = _clickhouse_columns(signal, f"'{names.EVENT_CALL}'", "SpanAttributes")
        judged = f"SpanAttributes['{names.VERDICT}'] <> ''"
        to_vendor = f"SpanAttributes['{names.SERVER_ADDRESS}'] IN ({hosts})"
        theirs = f"SpanKind = 'Client' AND ({judged} OR {to_vendor})"
        parts.append(f"{columns} FROM {_TRACES} WHERE {is_ours} OR ({theirs})")
    if _SUMS in tables:
        columns = _clickhouse_columns(
            f"'{METRIC}'", f"'{names.METRIC_CALLS}'", "Attributes", "TimeUnix", _COUNTER
        )
        metric = f"ScopeName = '{names.SCOPE}' AND MetricName = '{names.METRIC_CALLS}'"
        parts.append(f"{columns} FROM {_SUMS} WHERE {metric}")
    return f"WITH records AS ({' UNION ALL '.join(parts)})"


def clickhouse_lines(columns: Iterable[str]) -> str:
    """Query how many log records are ours, and how many of them can't be read, as in files."""
    event = _event_column(columns)
    return f"SELECT count(), countIf({_UNREADABLE}) FROM {_LOGS} WHERE {_our_logs(event)}"  # noqa: S608


_UNREADABLE: Final = " OR ".join(
    f"(LogAttributes['{name}'] <> '' AND ifNull(toInt64OrNull(LogAttributes['{name}']), -1) < 0)"
    for name in (names.LEDGER_SEQUENCE, names.LEDGER_DROPPED)
)


def _event_column(columns: Iterable[str]) -> str:
    return "EventName" if "EventName" in columns else "LogAttributes['event.name']"


def _our_logs(event: str) -> str:
    events = ", ".join(f"'{each}'" for each in sorted(EVENTS))
    return f"ScopeName = '{names.SCOPE}' AND {event} IN ({events})"


_COUNTER: Final = {
    "writer": f"if({_IS_DELTA}, '', hex(cityHash64(ResourceAttributes, Attributes, StartTimeUnix)))",
    "started": f"if({_IS_DELTA}, '', toString(toDate(StartTimeUnix, 'UTC')))",
    "calls": f"if({_IS_DELTA}, toInt64(Value), 0)",
    "low": f"if({_IS_DELTA}, 0, toInt64(Value))",
    "high": f"if({_IS_DELTA}, 0, toInt64(Value))",
    "dropped": "toInt64(0)",
}


def _clickhouse_columns(
    signal: str, event: str, attributes: str, at: str = "Timestamp", other: Mapping[str, str] | None = None
) -> str:
    """The columns of a table, in the order of `TEXTS` and `NUMBERS`."""
    time = f"toUnixTimestamp64Nano({at})"
    sequence = _number(attributes, names.LEDGER_SEQUENCE, -1)
    columns = {
        "signal": signal,
        "event": event,
        "day": f"toString(toDate({at}, 'UTC'))",
        **{column: f"ResourceAttributes['{name}']" for column, name in RESOURCE.items()},
        **{column: f"{attributes}['{name}']" for column, name in ATTRIBUTES.items()},
        "started": "''",
        "calls": "toInt64(1)",
        "first": time,
        "last": time,
        "low": sequence,
        "high": sequence,
        "dropped": _number(attributes, names.LEDGER_DROPPED, 0),
        **(other or {}),
    }
    return "SELECT " + ", ".join(f"{value} AS {column}" for column, value in columns.items())


def _number(attributes: str, name: str, otherwise: int) -> str:
    return f"toInt64OrDefault({attributes}['{name}'], toInt64({otherwise}))"
