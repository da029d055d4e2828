"""Whether the export gate is at work in this process."""

from otel_residency.export_gate.active import active_gate
from otel_residency.runtime.runtime import runtime


def gate_active() -> bool:
    """Whether the gate stands, whole, in front of the exporters of this process."""
    patched = runtime.patched
    installed = "opentelemetry.sdk" in patched.installed and not patched.missing_exporters
    return installed and active_gate() is not None


def gate_missing() -> tuple[str, ...]:
    """The places of the SDK where it could not be put."""
    return tuple(sorted(runtime.patched.missing_exporters))
