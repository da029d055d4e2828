"""What is asked of the records, in SQL that DuckDB and ClickHouse both speak.

Every statement asks one relation, `records`, with the columns of `rows.py`. DuckDB has it as a table of what
was counted in files; of a ClickHouse with the Collector's schema it is made by `clickhouse_records`.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final, NamedTuple

from otel_residency.audit.rows import (
    ATTRIBUTES,
    EVENTS,
    FOREIGN_SPAN,
    LOG,
    NUMBERS,
    RESOURCE,
    SPAN,
    TEXTS,
)
from otel_residency.telemetry import names


class Kind(NamedTuple):
    """Records of one day that differ in nothing that is asked for."""

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


_KIND: Final = Kind._fields[:-3]
_LOGS, _TRACES = "otel_logs", "otel_traces"


def kinds(since: date | None, until: date | None) -> str:
    """Ask for each `Kind` of calls and violations of these days."""
    columns = ", ".join(_KIND)
    days = [
        *([f"AND day >= '{since}'"] if since else []),
        *([f"AND day <= '{until}'"] if until else []),
    ]
    return f"""
        SELECT {columns}, sum(calls) AS number, min(first) AS began, max(last) AS ended
        FROM records
        WHERE event IN ('{names.EVENT_CALL}', '{names.EVENT_VIOLATION}') {" ".join(days)}
        GROUP BY {columns}
        ORDER BY {columns}
    """  # noqa: S608 - names of our own, and dates


POLICIES: Final = f"""
    SELECT DISTINCT policy, document
    FROM records
    WHERE event = '{names.EVENT_POLICY}'
    ORDER BY policy, document
"""  # noqa: S608
"""The policies that the ledgers hold, each with its hash."""

SERVICES: Final = f"""
    SELECT DISTINCT signal, service FROM records WHERE event = '{names.EVENT_CALL}' ORDER BY signal, service
"""  # noqa: S608
"""Which services have told of calls, by which signal."""

WRITERS: Final = """
    SELECT writer, max(service) AS name, sum(calls) AS number, min(low) AS lowest, max(high) AS highest,
        max(dropped) AS lost
    FROM records
    WHERE writer <> ''
    GROUP BY writer
    ORDER BY name, writer
"""
"""Of each writer of a ledger how many records there are, and their lowest and highest number."""


def duckdb_records(files: str) -> str:
    """The table `records` from the files of rows that `files` names."""
    columns = {**dict.fromkeys(TEXTS, "VARCHAR"), **dict.fromkeys(NUMBERS, "BIGINT")}
    described = ", ".join(f"{name}: '{kind}'" for name, kind in columns.items())
    grouped = ", ".join(TEXTS)
    return f"""
        CREATE TABLE records AS
        SELECT {grouped}, sum(calls)::BIGINT AS calls, min(first) AS first, max(last) AS last,
            min(low) AS low, max(high) AS high, max(dropped) AS dropped
        FROM read_json('{files}', format = 'newline_delimited', columns = {{{described}}})
        GROUP BY {grouped}
    """  # noqa: S608


def clickhouse_records(tables: Mapping[str, Iterable[str]], vendors: Iterable[str]) -> str:
    """`records` over the tables of the Collector's exporter for ClickHouse, to be put before a statement.

    Args:
        tables: those of its tables that are there, with their columns.
        vendors: hosts; another's span of a request to one of them is a record, too.
    """
    parts = []
    if _LOGS in tables:
        named = "EventName" in tables[_LOGS]
        event = "EventName" if named else "LogAttributes['event.name']"
        events = ", ".join(f"'{event}'" for event in sorted(EVENTS))
        columns = _clickhouse_columns(f"'{LOG}'", event, "LogAttributes")
        parts.append(f"{columns} FROM {_LOGS} WHERE ScopeName = '{names.SCOPE}' AND {event} IN ({events})")
    if _TRACES in tables:
        hosts = ", ".join(f"'{host}'" for host in sorted(vendors))
        ours = f"ScopeName = '{names.SCOPE}'"
        signal = f"if({ours}, '{SPAN}', '{FOREIGN_SPAN}')"
        columns = _clickhouse_columns(signal, f"'{names.EVENT_CALL}'", "SpanAttributes")
        parts.append(
            f"{columns} FROM {_TRACES} "
            f"WHERE {ours} OR (SpanKind = 'Client' AND SpanAttributes['{names.SERVER_ADDRESS}'] IN ({hosts}))"
        )
    return f"WITH records AS ({' UNION ALL '.join(parts)})"


def _clickhouse_columns(signal: str, event: str, attributes: str) -> str:
    time = "toUnixTimestamp64Nano(Timestamp)"
    sequence = _number(attributes, names.LEDGER_SEQUENCE, -1)
    columns = {
        "signal": signal,
        "event": event,
        "day": "toString(toDate(Timestamp, 'UTC'))",
        **{column: f"ResourceAttributes['{name}']" for column, name in RESOURCE.items()},
        **{column: f"{attributes}['{name}']" for column, name in ATTRIBUTES.items()},
        "calls": "toInt64(1)",
        "first": time,
        "last": time,
        "low": sequence,
        "high": sequence,
        "dropped": _number(attributes, names.LEDGER_DROPPED, 0),
    }
    return "SELECT " + ", ".join(f"{told} AS {column}" for column, told in columns.items())


def _number(attributes: str, name: str, otherwise: int) -> str:
    return f"toInt64OrDefault({attributes}['{name}'], toInt64({otherwise}))"
