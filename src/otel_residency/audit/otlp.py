"""OTLP/JSON, parsed: the one parser of `report` and `verify`.

A line is parsed whole, or it is no document: nothing is counted of a line that breaks off or goes on after
its end.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from otel_residency.records import line as lines
from otel_residency.telemetry import names

_BIGGEST = (1 << 63) - 1
_DIGITS = len(str(_BIGGEST))
_TWO_KINDS = "not what OTLP allows: a value of two kinds"
_NO_NUMBER = "not what OTLP allows: not a number from 0, or one of more than 63 bits"


class NotOtlpError(ValueError):
    """A line is not OTLP/JSON; the message says why, without any content of it."""


class _Base(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    """Fields that are not named are skipped. `gc=False` saves time and memory: there are no cycles."""


class Item(_Base):
    """A value that is no list."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: str | int | None = None
    double_value: float | str | None = None


class Items(_Base):
    """A list. Lists within it are not read: nothing of ours has any, and the depth is bounded so."""

    values: list[Item] | None = None


class AnyValue(Item):
    """The value of an attribute."""

    array_value: Items | None = None


class Attribute(_Base):
    """An attribute."""

    key: str
    value: AnyValue = msgspec.field(default_factory=AnyValue)


class Holder(_Base):
    """A resource."""

    attributes: list[Attribute] | None = None


class Scope(_Base):
    """An instrumentation scope."""

    name: str = ""
    version: str = ""


class LogRecord(_Base):
    """A log record; fields are in the order in which a ledger has them."""

    time_unix_nano: str | int = ""
    observed_time_unix_nano: str | int = ""
    severity_number: int | str = 0
    severity_text: str = ""
    trace_id: str = ""
    span_id: str = ""
    event_name: str = ""
    attributes: list[Attribute] | None = None


class ScopeLogs(_Base):
    """Log records of one scope."""

    scope: Scope = msgspec.field(default_factory=Scope)
    log_records: list[LogRecord] | None = None
    schema_url: str = ""


class ResourceLogs(_Base):
    """Log records of one resource."""

    resource: Holder = msgspec.field(default_factory=Holder)
    scope_logs: list[ScopeLogs] | None = None


class Span(_Base):
    """A span."""

    start_time_unix_nano: str | int = ""
    kind: int | str = 0
    attributes: list[Attribute] | None = None


class ScopeSpans(_Base):
    """Spans of one scope."""

    scope: Scope = msgspec.field(default_factory=Scope)
    spans: list[Span] | None = None


class ResourceSpans(_Base):
    """Spans of one resource."""

    resource: Holder = msgspec.field(default_factory=Holder)
    scope_spans: list[ScopeSpans] | None = None


class Point(_Base):
    """A value of a counter."""

    start_time_unix_nano: str | int = ""
    time_unix_nano: str | int = ""
    as_int: str | int | None = None
    as_double: float | str | None = None
    attributes: list[Attribute] | None = None


class Sum(_Base):
    """The values of a counter."""

    aggregation_temporality: int | str = 0
    data_points: list[Point] | None = None


class Metric(_Base):
    """A metric; of other kinds than counters only the name is read."""

    name: str = ""
    sum: Sum | None = None


class ScopeMetrics(_Base):
    """Metrics of one scope."""

    scope: Scope = msgspec.field(default_factory=Scope)
    metrics: list[Metric] | None = None


class ResourceMetrics(_Base):
    """Metrics of one resource."""

    resource: Holder = msgspec.field(default_factory=Holder)
    scope_metrics: list[ScopeMetrics] | None = None


class Document(_Base):
    """A line."""

    resource_logs: list[ResourceLogs] | None = None
    resource_spans: list[ResourceSpans] | None = None
    resource_metrics: list[ResourceMetrics] | None = None
    resource_profiles: msgspec.Raw | None = None


class Link(NamedTuple):
    """The place of a line in a chain."""

    event: str
    writer: str
    sequence: int
    previous: str
    attributes: Mapping[str, str] = MappingProxyType({})
    """As text; of a record that is no call."""


_decode = msgspec.json.Decoder(Document).decode
_encode = msgspec.json.Encoder().encode


def parse(line: bytes) -> Document:
    """The document in a line, with or without its end.

    Raises:
        NotOtlpError: it is something else.
    """
    if len(line) >= lines.LONGEST:
        raise NotOtlpError(f"longer than {lines.LONGEST} bytes")
    try:
        # Decoded first: msgspec does not look at the bytes of texts that it skips.
        document = _decode(line.decode())
    except UnicodeDecodeError:
        raise NotOtlpError("not UTF-8") from None
    except RecursionError:
        raise NotOtlpError("nested too deeply") from None
    except msgspec.ValidationError as error:
        raise NotOtlpError(f"not what OTLP allows: {error}") from None
    except msgspec.DecodeError as error:
        raise NotOtlpError(f"not JSON: {error}") from None
    kinds = document.resource_logs, document.resource_spans, document.resource_metrics
    if kinds == (None, None, None) and document.resource_profiles is None:
        raise NotOtlpError("no OTLP document")
    return document


def link_of(document: Document, line: bytes) -> Link | None:
    """The place in the chain of a line; `None` if no ledger has such a line.

    A line of a ledger has one record, and exactly the bytes that this record is written as. So no field is
    repeated, unknown or in another place, and every other reader finds the same in it.
    """
    more = document.resource_spans, document.resource_metrics, document.resource_profiles
    if more != (None, None, None):
        return None
    try:
        (of_resource,) = document.resource_logs or []
        (of_scope,) = of_resource.scope_logs or []
        (record,) = of_scope.log_records or []
        writer, sequence, previous = (record.attributes or [])[:3]
    except ValueError:  # not one of each
        return None
    named = writer.value.string_value or "", previous.value.string_value or ""
    if (
        of_scope.scope.name != names.SCOPE
        or (writer.key, sequence.key, previous.key) != _LINK
        or not (_WRITER.fullmatch(named[0]) and _DIGEST.fullmatch(named[1]))
        or _encode(document) != line.removesuffix(b"\n")
    ):
        return None
    is_call = record.event_name == names.EVENT_CALL
    return Link(
        event=record.event_name,
        writer=named[0],
        sequence=whole_number(sequence.value.int_value),
        previous=named[1],
        attributes={} if is_call else all_texts_of(record.attributes),
    )


_LINK = names.LEDGER_WRITER, names.LEDGER_SEQUENCE, names.LEDGER_PREVIOUS
_WRITER, _DIGEST = re.compile("[0-9a-f]{32}"), re.compile("[0-9a-f]{64}")


def whole_number(value: str | int | None) -> int:
    """A number from 0 that has at most 63 bits, as DuckDB and ClickHouse can add it; OTLP writes it as text.

    Raises:
        NotOtlpError: it is none.
    """
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) <= _DIGITS):
            raise NotOtlpError(_NO_NUMBER)
        value = int(value)
    if value is None or not 0 <= value <= _BIGGEST:
        raise NotOtlpError(_NO_NUMBER)
    return value


def texts_of(attributes: Sequence[Attribute] | None, wanted: Collection[str]) -> list[str]:
    """The attributes in `wanted` as text, in its order; an empty text for each that is not there.

    Raises:
        NotOtlpError: one of them is there twice, or is not what OTLP allows.
    """
    if not attributes:
        return [""] * len(wanted)
    values = {each.key: each.value for each in attributes}
    if len(values) < len(attributes):
        keys = Counter(each.key for each in attributes)
        if any(keys[key] > 1 for key in wanted):
            raise NotOtlpError("not what OTLP allows: an attribute is repeated")
    texts = []
    for value in map(values.get, wanted):
        if value is None:
            texts.append("")
            continue
        text = value.string_value
        # Most are text, and this is done for each attribute of each record.
        if (
            text is None
            or value.int_value is not None
            or value.bool_value is not None
            or value.array_value is not None
            or value.double_value is not None
        ):
            text = text_of(value)
        texts.append(text)
    return texts


def all_texts_of(attributes: Sequence[Attribute] | None) -> dict[str, str]:
    """All of the attributes as text; raises as `texts_of` does."""
    keys = [each.key for each in attributes or ()]
    return dict(zip(keys, texts_of(attributes, keys), strict=True))


def text_of(value: AnyValue) -> str:
    """A value as text, as the Collector's exporter for ClickHouse writes it: lists and booleans are JSON.

    Raises:
        NotOtlpError: it is two values, or a number of more than 64 bits.
    """
    found = _item(value)
    if value.array_value is None:
        if isinstance(found, str):
            return found
        return "" if found is None else _encode(found).decode()
    if found is not None:
        raise NotOtlpError(_TWO_KINDS)
    return _encode([_item(each) for each in value.array_value.values or ()]).decode()


def _item(item: Item) -> str | bool | float | None:
    found = None
    for each in (item.string_value, item.bool_value, item.double_value):
        if each is not None:
            if found is not None:
                raise NotOtlpError(_TWO_KINDS)
            found = each
    if item.int_value is None:
        return found
    if found is not None:
        raise NotOtlpError(_TWO_KINDS)
    digits = str(item.int_value)
    return -whole_number(digits[1:]) if digits.startswith("-") else whole_number(digits)
