"""What came back for a call: status, headers, connection, and of the answer model, tier, ids and refusals."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any, NamedTuple

from otel_residency.calls.request import HEADER_LIMIT, foreign_text, host_of
from otel_residency.core.cut import TEXT_LIMIT, cut
from otel_residency.core.entries import EvidenceHeader, Refusal
from otel_residency.core.facts import Answer
from otel_residency.core.interruption import reraise_interruption
from otel_residency.core.regions import UNKNOWN
from otel_residency.core.request_entries import Creation
from otel_residency.guard import Guard
from otel_residency.telemetry import names

_NO_FIELDS: Mapping[str, Any] = {}
EvidenceHeaders = Mapping[bytes, tuple[str, EvidenceHeader]]
"""From the name of a header, in lower case, to the attribute that shows it and its catalogue entry."""
_MOST_IDS = 256
"""Ids of one answer that are remembered: more could push out what other answers created."""
_MOST_VALUES = 16
"""Values that one call's answers may name besides the latest ones."""
_FIRST_ERROR = 400
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NO_EVIDENCE: Mapping[str, str] = MappingProxyType({})
_NO_MORE: Mapping[tuple[str, str], None] = MappingProxyType({})
_TIER, _PROVIDER = names.EVIDENCE["service_tier"], names.EVIDENCE["provider"]
_REGION, _UPSTREAM = names.EVIDENCE["azure_region"], names.EVIDENCE["upstream"]
_FALLBACKS, _PROJECT = names.EVIDENCE["fallbacks"], names.EVIDENCE["project"]
_FACTS_OF = {
    "cloud_region": _REGION,
    "upstream": _UPSTREAM,
    "project": _PROJECT,
    "provider": _PROVIDER,
}
"""The fields of `Answer` that headers show, and their attributes."""
_SEVERAL = re.compile(r",\s*")
"""Between the values of headers that were joined: a proxy may send one header for several."""
_SEPARATOR = ", "


class AnswerFacts(NamedTuple):
    """What was read of one answer or stream event.

    Attributes:
        created: ids of things that the vendor stores; they go nowhere but into `CreatedObjects`.
    """

    model: str | None = None
    service_tier: str | None = None
    error_code: str | None = None
    provider: str | None = None
    created: tuple[str, ...] = ()


_NO_ANSWER = AnswerFacts()


def read_answer(value: Any, creation: Creation | None = None) -> AnswerFacts:
    """Read a parsed answer, a stream event, or plain data; anything else gives empty facts.

    Args:
        value: the answer.
        creation: where the answer gives the ids of what was created, if the call creates something.
    """
    fields = fields_of(value)
    # Events of the Responses API wrap the response, those of the Realtime API the session. A field of such a
    # name without a model is something else.
    inner = fields.get("response")
    if inner is None:
        inner = fields.get("session")
    if inner is not None and fields_of(inner).get("model") is not None:
        fields = fields_of(inner)
    error = fields.get("error")
    get = fields.get
    return AnswerFacts(
        model=foreign_text(get("model")),
        service_tier=foreign_text(get("service_tier")),
        error_code=foreign_text(None if error is None else fields_of(error).get("code")),
        provider=foreign_text(get("provider")),
        created=() if creation is None else _created(fields, creation),
    )


def _created(fields: Mapping[str, Any], creation: Creation) -> tuple[str, ...]:
    found = (name for path in creation.id_at for name in ids_at(fields, path.split(".")))
    return tuple(islice((name for name in found if len(name) <= TEXT_LIMIT), _MOST_IDS))


def read_body(response: Any, creation: Creation | None = None) -> AnswerFacts:
    """Read the body of a response that was not parsed here, if it is JSON and has been read."""
    try:
        # Only when it was read: `content` of an open response raises in httpx, and reading it here would take
        # the body away from the application (tests/calls/test_symptoms.py,
        # test_a_streaming_response_is_not_read_before_its_reader).
        if "json" in response.headers.get("content-type", "") and response.is_closed:
            return read_answer(json.loads(response.content), creation)
    except Exception:
        reraise_interruption()
    return _NO_ANSWER


def refusal_of(refusals: tuple[Refusal, ...], status: int | None, error: Any) -> str | None:
    """Id of the catalogue's refusal that an error of the vendor is, by its code or its exact message."""
    code = getattr(error, "code", None)
    body = getattr(error, "body", None)
    message = body.get("message") if isinstance(body, Mapping) else None
    for refusal in refusals:
        if refusal.code is not None:
            if refusal.code == code:
                return refusal.id
        # The whole message: an ordinary 401 has other words (tests/calls/test_hops.py,
        # test_an_ordinary_401_is_no_verdict).
        elif refusal.status == status and refusal.message is not None and refusal.message == message:
            return refusal.id
    return None


def read_evidence(response: Any, headers: EvidenceHeaders) -> dict[str, str]:
    """Evidence of a response's headers and connection, by attribute."""
    evidence = read_headers(response.headers.raw, headers)
    # Only httpcore sets it: over aiohttp, or a transport of a test, there is no such evidence.
    stream = response.extensions.get("network_stream")
    if stream is not None:
        evidence.update(_connection(stream))
    return evidence


def read_headers(received: Iterable[tuple[bytes, bytes]], headers: EvidenceHeaders) -> dict[str, str]:
    """Evidence of the `received` headers, by attribute; of one that came with several values all of them."""
    evidence: dict[str, str] = {}
    found = [(headers[key], raw) for name, raw in received if (key := name.lower()) in headers]
    for (attribute, header), raw in found:
        for value in _values(raw.decode("latin-1"), header):
            before = evidence.get(attribute)
            if before is None:
                evidence[attribute] = value
            elif before.count(_SEPARATOR) >= _MOST_VALUES:
                break
            elif value not in before.split(_SEPARATOR):
                evidence[attribute] = f"{before}{_SEPARATOR}{value}"
    return evidence


def _values(text: str, header: EvidenceHeader) -> Iterator[str]:
    # Each value once: a header may repeat one as often as it has room.
    for part in dict.fromkeys(_SEVERAL.split(text)) if "," in text else (text,):
        value = part
        if header.after_last is not None:
            value = value.rpartition(header.after_last)[2]
        if header.url:
            value = host_of(value)
        # An answer may claim anything: too long or unprintable text is no evidence and could break a log line
        # (tests/calls/test_faults.py, test_headers_that_make_no_sense).
        if value and value not in header.nothing and foreign_text(value, HEADER_LIMIT) == value:
            yield value


def _connection(stream: Any) -> Iterator[tuple[str, str]]:
    """The address that was dialled, which may be a proxy's, and the version of TLS."""
    peer, tls = stream.get_extra_info("server_addr"), stream.get_extra_info("ssl_object")
    if peer:
        yield names.EVIDENCE["peer_address"], cut(str(peer[0]))
    version = tls.version() if tls is not None else None
    if version:
        yield names.EVIDENCE["tls_version"], version


class ResponseState:
    """The latest response or error of one call, and what its answer said so far.

    Attributes:
        status: HTTP status of the latest response.
        answer: what was read of the answer.
        redirecting: whether the latest response sends the client on.
        error_type: value of the attribute `error.type`.
    """

    status: int | None = None
    answer = _NO_ANSWER
    redirecting = False
    error_type: str | None = None
    _evidence = _NO_EVIDENCE
    _refusal: str | None = None
    _fell_back = False
    _also = _NO_MORE
    """What was named besides the latest values, in the order in which it was."""
    _shown: tuple[Any, ...] = ()

    def on_response(self, response: Any, headers: EvidenceHeaders) -> None:
        """Read a response to one hop; of its headers those are read that are in `headers`."""
        self.status = response.status_code
        # The same condition as `has_redirect_location` of httpx, which decides whether another request
        # follows.
        self.redirecting = self.status in _REDIRECTS and "location" in response.headers
        self._take(read_evidence(response, headers))

    def on_handshake(
        self, status: int, received: Iterable[tuple[bytes, bytes]], headers: EvidenceHeaders
    ) -> None:
        """Read the answer to the handshake of a WebSocket session."""
        self.status = status
        self.fail_by_status(status)
        self._take(read_headers(received, headers))

    def _take(self, evidence: dict[str, str]) -> None:
        """Take the evidence of a response; what an earlier one of the same call named still counts."""
        for field, attribute in _FACTS_OF.items():
            if self._evidence and attribute in self._evidence:
                self._add(field, self._evidence[attribute].partition(_SEPARATOR)[0])
            value = evidence.get(attribute)
            if value is not None and _SEPARATOR in value:
                self._add(field, *value.split(_SEPARATOR))
                evidence[attribute] = cut(value)
        if _FALLBACKS in self._evidence and _UPSTREAM not in self._evidence:
            self._add("upstream", UNKNOWN)
        self._evidence = evidence
        self._fell_back |= _FALLBACKS in evidence

    def _add(self, field: str, *values: str) -> None:
        """Keep values that may be others than the one that counts as the answer's."""
        pairs = dict.fromkeys((*self._also, *((field, value) for value in values)))
        # One too many is kept: it shows that there were more.
        self._also = dict.fromkeys(islice(pairs, _MOST_VALUES + 1))

    def fail_by_status(self, status: int) -> None:
        """Set the error type, if `status` is an error."""
        if status >= _FIRST_ERROR:
            self.error_type = str(status)

    def fail(self, error: BaseException, refusals: tuple[Refusal, ...]) -> None:
        """Read what the call, or the stream of its answer, failed with."""
        status = getattr(error, "status_code", None)
        if isinstance(status, int):
            self.status = status
            self.error_type = str(status)
        else:
            kind = type(error)
            # A builtin by its bare name, as the semantic conventions write `error.type`.
            self.error_type = cut(f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."))
        self._refusal = refusal_of(refusals, self.status, error)

    def shows_more(self, event: Any) -> bool:
        """Whether a stream event may name something else than the one before it."""
        # Without `fields_of`, in one comparison: this runs for each chunk, and few name something new.
        try:
            get = event.__dict__.get
            shown = (
                get("model"),
                get("service_tier"),
                get("response"),
                get("error"),
                event.__pydantic_extra__,  # fields that a release does not declare
            )
            if shown == self._shown:
                return False
            self._shown = shown
        except Exception:
            reraise_interruption()
        return True

    def on_event(self, found: AnswerFacts) -> None:
        """Add what a stream event says; later events refine earlier ones."""
        # A later event without a model takes nothing back, and one with another model neither.
        before = self.answer
        for field in ("model", "service_tier", "provider", "error_code"):
            old, new = getattr(before, field), getattr(found, field)
            if old is not None and new is not None and new != old:
                self._add(field, old)
        self.answer = AnswerFacts._make(new or old for new, old in zip(found, before, strict=True))

    def facts(self, guard: Guard) -> Answer:
        """The part of it that a verdict depends on."""
        answer, evidence = self.answer, self._evidence
        facts = Answer(
            status=self.status,
            model=answer.model,
            service_tier=answer.service_tier,
            cloud_region=evidence.get(_REGION),
            upstream=evidence.get(_UPSTREAM),
            fallbacks=self._fell_back,
            project=evidence.get(_PROJECT),
            refusal=self._refusal or (answer.error_code and guard.refusal_by_code(answer.error_code)),
            provider=evidence.get(_PROVIDER) or answer.provider,
        )
        if answer.provider and facts.provider != answer.provider:
            self._add("provider", answer.provider)
        return self._with_others(facts, guard) if self._also else facts

    def _with_others(self, facts: Answer, guard: Guard) -> Answer:
        """The facts with all that was named besides."""
        first: dict[str, Any] = {
            field: self._evidence[attribute].partition(_SEPARATOR)[0]
            for field, attribute in _FACTS_OF.items()
            if attribute in self._evidence
        }
        facts = facts._replace(**first)
        also = list(islice(self._also, _MOST_VALUES))
        codes = (value for field, value in also if field == "error_code")
        return facts._replace(
            refusal=facts.refusal or next(filter(None, map(guard.refusal_by_code, codes)), None),
            also=tuple(
                sorted(
                    (field, value)
                    for field, value in also
                    if field != "error_code" and getattr(facts, field) != value
                )
            ),
            unread=len(self._also) > _MOST_VALUES,
        )

    def attributes(self) -> dict[str, Any]:
        """The part of it that telemetry shows, by attribute."""
        attributes = {
            _TIER: self.answer.service_tier,
            _PROVIDER: self.answer.provider,
            **self._evidence,
            names.HTTP_STATUS: self.status,
            names.ERROR_TYPE: self.error_type,
        }
        return {name: value for name, value in attributes.items() if value is not None}


def fields_of(value: Any) -> Mapping[str, Any]:
    """The fields of plain data or of a model.

    The attributes of a pydantic model are read from its `__dict__`: pydantic takes long to say that it has no
    such attribute.
    """
    if isinstance(value, dict):
        return value
    declared = getattr(value, "__dict__", _NO_FIELDS)
    # pydantic 2 keeps fields that a release does not declare in a slot of its own, outside of `__dict__`.
    extra = getattr(value, "__pydantic_extra__", None)
    return {**extra, **declared} if extra else declared


def ids_at(value: Any, path: Sequence[str]) -> list[str]:
    """The ids that stand below `value` at `path`; a list stands for each of its items."""
    if isinstance(value, list | tuple):
        return [name for each in value for name in ids_at(each, path)]
    if not path:
        return [value] if isinstance(value, str) and value else []
    fields = value if isinstance(value, Mapping) else fields_of(value)
    return ids_at(fields.get(path[0]), path[1:])
