"""Writes the records of a ledger, one OTLP log record a line, and reads the facts and policies in them.

A record has what is needed to judge the call again, and no content: of a path only the words that the
catalogue or the policy contains are kept.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple, get_type_hints

from otel_residency.core.catalogue import Catalogue, path_segments
from otel_residency.core.decode import decode, decode_value, to_plain
from otel_residency.core.facts import BatchLine, CallFacts
from otel_residency.core.paths import is_plain, normal_path, raw_segments
from otel_residency.core.policy import Policy
from otel_residency.core.regions import UNREADABLE
from otel_residency.core.revision import Revision
from otel_residency.telemetry import names
from otel_residency.version import __version__

ID = "{}"
"""Replaces a segment of a path that is in no catalogue or policy: an id, or content."""
AMBIGUOUS = "%25"
"""Replaces such a segment if servers read it in different ways, as they do with this one."""
_INFO, _ERROR = '"severityNumber":9,"severityText":"INFO"', '"severityNumber":17,"severityText":"ERROR"'
_quoted = json.encoder.encode_basestring
_SCOPE = f'{{"name":{_quoted(names.SCOPE)},"version":{_quoted(__version__)}}}'
_SURROGATE = re.compile("[\ud800-\udfff]")
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
    """32 hexadecimal digits, or nothing; `span_id` has 16."""
    span_id: str = ""
    resource: Mapping[str, Any] = _NOTHING

    @property
    def day(self) -> date:
        """The UTC day of the call; it selects the table."""
        return datetime.fromtimestamp(self.time // 10**9, UTC).date()

    @property
    def facts(self) -> CallFacts | None:
        """The facts of a call; `None` for a record without facts.

        Raises:
            ValueError: this release can't read them.
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
    # A lone surrogate is no UTF-8, and parsers differ about the escape that JSON has for it. An answer can
    # bring one (tests/audit/test_record.py, test_what_is_no_text_becomes_one).
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", line).encode()


# JSON is written by hand: an encoder takes three times as long for so many small tables. `verify` accepts
# this exact text only.


def _attributes(attributes: Mapping[str, Any]) -> str:
    pairs = (f'{{"key":{_quoted(key)},"value":{_value(value)}}}' for key, value in attributes.items())
    return f"[{','.join(pairs)}]"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return f'{{"stringValue":{_quoted(value)}}}'
    # Before `int`: `bool` is a subclass of it.
    if isinstance(value, bool):
        return '{"boolValue":true}' if value else '{"boolValue":false}'
    if isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
        # As a string, since OTLP/JSON writes 64-bit integers so: JavaScript would round them.
        return f'{{"intValue":"{value}"}}'
    if isinstance(value, list | tuple):
        return f'{{"arrayValue":{{"values":[{",".join(map(_value, value))}]}}}}'
    return f'{{"stringValue":{_quoted(str(value))}}}'


def write_facts(facts: CallFacts) -> str:
    """Facts as JSON: fields without a default value, but for the day, which is that of the record."""
    fields = to_plain(facts)
    # Facts of the same kind have the same text on every day, and are written and read once.
    del fields["on"]
    return json.dumps(fields, separators=_DENSE, ensure_ascii=False)


def read_facts(text: str, on: date) -> CallFacts:
    """The facts that `write_facts` wrote.

    Raises:
        ValueError: it is no such text. A key of a later release is an error, too: it may change the verdict.
    """
    return decode(CallFacts, {**json.loads(text), "on": on})


def write_policy(policy: Policy) -> str:
    """The effective policy as JSON, with the fields that are no keys of a policy file: they count, too."""
    return _as_text(policy)


def write_revision(revision: Revision) -> str:
    """A revision of the catalogue as JSON, with what it inherits."""
    return _as_text(revision)


def _as_text(value: Policy | Revision) -> str:
    text = json.dumps(to_plain(value), separators=_DENSE, ensure_ascii=False, sort_keys=True)
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)  # as in a record: it is hashed


def read_policy(text: str) -> Policy:
    """The policy that `write_policy` wrote.

    Raises:
        ValueError: as above.
    """
    fields, kinds = json.loads(text), get_type_hints(Policy)
    hidden = {
        key: decode_value(kinds[key], fields.pop(key), key) for key in Policy.not_keys() if key in fields
    }
    return decode(Policy, fields)._replace(**hidden)


def read_revision(text: str) -> Revision:
    """The revision that `write_revision` wrote.

    Raises:
        ValueError: as above.
    """
    return decode(Revision, json.loads(text))


class FactsRedactor:
    """Removes from facts what is not needed to judge them again by this catalogue and policy."""

    def __init__(self, catalogue: Catalogue, policy: Policy) -> None:
        """Collect the words that a path may keep."""
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
        # Words of the catalogue only: any other segment may be an id or a name that a customer chose
        # (tests/audit/test_record.py, test_a_path_keeps_only_words_of_the_catalogue).
        self._segments = frozenset(each for path in paths for each in path.split("/") if "{" not in each)
        self._regions = catalogue.region_codes

    def __call__(self, facts: CallFacts) -> CallFacts:
        """The facts with `ID` for every other segment of a path. Their verdict is the same."""
        allowed = self._segments | {*path_segments(normal_path(facts.base_path))}
        lines = facts.batch_lines
        return facts._replace(
            hops=tuple(hop._replace(path=_redacted(hop.path, allowed)) for hop in facts.hops),
            batch_lines=None if lines is None else tuple(self._line(line, allowed) for line in lines),
            # Anything but a region code came from a header of a request, and may be any text.
            required=tuple(
                group if self._regions.issuperset(group) else UNREADABLE for group in facts.required
            ),
        )

    @staticmethod
    def _line(line: BatchLine, allowed: frozenset[str]) -> BatchLine:
        return line._replace(path=_redacted(line.path, allowed)) if line.path else line


def _redacted(path: str, allowed: frozenset[str]) -> str:
    return "/" + "/".join(_redacted_segment(each, allowed) for each in raw_segments(path))


def _redacted_segment(segment: str, allowed: frozenset[str]) -> str:
    # Dot segments and empty ones stay, and what servers read in different ways becomes another such segment:
    # a path that is not canonical must not look like one when the record is judged again.
    if segment in allowed or segment in ("", ".", ".."):
        return segment
    return ID if is_plain(segment) else AMBIGUOUS
