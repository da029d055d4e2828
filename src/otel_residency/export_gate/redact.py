"""Makes what is exported in place of a span or log record; the originals are never changed."""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

from opentelemetry.sdk._logs import ReadWriteLogRecord
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, TraceState

from otel_residency.export_gate.content import Content
from otel_residency.telemetry import names

WITHHELD_NAME = "residency withheld"
_OWN_KEYS = frozenset(value for value in vars(names).values() if isinstance(value, str)) | {
    *names.EVIDENCE.values()
}
"""The attributes of our own spans, and more names of ours that are no attributes of spans."""
_SAMPLING = "ot"
"""The member of a trace state that OpenTelemetry defines: the probability with which the span was sampled."""


class GatedSpan(ReadableSpan):
    """A span that has been through the gate. It is not treated again."""

    def __init__(
        self,
        span: ReadableSpan,
        attributes: Mapping[str, Any],
        *,
        name: str | None = None,
        events: Sequence[Event] | None = None,
        links: Sequence[Link] | None = None,
        status: Status | None = None,
        scope: InstrumentationScope | None = None,
    ) -> None:
        """Stand for `span`, with the same ids, parent, times and counts of what was dropped."""
        super().__init__(
            name=span.name if name is None else name,
            context=_bare_context(span.context),
            parent=span.parent,
            resource=span.resource,
            attributes=attributes,
            events=span.events if events is None else events,
            links=span.links if links is None else links,
            kind=span.kind,
            status=span.status if status is None else status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=scope or span.instrumentation_scope,
        )
        # `ReadableSpan` of 1.45.1 counts them in its bounded containers, and gets plain ones here: without
        # this they would read 0.
        self._dropped = (span.dropped_attributes, span.dropped_events, span.dropped_links)

    @property
    def dropped_attributes(self) -> int:
        """Attributes that the original dropped for its limits."""
        return self._dropped[0]

    @property
    def dropped_events(self) -> int:
        """Events that the original dropped for its limits."""
        return self._dropped[1]

    @property
    def dropped_links(self) -> int:
        """Links that the original dropped for its limits."""
        return self._dropped[2]


def flagged(span: ReadableSpan, verdict: Mapping[str, Any]) -> GatedSpan:
    """`span` with a verdict on it."""
    return GatedSpan(span, {**(span.attributes or {}), **verdict})


def redacted(
    span: ReadableSpan, content: Content, verdict: Mapping[str, Any], *, strict: bool
) -> GatedSpan | None:
    """`span` without content; `None` if it held none.

    The text of a status goes too: errors repeat what was asked.
    """
    attributes = content.without(span.attributes or {}, strict=strict)
    events = [_without(content, event, strict=strict) for event in span.events]
    # New objects: an exporter of another region may hold the original, and the application its span.
    links = [
        Link(_bare_context(link.context), content.without(link.attributes or {}, strict=strict))
        for link in span.links
    ]
    changed = (
        attributes != (span.attributes or {})
        or any(old.attributes != new.attributes for old, new in zip(span.events, events, strict=True))
        or any(
            (old.context, old.attributes or {}) != (new.context, new.attributes or {})
            for old, new in zip(span.links, links, strict=True)
        )
        or _bare_context(span.context) != span.context
        or span.status.description is not None
    )
    if not changed:
        return None
    return GatedSpan(
        span,
        {**attributes, **verdict, names.EXPORT_ACTION: names.REDACTED},
        events=events,
        links=links,
        status=Status(span.status.status_code),
        scope=_bare_scope(span.instrumentation_scope, content),
    )


def _without(content: Content, event: Event, *, strict: bool) -> Event:
    """A span event without content; of one that is nothing else, the name and the time are left."""
    if content.is_event(event.name):
        return Event(event.name, {}, event.timestamp)
    # Applications put into an exception's event what they know about the error.
    strict = strict or event.name == "exception"
    return Event(event.name, content.without(event.attributes or {}, strict=strict), event.timestamp)


def _bare_context(context: Any) -> Any:
    """The ids of a span without a trace state, which applications and vendors write; sampling stays."""
    if context is None or not context.trace_state:
        return context
    sampling = context.trace_state.get(_SAMPLING)
    return SpanContext(
        context.trace_id,
        context.span_id,
        context.is_remote,
        context.trace_flags,
        None if sampling is None else TraceState([(_SAMPLING, sampling)]),
    )


def _bare_scope(scope: InstrumentationScope | None, content: Content) -> InstrumentationScope | None:
    """A scope without content. The rest stays: some exporters choose their spans by it."""
    if scope is None or not scope.attributes:
        return scope
    kept = content.without(scope.attributes, strict=False)
    return InstrumentationScope(scope.name, scope.version, scope.schema_url, kept)


def tombstone(span: ReadableSpan, verdict: Mapping[str, Any]) -> GatedSpan:
    """The tombstone of a withheld span, so that no trace is broken: ids, parent, times, verdict."""
    return _bare(span, {**verdict, names.EXPORT_ACTION: names.WITHHELD}, WITHHELD_NAME)


def without_foreign(span: ReadableSpan) -> GatedSpan | None:
    """Our own span with what it was given by us; `None` if there is nothing else on it."""
    attributes = {key: value for key, value in (span.attributes or {}).items() if key in _OWN_KEYS}
    method, endpoint = (attributes.get(key) for key in (names.HTTP_METHOD, names.ENDPOINT))
    name = f"residency {method or 'HTTP'} {endpoint}"
    changed = (
        len(attributes) != len(span.attributes or {})
        or name != span.name
        or span.events
        or span.links
        or span.status.description is not None
        or _bare_context(span.context) != span.context
    )
    if not changed:
        return None
    return _bare(span, {**attributes, names.EXPORT_ACTION: names.REDACTED}, name)


def _bare(span: ReadableSpan, attributes: Mapping[str, Any], name: str) -> GatedSpan:
    """`span` with these attributes and this name, and without any text of others."""
    return GatedSpan(
        span,
        attributes,
        name=name,
        events=(),
        links=[Link(_bare_context(link.context)) for link in span.links],
        status=Status(span.status.status_code),
    )


class GatedLogRecord(ReadWriteLogRecord):
    """A log record that has been through the gate. It is not treated again."""


def _in_place_of(record: ReadWriteLogRecord, attributes: Mapping[str, Any], body: Any) -> GatedLogRecord:
    # Read first: `ReadWriteLogRecord` wraps the attributes of its record anew (1.45.1, `__post_init__`), and
    # begins to count at 0.
    dropped = record.dropped_attributes
    log = copy(record.log_record)
    log.attributes, log.body = dict(attributes), body
    # The exception itself goes too: an exporter may write its message. Older SDKs have no such field.
    if hasattr(log, "exception"):
        log.exception = None
    gated = GatedLogRecord(log, record.resource, record.instrumentation_scope, record.limits)
    bounded: Any = gated.log_record.attributes
    bounded.dropped += dropped
    return gated


def redacted_log(record: ReadWriteLogRecord, description: Content, *, content: bool) -> GatedLogRecord | None:
    """`record` without content; `None` if it has none.

    The text of what an application logs by itself stays, since nothing says what is in it.

    Args:
        record: the record.
        description: what is known of content.
        content: whether the whole record is content.
    """
    log = record.log_record
    attributes = description.without(log.attributes or {}, strict=content)
    # A body has no keys by which parts of it could be kept.
    body = None if content else log.body
    if attributes == (log.attributes or {}) and body == log.body:
        return None
    return _in_place_of(record, {**attributes, names.EXPORT_ACTION: names.REDACTED}, body)


def withheld_log(record: ReadWriteLogRecord) -> GatedLogRecord:
    """The tombstone of a withheld record: times, context, name."""
    return _in_place_of(record, {names.EXPORT_ACTION: names.WITHHELD}, None)
