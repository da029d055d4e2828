"""Whether the export gate is at work in this process."""

from otel_residency.patches.otel_sdk import switch


def gate_active() -> bool:
    """Whether the gate stands, whole, in front of the exporters of this process."""
    return switch.installed and not switch.missing and switch.gate is not None


def gate_missing() -> tuple[str, ...]:
    """The places of the SDK where it could not be put."""
    return tuple(sorted(switch.missing))
