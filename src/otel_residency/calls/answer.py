"""An answer, however it reaches the application, to what of it matters: model, tier, refusal."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from otel_residency.calls.fields import fields_of, ids_at
from otel_residency.calls.request import HEADER_LIMIT, host_of
from otel_residency.core.entries import Creation, EvidenceHeader, Refusal
from otel_residency.telemetry import names

Evidence = Mapping[bytes, tuple[str, EvidenceHeader]]
"""Name of a header as on the wire, to attribute and what else is known of it."""
_LIMIT = 256


class AnswerFacts(NamedTuple):
    """What was read of one answer or stream event."""

    model: str | None = None
    service_tier: str | None = None
    error_code: str | None = None
    provider: str | None = None
    created: tuple[str, ...] = ()
    """Ids of things that the vendor keeps; they go no further than into the memory."""


def read_answer(value: Any, creation: Creation | None = None) -> AnswerFacts:
    """Read a parsed answer, a stream event, or plain data. Anything else reads as nothing.

    `creation` says where it gives the ids of what was created, if it was.
    """
    fields = fields_of(value)
    inner = fields.get("response")
    if inner is not None and fields_of(inner).get("model") is not None:
        fields = fields_of(inner)
    error = fields.get("error")
    code = None if error is None else fields_of(error).get("code")
    created = () if creation is None else _created(fields, creation)
    get = fields.get
    return AnswerFacts(
        _text(get("model")), _text(get("service_tier")), _text(code), _text(get("provider")), created
    )


def _created(fields: Mapping[str, Any], creation: Creation) -> tuple[str, ...]:
    return tuple(name for path in creation.id_at for name in ids_at(fields, path.split(".")))


def read_body(response: Any, creation: Creation | None = None) -> AnswerFacts:
    """Read the body of a response that was not parsed here, if it is JSON and has been read."""
    try:
        if "json" in response.headers.get("content-type", "") and response.is_closed:
            return read_answer(json.loads(response.content), creation)
    except Exception:  # noqa: S110 - an answer that can't be read says nothing
        pass
    return AnswerFacts()


def refusal_of(refusals: tuple[Refusal, ...], status: int | None, error: Any) -> str | None:
    """The catalogue's entry that an error of the vendor is, by code or by exact message."""
    code = getattr(error, "code", None)
    body = getattr(error, "body", None)
    message = body.get("message") if isinstance(body, Mapping) else None
    for refusal in refusals:
        if refusal.code is not None:
            if refusal.code == code:
                return refusal.id
        elif refusal.status == status and refusal.message is not None and refusal.message == message:
            return refusal.id
    return None


def _text(value: Any) -> str | None:
    return value[:_LIMIT] if isinstance(value, str) and value else None


def read_evidence(response: Any, known: Evidence) -> dict[str, str]:
    """What the headers and the connection of a response corroborate, by attribute."""
    evidence = read_headers(response.headers.raw, known)
    stream = response.extensions.get("network_stream")
    if stream is not None:
        evidence.update(_connection(stream))
    return evidence


def read_headers(headers: Iterable[tuple[bytes, bytes]], known: Evidence) -> dict[str, str]:
    """What headers corroborate, by attribute."""
    evidence: dict[str, str] = {}
    found = [(known[key], raw) for name, raw in headers if (key := name.lower()) in known]
    for (attribute, header), raw in found:
        value = raw.decode("latin-1")
        if header.after_last is not None:
            value = value.rpartition(header.after_last)[2]
        if header.url:
            value = host_of(value)
        if value and value not in header.nothing and len(value) <= HEADER_LIMIT and value.isprintable():
            evidence[attribute] = value
    return evidence


def _connection(stream: Any) -> Iterator[tuple[str, str]]:
    """What the connection shows: the address that was dialled, a proxy's too, and the version of TLS."""
    peer, tls = stream.get_extra_info("server_addr"), stream.get_extra_info("ssl_object")
    if peer:
        yield names.EVIDENCE["peer_address"], str(peer[0])
    version = tls.version() if tls is not None else None
    if version:
        yield names.EVIDENCE["tls_version"], version
