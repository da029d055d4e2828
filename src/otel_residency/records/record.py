"""A ledger's records as text and back: one OTLP log record a line, with the facts and the policy in it.

A record says what was seen, so that the call can be judged again, and nothing that is content: of a path
only the words that the catalogue or the policy knows are kept.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple, get_type_hints

from otel_residency.core.catalogue import Catalogue, path_segments
from otel_residency.core.classify import normal_path
from otel_residency.core.decode import decode, decode_value, to_plain
from otel_residency.core.facts import BatchLine, CallFacts
from otel_residency.core.policy import Policy
from otel_residency.core.regions import UNREADABLE
from otel_residency.telemetry import names
from otel_residency.version import __version__

ID = "{}"
"""Stands for a segment of a path that nobody knows: an id, or worse."""
_INFO, _ERROR = '"severityNumber":9,"severityText":"INFO"', '"severityNumber":17,"severityText":"ERROR"'
_quoted = json.encoder.encode_basestring
_SCOPE = f'{{"name":{_quoted(names.SCOPE)},"version":{_quoted(__version__)}}}'
_NOTHING: Mapping[str, Any] = {}
_DENSE = (",", ":")


class Record(NamedTuple):
    """One log record."""

    event: str
    time: int
    """When the call began, in nanoseconds since 1970, UTC."""
    observed: int
    """When it was recorded."""
    attributes: Mapping[str, Any]
    """Text, numbers, booleans, and lists of these."""
    trace_id: str = ""
    """32 hexadecimal digits, or nothing; likewise 16 of the span."""
    span_id: str = ""
    resource: Mapping[str, Any] = _NOTHING

    @property
    def day(self) -> date:
        """The UTC day of the call; it selects the table."""
        return datetime.fromtimestamp(self.time // 10**9, UTC).date()

    @property
    def facts(self) -> CallFacts | None:
        """The facts of a call; `None` where none were seen.

        Raises:
            ValueError: they can't be read, by this release at least.
        """
        text = self.attributes.get(names.FACTS)
        return None if text is None else read_facts(text, self.day)


def write_record(record: Record) -> bytes:
    """The record as a line, without its end."""
    severity = _ERROR if record.attributes.get(names.VIOLATION) else _INFO
    ids = f'"traceId":{_quoted(record.trace_id)},"spanId":{_quoted(record.span_id)},'
    trace = ids if record.trace_id else ""
    line = (
        f'{{"resourceLogs":[{{"resource":{{"attributes":{_attributes(record.resource)}}},'
        f'"scopeLogs":[{{"scope":{_SCOPE},"logRecords":[{{'
        f'"timeUnixNano":"{record.time}","observedTimeUnixNano":"{record.observed}",{severity},{trace}'
        f'"eventName":{_quoted(record.event)},"attributes":{_attributes(record.attributes)}}}],'
        f'"schemaUrl":{_quoted(names.SCHEMA_URL)}}}]}}]}}'
    )
    return line.encode("utf-8", "backslashreplace")


def read_record(line: bytes | str) -> Record:
    """The record that a line holds.

    Raises:
        ValueError: it holds anything but exactly one log record with an event name.
    """
    try:
        ((resource_logs,),) = json.loads(line).values()
        (scope_logs,) = resource_logs["scopeLogs"]
        (log,) = scope_logs["logRecords"]
        return Record(
            log["eventName"],
            int(log["timeUnixNano"]),
            int(log["observedTimeUnixNano"]),
            dict(_pairs(log.get("attributes", ()))),
            log.get("traceId", ""),
            log.get("spanId", ""),
            dict(_pairs(resource_logs.get("resource", {}).get("attributes", ()))),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"not one OTLP log record with an event name: {error!r}") from None


# By hand: it takes a third of the time that an encoder of JSON takes for so many small tables.


def _attributes(attributes: Mapping[str, Any]) -> str:
    told = (f'{{"key":{_quoted(key)},"value":{_value(value)}}}' for key, value in attributes.items())
    return f"[{','.join(told)}]"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return f'{{"stringValue":{_quoted(value)}}}'
    if isinstance(value, bool):
        return '{"boolValue":true}' if value else '{"boolValue":false}'
    if isinstance(value, int):
        return f'{{"intValue":"{value}"}}'
    if isinstance(value, list | tuple):
        return f'{{"arrayValue":{{"values":[{",".join(map(_value, value))}]}}}}'
    return f'{{"stringValue":{_quoted(str(value))}}}'


def _pairs(attributes: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    for attribute in attributes:
        yield attribute["key"], _read_value(attribute["value"])


def _read_value(value: Mapping[str, Any]) -> Any:
    for kind, told in value.items():
        if kind == "intValue":
            return int(told)
        return [_read_value(each) for each in told.get("values", ())] if kind == "arrayValue" else told
    return None


def write_facts(facts: CallFacts) -> str:
    """Facts as JSON: fields that say anything; the day is that of the record."""
    told = to_plain(facts)
    del told["on"]
    return json.dumps(told, separators=_DENSE, ensure_ascii=False)


def read_facts(text: str, on: date) -> CallFacts:
    """The facts that were written so.

    Raises:
        ValueError: it is no such text; a key that this release does not know is none to leave out.
    """
    return decode(CallFacts, {**json.loads(text), "on": on})


def write_policy(policy: Policy) -> str:
    """The effective policy as JSON, with what is no key of its file: calls are judged by that, too."""
    return json.dumps(to_plain(policy), separators=_DENSE, ensure_ascii=False, sort_keys=True)


def read_policy(text: str) -> Policy:
    """The policy that was written so.

    Raises:
        ValueError: as above.
    """
    told, kinds = json.loads(text), get_type_hints(Policy)
    hidden = {key: decode_value(kinds[key], told.pop(key), key) for key in Policy.not_keys() if key in told}
    return decode(Policy, told)._replace(**hidden)


class Plainer:
    """Leaves out of facts what is not needed to judge them again by this catalogue and policy."""

    def __init__(self, catalogue: Catalogue, policy: Policy) -> None:
        """Learn the words that a path may keep."""
        entries = catalogue.entries
        paths = [
            *(endpoint.path for endpoint in entries.endpoints),
            *(entry.path for entry in entries.without_content),
            *(entry.path for entry in entries.retired_endpoints),
            *(base.path for base in entries.base_paths),
            *(path for sender in entries.senders for path in sender.paths),
            *(path for revision in catalogue.revisions for row in revision.rows for path in row.services),
            *(name for host in policy.hosts.values() for name in host.deployments),
        ]
        self._words = frozenset(word for path in paths for word in path.split("/") if "{" not in word)
        self._regions = catalogue.region_codes

    def __call__(self, facts: CallFacts) -> CallFacts:
        """The facts with ids for whatever else a path holds; `decide` makes the same of them."""
        known = self._words | {*path_segments(normal_path(facts.base_path))}
        lines = facts.batch_lines
        return facts._replace(
            hops=tuple(hop._replace(path=_known(normal_path(hop.path), known)) for hop in facts.hops),
            batch_lines=None if lines is None else tuple(self._line(line, known) for line in lines),
            # What is no region may be anybody's text.
            required=tuple(
                group if self._regions.issuperset(group) else UNREADABLE for group in facts.required
            ),
        )

    @staticmethod
    def _line(line: BatchLine, known: frozenset[str]) -> BatchLine:
        return line._replace(path=_known(line.path, known)) if line.path else line


def _known(path: str, words: frozenset[str]) -> str:
    return "/" + "/".join(word if word in words or not word else ID for word in path_segments(path))
