"""The readers of `verify` and `report` take time and memory in proportion to a file, whatever it holds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_residency.audit.read import ReadTask, read_part
from otel_residency.audit.verify import verify
from otel_residency.records.chain import Chain
from otel_residency.records.record import Record, write_record
from otel_residency.telemetry import names
from tests.audit.ledgers import Ledger, facts
from tests.counted import ALLOWED, FEW, TIMES, peak, steps

RECORD = Record(names.EVENT_CALL, 1, 2, {names.VERDICT: "eligible"}, resource={"service.name": "a"})


def ledger(count: int) -> bytes:
    """One writer with many calls."""
    written = Ledger()
    for second in range(count):
        written.call(facts(), second)
    written.end()
    return written.text


def writers(count: int) -> bytes:
    """Many writers with one record each, and no checkpoint."""
    return b"".join(Chain().add(RECORD)[1] + b"\n" for _ in range(count))


def checkpoints(count: int) -> bytes:
    """One writer with many checkpoints."""
    chain = Chain()
    made = (chain.checkpoint(1, {}, None, closed=False, dropped=0)[1] for _ in range(count))
    return b"".join(line + b"\n" for line in made)


def repeated(count: int) -> bytes:
    """The same record many times: each is out of place."""
    return (Chain().add(RECORD)[1] + b"\n") * count


def kinds(count: int) -> bytes:
    """Many calls of different kinds."""
    each = (RECORD._replace(attributes={names.ENDPOINT: f"/{number}"}) for number in range(count))
    return b"".join(write_record(record) + b"\n" for record in each)


def days(count: int) -> bytes:
    """Calls of one kind on many days."""
    times = (number * 86_400 * 10**9 + 1 for number in range(count))
    return b"".join(write_record(RECORD._replace(time=time)) + b"\n" for time in times)


def batch(count: int, *, resources: int = 1, attributes: int = 0, scopes: int = 1) -> bytes:
    """A line of a Collector's with many records of ours, resources, attributes of a resource, or scopes."""
    document = json.loads(write_record(RECORD))
    (resource,) = document["resourceLogs"]
    (scope,) = resource["scopeLogs"]
    scope["logRecords"] *= count
    resource["scopeLogs"] *= scopes
    more = [{"key": f"a{number}", "value": {"stringValue": "b" * 40}} for number in range(attributes)]
    resource["resource"]["attributes"] += more
    document["resourceLogs"] *= resources
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def value(of: Callable[[int], Any]) -> Callable[[int], bytes]:
    """A record with one attribute."""
    return lambda count: write_record(RECORD._replace(attributes={names.REASONS: of(count)})) + b"\n"


SHAPES: dict[str, Callable[[int], bytes]] = {
    "ledger": ledger,
    "writers": writers,
    "checkpoints": checkpoints,
    "repeated": repeated,
    "kinds": kinds,
    "days": days,
    "records": batch,
    "resources": lambda count: batch(1, resources=count),
    "scopes": lambda count: batch(1, scopes=count),
    "attributes": lambda count: batch(1, attributes=count),
    "records below attributes": lambda count: batch(5 * count, attributes=5 * count),
    "resources with attributes": lambda count: batch(1, resources=count, attributes=FEW),
    "list": value(lambda count: ["a"] * count),
    "text": value(lambda count: "a" * 1000 * count),
    "quotes": value(lambda count: '"\\' * 1000 * count),
    "links": value(lambda count: Chain().add(RECORD)[1].decode() * count),
    "nested": lambda count: b"[" * 100 * count + b"\n",
    "cut": lambda count: write_record(RECORD)[:-3] * count,
    "cut in a text": lambda count: b'{"resourceLogs":["' + b"a" * 1000 * count,
    "cut in many lines": lambda count: (write_record(RECORD)[:-3] + b"\n") * count,
    "no JSON": lambda count: b"abc\n" * count,
    "empty lines": lambda count: b"\n" * count,
    "one line": lambda count: b"a" * 10_000 * count,
    "bytes": lambda count: b"\xff\x00\n" * count,
    "digits": lambda count: b'{"resourceLogs":[' + b"9" * 1000 * count + b"]}\n",
}


@pytest.mark.parametrize("measure", [steps, peak])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_reader_is_linear(
    shape: str, measure: Callable[[Callable[[], object]], int], tmp_path: Path
) -> None:
    """Eight times the file takes at most some eight times as much, as a ledger and as telemetry."""

    def count(size: int) -> tuple[int, int]:
        file = tmp_path / "ledger.jsonl"
        file.write_bytes(SHAPES[shape](size))
        file.with_name("ledger.jsonl.checkpoints").write_bytes(file.read_bytes())
        task = ReadTask(file, 0, None)
        return (
            measure(lambda: verify([file], {})),
            measure(lambda: read_part(task, tmp_path / "rows", set(), lambda _: None)),
        )

    count(FEW)  # what is imported and compiled once
    for few, many in zip(count(FEW), count(FEW * TIMES), strict=True):
        assert many <= few * TIMES * ALLOWED + 200_000 * (measure is peak) + 100
