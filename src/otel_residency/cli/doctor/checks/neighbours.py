"""Other instrumentations of the client."""

from collections.abc import Iterator
from importlib.metadata import entry_points

from otel_residency.cli.doctor.check import Check, ok, warning
from otel_residency.cli.doctor.environment import Environment


def checks(_: Environment) -> Iterator[Check]:
    """Those with the name openai, which four packages use."""
    entries = entry_points(group="opentelemetry_instrumentor", name="openai")
    named = sorted({entry.dist.name if entry.dist else entry.value for entry in entries})
    if len(named) > 1:
        yield warning(
            "neighbours.openai",
            f"several have the name openai: {', '.join(named)}",
            "Keep one of them: each patches the client, and disabling by name disables all.",
        )
    else:
        yield ok("neighbours.openai", f"one: {named[0]}" if named else "none")
