"""Whether the export gate is active in this process."""

from otel_residency.patches.otel_sdk import switch


def gate_active() -> bool:
    """Whether the gate is installed completely and has something to do."""
    return switch.installed and not switch.missing and switch.gate is not None


def gate_missing() -> tuple[str, ...]:
    """The functions of the SDK that could not be patched."""
    return tuple(sorted(switch.missing))
