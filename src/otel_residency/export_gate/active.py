"""The active gate, for the patches of the SDK and for processors."""

from typing import TYPE_CHECKING

from otel_residency.runtime.runtime import runtime

# The gate imports the SDK, which the application may never import.
if TYPE_CHECKING:
    from otel_residency.export_gate.gate import Gate


def active_gate() -> "Gate | None":
    """The active gate, built if this is the first item; `None` lets everything through."""
    gate: Gate | None = runtime.gate
    if gate is None and runtime.build_gate is not None:
        built = runtime.build_gate()
        # Of two threads that build at once, the first one's gate stays: log records may wait in it already.
        gate = runtime.gate = runtime.gate or built
    return gate
