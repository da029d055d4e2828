"""An answer, however it reaches the application, to what of it matters: model, tier, refusal."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from otel_residency.core.entries import Creation, EvidenceHeader, Refusal
from otel_residency.openai_client.ids import fields_of, ids_at
from otel_residency.telemetry import names

_LIMIT = 256
_HEADER_LIMIT = 128


class AnswerFacts(NamedTuple):
    """What was read of one answer or stream event."""

    model: str | None = None
    service_tier: str | None = None
    error_code: str | None = None
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
    return AnswerFacts(_text(fields.get("model")), _text(fields.get("service_tier")), _text(code), created)


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


def read_evidence(response: Any, known: Mapping[bytes, tuple[str, EvidenceHeader]]) -> dict[str, str]:
    """What the headers and the connection of a response corroborate, by attribute."""
    evidence: dict[str, str] = {}
    for name, raw in response.headers.raw:
        entry = known.get(name.lower())
        if entry is not None:
            attribute, header = entry
            value = raw.decode("latin-1")
            if header.after_last is not None:
                value = value.rpartition(header.after_last)[2]
            if header.url:
                value = _host(value)
            if value and len(value) <= _HEADER_LIMIT and value.isprintable():
                evidence[attribute] = value
    stream = response.extensions.get("network_stream")
    peer = stream.get_extra_info("server_addr") if stream is not None else None
    if peer:
        evidence[names.EVIDENCE["peer_address"]] = str(peer[0])
    return evidence


def _host(url: str) -> str:
    """The host of a URL that a header names, and nothing else of it."""
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname or ""
    except ValueError:
        return ""
