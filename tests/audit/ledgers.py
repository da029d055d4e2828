"""Ledgers as services leave them, made of facts that are judged as they are in a service."""

import json
from datetime import UTC, date, datetime
from typing import Any

from otel_residency.catalogue import load_catalogue
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.decide import decide
from otel_residency.core.facts import Answer, CallFacts, Hop
from otel_residency.core.policy import Policy, Statement
from otel_residency.records.chain import Chain
from otel_residency.records.record import Record, write_facts, write_policy, write_record
from otel_residency.settings.load import Settings
from otel_residency.telemetry import names
from tests.internet import EU
from tests.vendor import SNAPSHOT

CHAT = "/v1/chat/completions"
DAY = date(2026, 11, 10)
POLICY = Policy(
    require=("eu",),
    attest={
        "zero_data_retention": Statement(value=True, reference="DPA annex 2"),
        "retention_amendment": Statement(value=True, reference="Amendment 1"),
    },
)


def nanoseconds(day: date, second: int = 0) -> int:
    """A time on a day."""
    return (int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) + second) * 10**9


def facts(host: str = EU, model: str = SNAPSHOT, path: str = CHAT, on: date = DAY, **more: Any) -> CallFacts:
    """A call that was answered by the model that it asked for."""
    hop = Hop("https", host, None, path, payload=True)
    return CallFacts(on, "POST", (hop,), model=model, answer=Answer(200, model), **more)


def listing(host: str = EU) -> CallFacts:
    """A call without content: a list of models."""
    return CallFacts(DAY, "GET", (Hop("https", host, None, "/v1/models"),))


class Ledger:
    """One writer's lines."""

    def __init__(
        self, service: str = "claims", policy: Policy = POLICY, catalogue: Catalogue | None = None
    ) -> None:
        """Begin with the record of the policy."""
        self.service, self.policy, self.catalogue = service, policy, catalogue or load_catalogue()
        self.hash = Settings(policy=policy).policy_hash
        self._chain = Chain()
        self.writer = self._chain.writer
        self.resource = {"service.name": service, "deployment.environment.name": "production"}
        self.lines: list[bytes] = []
        document = {names.POLICY: self.hash, names.POLICY_DOCUMENT: write_policy(policy)}
        self.add(names.EVENT_POLICY, nanoseconds(DAY), document)

    def add(self, event: str, time: int, attributes: dict[str, Any]) -> None:
        """Append a record."""
        trace = f"{len(self.lines):032x}"
        record = Record(event, time, time + 10**9, attributes, trace, trace[:16], self.resource)
        self.lines.append(self._chain.add(record)[1])

    def end(self, dropped: int = 0) -> None:
        """Append the checkpoint of a writer that ends."""
        time = nanoseconds(DAY)
        self.lines.append(self._chain.checkpoint(time, self.resource, None, closed=True, dropped=dropped)[1])

    def call(self, facts: CallFacts, /, second: int = 0, **attributes: Any) -> None:
        """Append the record of a call; `attributes` change what it says, `None` leaves one out."""
        self.add(names.EVENT_CALL, nanoseconds(facts.on, second), self.attributes(facts, **attributes))

    def attributes(self, facts: CallFacts, /, **attributes: Any) -> dict[str, Any]:
        """The attributes of the record of a call."""
        decision = decide(facts, self.catalogue, self.policy)
        values = {
            names.BASE_URL: f"https://{facts.hops[0].host}/v1/",
            names.MODEL_REQUESTED: facts.model,
            names.SERVER_ADDRESS: facts.hops[-1].host,
            names.EVIDENCE["request_id"]: f"req_{len(self.lines)}",
            names.VERDICT: decision.verdict.value,
            names.VIOLATION: decision.violation,
            names.REASONS: decision.reasons,
            names.ACTION: names.FLAGGED if decision.violation else None,
            names.REGION: decision.region,
            names.REQUIRED: decision.required or None,
            names.ENDPOINT: decision.endpoint,
            names.MODEL_SNAPSHOT: decision.snapshot,
            names.CATALOGUE: decision.catalogue,
            names.POLICY: self.hash,
            names.DURATION: 1_000_000 + len(self.lines),
            names.FACTS: write_facts(facts),
        }
        values |= {f"residency.{name}": value for name, value in attributes.items()}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def text(self) -> bytes:
        """The file."""
        return b"".join(line + b"\n" for line in self.lines)


def span(
    ledger: Ledger, facts: CallFacts, /, *, ours: bool = True, judged: bool = False, **attributes: Any
) -> bytes:
    """A line of the Collector's with the span of a call; `attributes` as `Ledger.call` takes them.

    Another's span says what is ours only where the export gate has judged it.
    """
    record = json.loads(write_record(Record("", 0, 0, ledger.attributes(facts, **attributes))))
    (values,) = (each["attributes"] for each in record["resourceLogs"][0]["scopeLogs"][0]["logRecords"])
    data = {
        "name": "residency POST",
        "kind": 1 if ours else 3,
        "startTimeUnixNano": str(nanoseconds(facts.on)),
        "attributes": [each for each in values if _in_span(each["key"], ours=ours or judged)],
    }
    scope = {"scope": {"name": names.SCOPE if ours else "httpx"}, "spans": [data]}
    return _line({"resourceSpans": [{"resource": _resource(ledger.service), "scopeSpans": [scope]}]})


def as_collected(line: bytes) -> bytes:
    """A line of a ledger as a Collector writes it that was sent the same record."""
    document = json.loads(line)
    (record,) = document["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    record["eventName"] = record.pop("eventName")
    return json.dumps(document, separators=(",", ":")).encode()


def counter(
    service: str,
    count: int,
    at: int,
    began: int,
    *,
    violation: bool = False,
    delta: bool = False,
    process: str = "1",
) -> bytes:
    """A line of the Collector's with what the counter of a process says at a time."""
    point = {
        "startTimeUnixNano": str(began),
        "timeUnixNano": str(at),
        "asInt": str(count),
        "attributes": [{"key": names.VIOLATION, "value": {"boolValue": violation}}],
    }
    data = {"dataPoints": [point], "aggregationTemporality": 1 if delta else 2, "isMonotonic": True}
    other = {"name": names.METRIC_LEDGER_RECORDS, "sum": data}
    scope = {"scope": {"name": names.SCOPE}, "metrics": [{"name": names.METRIC_CALLS, "sum": data}, other]}
    resource = _resource(service, process)
    return _line({"resourceMetrics": [{"resource": resource, "scopeMetrics": [scope]}]})


def _resource(service: str, process: str = "1") -> dict[str, Any]:
    labels = {"service.name": service, "service.instance.id": process}
    return {"attributes": [{"key": key, "value": {"stringValue": value}} for key, value in labels.items()]}


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode() + b"\n"


def _in_span(name: str, *, ours: bool) -> bool:
    return name != names.FACTS and (ours or not name.startswith("residency."))
