"""A ClickHouse on the loopback: the engine itself, within this process, behind its HTTP interface."""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from chdb.session import Session

from otel_residency.audit.sql import TABLES

USER, PASSWORD, DATABASE = "auditor", "secret-of-the-auditor", "otel"

LOGS = """
CREATE TABLE otel_logs (
    `Timestamp` DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    `TraceId` String CODEC(ZSTD(1)), `SpanId` String CODEC(ZSTD(1)), `TraceFlags` UInt8,
    `SeverityText` LowCardinality(String) CODEC(ZSTD(1)), `SeverityNumber` UInt8,
    `ServiceName` LowCardinality(String) CODEC(ZSTD(1)), `Body` String CODEC(ZSTD(1)),
    `ResourceSchemaUrl` LowCardinality(String) CODEC(ZSTD(1)),
    `ResourceAttributes` Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    `ScopeSchemaUrl` LowCardinality(String) CODEC(ZSTD(1)), `ScopeName` String CODEC(ZSTD(1)),
    `ScopeVersion` LowCardinality(String) CODEC(ZSTD(1)),
    `ScopeAttributes` Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    `LogAttributes` Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    `EventName` String CODEC(ZSTD(1))
) ENGINE = MergeTree PARTITION BY toDate(Timestamp) ORDER BY (ServiceName, Timestamp)
"""
TRACES = """
CREATE TABLE otel_traces (
    `Timestamp` DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    `TraceId` String, `SpanId` String, `ParentSpanId` String, `TraceState` String,
    `SpanName` LowCardinality(String), `SpanKind` LowCardinality(String),
    `ServiceName` LowCardinality(String),
    `ResourceAttributes` Map(LowCardinality(String), String),
    `ScopeName` String, `ScopeVersion` String,
    `SpanAttributes` Map(LowCardinality(String), String),
    `Duration` UInt64, `StatusCode` LowCardinality(String), `StatusMessage` String
) ENGINE = MergeTree PARTITION BY toDate(Timestamp) ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
"""
SUMS = """
CREATE TABLE otel_metrics_sum (
    `ResourceAttributes` Map(LowCardinality(String), String) CODEC(ZSTD(1)), `ResourceSchemaUrl` String,
    `ScopeName` String, `ScopeVersion` String,
    `ScopeAttributes` Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    `ServiceName` LowCardinality(String), `MetricName` String, `MetricUnit` String,
    `Attributes` Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    `StartTimeUnix` DateTime64(9) CODEC(Delta, ZSTD(1)), `TimeUnix` DateTime64(9) CODEC(Delta, ZSTD(1)),
    `Value` Float64, `Flags` UInt32, `AggregationTemporality` Int32, `IsMonotonic` Boolean
) ENGINE = MergeTree PARTITION BY toDate(TimeUnix) ORDER BY (ServiceName, MetricName, Attributes, TimeUnix)
"""


@contextmanager
def serving(lines: Iterable[bytes]) -> Iterator[str]:
    """Hold what a Collector would have written of these OTLP lines; gives the URL."""
    session = Session()
    session.query(f"DROP DATABASE IF EXISTS {DATABASE}")
    session.query(f"CREATE DATABASE {DATABASE}")
    session.query(f"USE {DATABASE}")
    for table in (LOGS, TRACES, SUMS):
        session.query(table)
    documents = [json.loads(line) for line in lines]
    for table, rows in zip(TABLES, (_logs(documents), _spans(documents), _sums(documents)), strict=True):
        text = "\n".join(map(json.dumps, rows))
        if text:
            session.query(f"INSERT INTO {table} FORMAT JSONEachRow {text}")
    server = HTTPServer(("127.0.0.1", 0), _handler(session))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NO_PROXY", "127.0.0.1")  # the tests' internet may stand between
            yield f"http://{USER}@127.0.0.1:{server.server_port}/{DATABASE}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        session.close()


def _handler(session: Session) -> type[BaseHTTPRequestHandler]:
    expected = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            statement = self.rfile.read(int(self.headers["Content-Length"])).decode()
            parameters = parse_qs(urlsplit(self.path).query)
            code, answer = 403, b"Code: 516. DB::Exception: Authentication failed"
            if self.headers["Authorization"] == expected:
                assert parameters.get("database", [DATABASE]) == [DATABASE]
                form = "Native" if "FORMAT Native" in statement else "TabSeparated"
                try:
                    code, answer = 200, session.query(statement, form).bytes()
                except RuntimeError as error:
                    code, answer = 500, str(error).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def _logs(documents: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for document in documents:
        for resource in document.get("resourceLogs", ()):
            for scope in resource["scopeLogs"]:
                for record in scope["logRecords"]:
                    yield {
                        **_common(resource, scope, int(record["timeUnixNano"])),
                        "LogAttributes": _map(record["attributes"]),
                        "EventName": record["eventName"],
                    }


def _spans(documents: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    kinds = {1: "Internal", 3: "Client"}
    for document in documents:
        for resource in document.get("resourceSpans", ()):
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    yield {
                        **_common(resource, scope, int(span["startTimeUnixNano"])),
                        "SpanAttributes": _map(span["attributes"]),
                        "SpanKind": kinds[span["kind"]],
                    }


def _sums(documents: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for document in documents:
        for resource in document.get("resourceMetrics", ()):
            for scope in resource["scopeMetrics"]:
                for metric in scope["metrics"]:
                    for point in metric["sum"]["dataPoints"]:
                        time = int(point["timeUnixNano"])
                        common = _common(resource, scope, time)
                        del common["Timestamp"]
                        yield {
                            **common,
                            "MetricName": metric["name"],
                            "Attributes": _map(point["attributes"]),
                            "StartTimeUnix": _seconds(int(point["startTimeUnixNano"])),
                            "TimeUnix": _seconds(time),
                            "Value": int(point["asInt"]),
                            "AggregationTemporality": metric["sum"]["aggregationTemporality"],
                        }


def _seconds(time: int) -> str:
    return f"{time // 10**9}.{time % 10**9:09}"


def _common(resource: Mapping[str, Any], scope: Mapping[str, Any], time: int) -> dict[str, Any]:
    attributes = _map(resource["resource"]["attributes"])
    return {
        "Timestamp": _seconds(time),
        "ServiceName": attributes.get("service.name", ""),
        "ResourceAttributes": attributes,
        "ScopeName": scope["scope"]["name"],
    }


def _map(attributes: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Attributes as the Collector's `AsString` writes them."""
    texts = {}
    for attribute in attributes:
        ((kind, value),) = attribute["value"].items()
        if kind == "arrayValue":
            plain = [next(iter(each.values())) for each in value["values"]]
            texts[attribute["key"]] = json.dumps(plain, separators=(",", ":"))
        else:
            texts[attribute["key"]] = value if isinstance(value, str) else json.dumps(value)
    return texts
