"""Whether the export gate is active in this process."""

from otel_residency.export_gate.active import active_gate
from otel_residency.runtime.runtime import runtime


def gate_active() -> bool:
    """Whether the gate is installed completely and has something to do."""
    patched = runtime.patched
    installed = "opentelemetry.sdk" in patched.installed and not patched.missing_exporters
    return installed and active_gate() is not None


def gate_missing() -> tuple[str, ...]:
    """The functions of the SDK that could not be patched."""
    return tuple(sorted(runtime.patched.missing_exporters))
