"""Judges calls that were made without the openai client, by the host and path in HTTP clients' spans."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import NonRecordingSpan, set_span_in_context

from otel_residency.calls.correlation import CallRegistry, GenerationalCache, Key, TrackedCall, key_of
from otel_residency.core.cut import PATH_LIMIT, TEXT_LIMIT, cut
from otel_residency.core.facts import Answer, CallFacts, Hop
from otel_residency.core.interruption import reraise_interruption
from otel_residency.guard import Guard, Judgement
from otel_residency.ledger.recorded_call import RecordedCall
from otel_residency.requirements.context import required
from otel_residency.runtime.runtime import runtime
from otel_residency.telemetry import names
from otel_residency.telemetry.emitter import counters

Report = Callable[[Mapping[str, Any], Context], None]
"""Emits the event of a violation."""
Record = Callable[[RecordedCall], None]
"""Puts a call into the ledger."""

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_HOSTS = 4096
_PORT_DIGITS = 5


class HttpJudge:
    """Judges the spans of HTTP clients; the body was not seen, which the verdict says."""

    def __init__(self, guard: Callable[[], Guard], report: Report, record: Record) -> None:
        """Judge with `guard`, which is built at the first span with a URL."""
        self._guard = guard
        self._report = report
        self._record = record
        self._hosts_below: GenerationalCache[str] = GenerationalCache()
        self._registry = runtime.part(CallRegistry)
        # By scheme and host: whole URLs are as many as there are requests, and would push each other out.
        self._may_matter = lru_cache(_HOSTS)(self._leads_to_vendor)

    def __call__(self, span: ReadableSpan) -> TrackedCall | None:
        """The call that `span` describes, judged; `None` if it did not go to a vendor."""
        attributes = span.attributes or {}
        url = _first(attributes, names.URL_KEYS)
        if isinstance(url, str):
            origin = "/".join(url.split("/", 3)[:3])
            # A long one is not cut: the host stands behind user information of any length.
            leads = self._may_matter if len(origin) <= TEXT_LIMIT else self._leads_to_vendor
            if not leads(origin):
                return None
        hop, method = read_hop(attributes), hop_method(attributes)
        if hop is None or not self._guard().concerns(method, hop):
            return None
        status = _first(attributes, names.STATUS_KEYS)
        facts = CallFacts(
            on=_day(span.start_time),
            method=method,
            hops=(hop,),
            # A span has no body. A GET has none to be seen.
            body_unseen=hop.payload,
            answer=Answer(status=status if isinstance(status, int) else None),
            required=required(),
        )
        judgement = self._guard().judge(facts)
        violation = judgement.decision.violation
        call = TrackedCall(span.start_time or 0)
        call.parent_key = None if span.parent is None else key_of(span.parent)
        self._registry.settle(
            call, judgement.span, violation=violation, on_export=judgement.decision.on_export
        )
        # requests writes a span, and urllib3 below it another one of the same request.
        if self._is_first(span, hop.host):
            action = {names.ACTION: names.FLAGGED} if violation else {}
            counters().calls.add(tuple({**dict(judgement.counted), **action}.items()))
            self._record(
                RecordedCall(
                    started=span.start_time or 0,
                    ended=span.end_time or span.start_time or 0,
                    judgement=judgement,
                    attributes=_attributes(hop, facts, judgement),
                    outcome=action,
                    span=span,
                )
            )
            if violation and span.context is not None:
                event = {**judgement.span, **action, names.SERVER_ADDRESS: hop.host}
                self._report(event, set_span_in_context(NonRecordingSpan(span.context)))
        return call

    def _is_first(self, span: ReadableSpan, host: str) -> bool:
        """Whether no span below this one describes the same request, as HTTP clients are layered."""
        context, parent = span.context, span.parent
        key: Key | None = (context.trace_id, context.span_id) if context else None
        if parent is not None:
            # Spans below end first: each leaves its host with its parent.
            self._hosts_below.put((parent.trace_id, parent.span_id), host)
        return self._hosts_below.get(key) != host

    def _leads_to_vendor(self, origin: str) -> bool:
        """Whether a URL with this scheme and host may be a vendor's."""
        hop = read_hop({names.URL_KEYS[0]: origin})
        return hop is not None and self._guard().concerns_host(hop.host)


def _attributes(hop: Hop, facts: CallFacts, judgement: Judgement) -> dict[str, Any]:
    """The attributes of a call, beside its verdict."""
    attributes: dict[str, Any] = {
        names.SERVER_ADDRESS: hop.host,
        names.HTTP_METHOD: facts.method,
        names.HOP_HOSTS: (hop.host,),
        names.HOP_REGIONS: judgement.decision.hop_regions,
    }
    if facts.answer is not None and facts.answer.status is not None:
        attributes[names.HTTP_STATUS] = facts.answer.status
    return attributes


def hop_method(attributes: Mapping[str, Any]) -> str:
    """The method of a request."""
    # A method that is missing counts as one with a body, which is the worse of the two.
    return cut(str(_first(attributes, names.METHOD_KEYS) or "POST").upper())


def read_hop(attributes: Mapping[str, Any]) -> Hop | None:
    """Where a request went, by the attributes of its span; `None` if they don't say."""
    url = _first(attributes, names.URL_KEYS)
    payload = hop_method(attributes) in _WITH_BODY
    if isinstance(url, str):
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            reraise_interruption()
            return None
        if not host:
            return None
        path = parts.path or "/"
        return _hop(scheme=parts.scheme, host=host, port=port, path=path, payload=payload)
    host = _first(attributes, names.HOST_KEYS)
    if not isinstance(host, str):
        return None
    named_port = _first(attributes, names.PORT_KEYS)
    path = str(_first(attributes, names.PATH_KEYS) or "/").partition("?")[0]
    scheme = str(_first(attributes, names.SCHEME_KEYS) or "https")
    # `http.host` of the old conventions may have a port in it.
    name, _, after = host.partition(":")
    if not after.isdecimal() or len(after) > _PORT_DIGITS:
        after = ""
    port = named_port if isinstance(named_port, int) else int(after) if after else None
    return _hop(scheme=scheme, host=name, port=port, path=path, payload=payload)


def _hop(*, scheme: str, host: str, port: int | None, path: str, payload: bool) -> Hop:
    return Hop(scheme=cut(scheme), host=cut(host), port=port, path=cut(path, PATH_LIMIT), payload=payload)


def _first(attributes: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    for key in keys:
        value = attributes.get(key)
        if value is not None:
            return value
    return None


def _day(nanoseconds: int | None) -> date:
    return datetime.fromtimestamp((nanoseconds or 0) / 1e9, UTC).date()
