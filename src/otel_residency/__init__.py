"""Tell which region each OpenAI API call went to, and whether that keeps the promise made to customers."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from otel_residency.calls.violation import ResidencyViolationError
    from otel_residency.client import client_for
    from otel_residency.export_gate.processors import ResidencyLogRecordProcessor, ResidencySpanProcessor
    from otel_residency.instrumentor import ResidencyInstrumentor
    from otel_residency.requirements.context import require

__all__ = [
    "ResidencyInstrumentor",
    "ResidencyLogRecordProcessor",
    "ResidencySpanProcessor",
    "ResidencyViolationError",
    "client_for",
    "require",
]

# Found on demand: the audit runs without OpenTelemetry, and naming the error must not import openai early.
_ROOMS = {
    "ResidencyInstrumentor": "otel_residency.instrumentor",
    "ResidencyLogRecordProcessor": "otel_residency.export_gate.processors",
    "ResidencySpanProcessor": "otel_residency.export_gate.processors",
    "ResidencyViolationError": "otel_residency.calls.violation",
    "client_for": "otel_residency.client",
    "require": "otel_residency.requirements.context",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_ROOMS[name]), name)
