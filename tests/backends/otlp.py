"""OTLP as JSON: what the tests send, and what they read in the files that a Collector wrote."""

import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from time import time_ns
from typing import Any, NamedTuple
from urllib.request import ProxyHandler, Request, build_opener

INTERNAL, CLIENT = 1, 3
ERROR = 2
_DIRECT = build_opener(ProxyHandler({}))


class Item(NamedTuple):
    """A span or a log record, as it was written down."""

    service: str
    scope: str
    trace: str
    id: str
    name: str
    attributes: Mapping[str, Any]
    raw: Mapping[str, Any]


class Sink(NamedTuple):
    """A back end, and what it wrote down."""

    address: str
    file: Path

    @property
    def spans(self) -> list[Item]:
        """The spans that reached it so far."""
        return list(items(self.file, "resourceSpans", "scopeSpans", "spans"))

    @property
    def logs(self) -> list[Item]:
        """The log records that reached it so far."""
        return list(items(self.file, "resourceLogs", "scopeLogs", "logRecords"))


def items(file: Path, resources: str, scopes: str, kind: str) -> Iterator[Item]:
    """The items of one kind in a file of OTLP JSON lines."""
    if not file.exists():
        return
    for line in file.read_text(encoding="utf-8").splitlines():
        for resource in json.loads(line).get(resources, ()):
            service = attributes_of(resource["resource"]).get("service.name", "")
            for scope in resource[scopes]:
                for item in scope[kind]:
                    yield Item(
                        service,
                        scope["scope"].get("name", ""),
                        item.get("traceId", ""),
                        item.get("spanId", ""),
                        item.get("name") or item.get("eventName", ""),
                        attributes_of(item),
                        item,
                    )


def attributes_of(holder: Mapping[str, Any]) -> dict[str, Any]:
    """Its attributes, as plain values."""
    return {each["key"]: _plain(each["value"]) for each in holder.get("attributes", ())}


def _plain(value: Mapping[str, Any]) -> Any:
    ((kind, plain),) = value.items()
    if kind == "arrayValue":
        return [_plain(each) for each in plain.get("values", ())]
    return int(plain) if kind == "intValue" else plain


def _wrapped(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(plain: Any) -> dict[str, Any]:
    if isinstance(plain, list):
        return {"arrayValue": {"values": [_value(each) for each in plain]}}
    kinds = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    return {kinds[type(plain)]: plain}


def trace_id(number: int) -> str:
    """The id of a trace of the tests, as even as that of any."""
    return sha256(str(number).encode()).hexdigest()[:32]


def span(
    trace: int,
    number: int = 1,
    *,
    name: str = "span",
    kind: int = INTERNAL,
    events: Mapping[str, Mapping[str, Any]] | None = None,
    error: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A span; the first of a trace is its root."""
    now = time_ns()
    return {
        "traceId": trace_id(trace),
        "spanId": f"{trace << 8 | number:016x}",
        **({"parentSpanId": f"{trace << 8 | 1:016x}"} if number > 1 else {}),
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(now - 1_000_000),
        "endTimeUnixNano": str(now),
        "attributes": _wrapped(attributes or {}),
        "events": [
            {"name": event, "timeUnixNano": str(now), "attributes": _wrapped(each)}
            for event, each in (events or {}).items()
        ],
        "status": {"code": ERROR, "message": error} if error else {},
    }


def log(
    body: str | None = None, event: str = "", attributes: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A log record."""
    return {
        "timeUnixNano": str(time_ns()),
        "eventName": event,
        **({"body": {"stringValue": body}} if body else {}),
        "attributes": _wrapped(attributes or {}),
    }


def send_spans(
    endpoint: str,
    spans: Iterable[Mapping[str, Any]],
    *,
    scope: str = "somebody's",
    service: str = "support",
) -> None:
    """Send spans of a service in one request. Raises OSError if they are not accepted."""
    found = {"scope": {"name": scope}, "spans": list(spans)}
    resource = {"attributes": _wrapped({"service.name": service})}
    _post(f"{endpoint}/v1/traces", {"resourceSpans": [{"resource": resource, "scopeSpans": [found]}]})


def send_logs(endpoint: str, records: Iterable[Mapping[str, Any]], *, scope: str = "somebody's") -> None:
    """Send log records of a service in one request. Raises OSError if they are not accepted."""
    found = {"scope": {"name": scope}, "logRecords": list(records)}
    _post(f"{endpoint}/v1/logs", {"resourceLogs": [{"resource": SERVICE, "scopeLogs": [found]}]})


def send_count(endpoint: str, name: str, attributes: Mapping[str, Any], count: int = 1) -> None:
    """Send one point of a counter. Raises OSError if it is not accepted."""
    now = str(time_ns())
    point = {
        "timeUnixNano": now,
        "startTimeUnixNano": now,
        "asInt": str(count),
        "attributes": _wrapped(attributes),
    }
    counter = {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": [point]}
    found = {"scope": {"name": "otel_residency"}, "metrics": [{"name": name, "sum": counter}]}
    _post(f"{endpoint}/v1/metrics", {"resourceMetrics": [{"resource": SERVICE, "scopeMetrics": [found]}]})


SERVICE = {"attributes": _wrapped({"service.name": "support"})}


def _post(url: str, body: Mapping[str, Any]) -> None:
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
    with _DIRECT.open(request, timeout=20):
        pass
