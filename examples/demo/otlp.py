"""Spans out of OTLP JSON lines, the format that the Collector's file exporter also writes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

Value: TypeAlias = str | bool | int | float | list["Value"] | None


@dataclass(frozen=True, slots=True)
class Span:
    """A finished span, with its attributes as plain Python values."""

    scope: str
    name: str
    span_id: str
    parent_id: str | None
    start: int
    attributes: Mapping[str, Value]

    def text(self, name: str) -> str:
        """A string attribute, or the empty string."""
        value = self.attributes.get(name)
        return value if isinstance(value, str) else ""

    def texts(self, name: str) -> list[str]:
        """The strings of an array attribute, or none."""
        value = self.attributes.get(name)
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def read_spans(path: Path) -> list[Span]:
    """All spans of a file, in the order in which they started."""
    with path.open(encoding="utf-8") as lines:
        spans = [span for line in lines for span in _spans(json.loads(line))]
    return sorted(spans, key=lambda span: span.start)


def _spans(batch: Mapping[str, Any]) -> Iterator[Span]:
    for resource in batch.get("resourceSpans", ()):
        for scope in resource.get("scopeSpans", ()):
            for span in scope.get("spans", ()):
                yield Span(
                    scope=scope.get("scope", {}).get("name", ""),
                    name=span["name"],
                    span_id=span["spanId"],
                    parent_id=span.get("parentSpanId") or None,
                    start=int(span["startTimeUnixNano"]),
                    attributes={item["key"]: _value(item["value"]) for item in span.get("attributes", ())},
                )


def _value(value: Mapping[str, Any]) -> Value:
    """Undo OTLP's wrapping: `{"intValue": "443"}` is 443 (JSON has no 64-bit integers)."""
    match value:
        case {"arrayValue": array}:
            return [_value(item) for item in array.get("values", ())]
        case {"intValue": number}:
            return int(number)
        case {"stringValue": str() | None as plain}:
            return plain
        case {"boolValue": bool() as plain} | {"doubleValue": float() as plain}:
            return plain
        case _:
            return None
