"""An answer, however it reaches the application, to what of it matters: model, tier, refusal."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from otel_residency.core.entries import Refusal

_LIMIT = 256


class AnswerFacts(NamedTuple):
    """What was read of one answer or stream event."""

    model: str | None = None
    service_tier: str | None = None
    error_code: str | None = None


def read_answer(value: Any) -> AnswerFacts:
    """Read a parsed answer, a stream event, or plain data. Anything else reads as nothing."""
    inner = _get(value, "response")
    holder = inner if inner is not None and _get(inner, "model") is not None else value
    return AnswerFacts(
        _text(_get(holder, "model")),
        _text(_get(holder, "service_tier")),
        _text(_get(_get(holder, "error"), "code")),
    )


def read_body(response: Any) -> AnswerFacts:
    """Read the body of a response that was not parsed here, if it is JSON and has been read."""
    try:
        if "json" in response.headers.get("content-type", "") and response.is_closed:
            return read_answer(json.loads(response.content))
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


def _get(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(name)
    return getattr(value, name, None)


def _text(value: Any) -> str | None:
    return value[:_LIMIT] if isinstance(value, str) and value else None
