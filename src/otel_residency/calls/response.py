"""What came back of a call, as far as it was read."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from otel_residency.calls.answer import (
    AnswerFacts,
    Evidence,
    read_evidence,
    read_headers,
    refusal_of,
)
from otel_residency.calls.state import State
from otel_residency.core.facts import Answer
from otel_residency.runtime.guard import Guard
from otel_residency.telemetry import names

_FIRST_ERROR = 400
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NOTHING: Mapping[str, str] = MappingProxyType({})
_TIER, _PROVIDER = names.EVIDENCE["service_tier"], names.EVIDENCE["provider"]
_REGION, _UPSTREAM = names.EVIDENCE["azure_region"], names.EVIDENCE["upstream"]
_FALLBACKS, _PROJECT = names.EVIDENCE["fallbacks"], names.EVIDENCE["project"]


class ResponseState:
    """Of one call, the latest response or error, and all that its answer said."""

    status: int | None = None
    answer = AnswerFacts()
    redirecting = False
    """Whether the latest response sends the client on."""
    error_type: str | None = None
    _evidence = _NOTHING
    """What headers and connection corroborate, by attribute."""
    _refusal: str | None = None
    """The catalogue's entry that the error is."""

    def response(self, response: Any, known: Evidence) -> None:
        """Take note of a response; of its headers those are read that are `known`."""
        self.status = response.status_code
        self.redirecting = self.status in _REDIRECTS and "location" in response.headers
        self._evidence = read_evidence(response, known)

    def handshake(self, status: int, headers: Iterable[tuple[bytes, bytes]], known: Evidence) -> None:
        """Take note of the answer to the handshake of a session."""
        self.status = status
        self.fail_by_status(status)
        self._evidence = read_headers(headers, known)

    def fail_by_status(self, status: int) -> None:
        """Take note that the call failed, if `status` says so."""
        if status >= _FIRST_ERROR:
            self.error_type = str(status)

    def error(self, error: BaseException, state: State) -> None:
        """Take note of what the call, or the stream of its answer, failed with."""
        status = getattr(error, "status_code", None)
        if isinstance(status, int):
            self.status = status
            self.error_type = str(status)
        else:
            kind = type(error)
            self.error_type = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
        self._refusal = refusal_of(state.guard.catalogue.entries.refusals, self.status, error)

    def event(self, found: AnswerFacts) -> None:
        """Take note of what an event of a stream tells. Later events refine earlier ones."""
        self.answer = AnswerFacts._make(new or old for new, old in zip(found, self.answer, strict=True))

    def facts(self, guard: Guard) -> Answer:
        """What of it a call is judged by."""
        answer, seen = self.answer, self._evidence
        return Answer(
            self.status,
            answer.model,
            answer.service_tier,
            seen.get(_REGION),
            seen.get(_UPSTREAM),
            _FALLBACKS in seen,
            seen.get(_PROJECT),
            self._refusal or guard.refusal_by_code(answer.error_code),
            seen.get(_PROVIDER) or answer.provider,
        )

    def attributes(self) -> dict[str, Any]:
        """What of it is told."""
        told = {
            _TIER: self.answer.service_tier,
            _PROVIDER: self.answer.provider,
            **self._evidence,
            names.HTTP_STATUS: self.status,
            names.ERROR_TYPE: self.error_type,
        }
        return {name: value for name, value in told.items() if value is not None}
