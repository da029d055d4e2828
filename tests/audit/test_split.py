"""Lines of many records, cut without being parsed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from otel_residency.audit.rows import rows_of
from otel_residency.audit.split import split
from otel_residency.telemetry import names

TEXTS = some.sampled_from(
    [
        "",
        "eu",
        '{"timeUnixNano":"7"}',
        ']}]},{"resource":{},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1"},',
        '"logRecords":[',
        "\\",
        '\\"},{"',
        "},",
        "\u2028\x00é",
    ]
)
KEYS = some.sampled_from(
    [names.VERDICT, names.SERVER_ADDRESS, names.REASONS, "http.route", '{"timeUnixNano":"']
)
VALUES = some.recursive(
    TEXTS.map(lambda text: {"stringValue": text}) | some.just({"intValue": "7"}),
    lambda inner: some.lists(inner, max_size=2).map(lambda values: {"arrayValue": {"values": values}}),
    max_leaves=3,
)
ATTRIBUTES = some.lists(some.fixed_dictionaries({"key": KEYS, "value": VALUES}), max_size=3)
SCHEMA = some.fixed_dictionaries({}, optional={"schemaUrl": TEXTS})
RECORDS = some.lists(
    some.builds(
        lambda time, attributes: {**time, "eventName": names.EVENT_CALL, "attributes": attributes},
        some.sampled_from(
            [{"timeUnixNano": "7"}, {"observedTimeUnixNano": "8"}, {"timeUnixNano": "9", "body": {}}]
        ),
        ATTRIBUTES,
    ),
    max_size=4,
)
SPANS = some.lists(
    some.builds(
        lambda links, attributes: {
            "traceId": "0f",
            "startTimeUnixNano": "7",
            "kind": 3,
            "attributes": attributes,
            **({"links": [{"traceId": "0e"}] * links} if links else {}),
            "events": [{"timeUnixNano": "7", "attributes": attributes}],
        },
        some.integers(0, 2),
        ATTRIBUTES,
    ),
    max_size=4,
)


def documents(resources: str, scopes: str, kind: str, records: some.SearchStrategy[Any]) -> Any:
    """OTLP documents of one signal."""
    scope = some.builds(
        lambda each, more: {"scope": {"name": names.SCOPE}, kind: each, **more}, records, SCHEMA
    )
    resource = some.builds(
        lambda attributes, each, more: {"resource": {"attributes": attributes}, scopes: each, **more},
        ATTRIBUTES,
        some.lists(scope, min_size=1, max_size=2),
        SCHEMA,
    )
    return some.lists(resource, max_size=3).map(lambda each: {resources: each})


@given(
    documents("resourceLogs", "scopeLogs", "logRecords", RECORDS)
    | documents("resourceSpans", "scopeSpans", "spans", SPANS)
)
def test_parts_contain_what_the_whole_contained(document: dict[str, Any]) -> None:
    """Whatever stands in strings, lists and headers: the same rows in the same order, or no cut at all."""
    line = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    parts = split(line)
    whole = rows_of(document, frozenset())
    assert not parts or [row for part in parts for row in rows_of(json.loads(part), frozenset())] == whole


def _line(resources: int, records: int, schema: str = "") -> bytes:
    schema_url = {"schemaUrl": schema} if schema else {}
    scope = {
        "scope": {"name": names.SCOPE},
        "logRecords": [{"timeUnixNano": str(number)} for number in range(records)],
        **schema_url,
    }
    resource = {"resource": {"attributes": []}, "scopeLogs": [scope], **schema_url}
    return json.dumps({"resourceLogs": [resource] * resources}, separators=(",", ":")).encode()


@pytest.mark.parametrize("schema", ["", "https://opentelemetry.io/schemas/1.38.0"])
def test_every_record_of_a_batch_is_cut_out(schema: str) -> None:
    """As a Collector writes it, one line is as many as it has records."""
    assert len(split(_line(1, 5, schema))) == 5
    assert len(split(_line(3, 1, schema))) == 3
    assert len(split(_line(4, 7, schema) + b"\n")) == 28


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b'{"resourceLogs":[]}',
        _line(1, 1),
        _line(2, 3)[:-1],
        _line(1, 3).replace(b":", b": "),
        b'{"resourceLogs":["logRecords":[',
        b'{"resourceMetrics":[]}',
    ],
)
def test_what_is_one_record_or_written_otherwise_is_left_whole(line: bytes) -> None:
    """Nothing is cut where it is not certain."""
    assert split(line) == []
