"""Other instrumentations of the client."""

from collections.abc import Iterator
from importlib.metadata import entry_points

from otel_residency.cli.doctor.check import Check, ok, warning
from otel_residency.cli.doctor.seen import Seen


def checks(_: Seen) -> Iterator[Check]:
    """Those named openai, a name that four packages have given to theirs."""
    entries = entry_points(group="opentelemetry_instrumentor", name="openai")
    named = sorted({entry.dist.name if entry.dist else entry.value for entry in entries})
    if len(named) > 1:
        yield warning(
            "neighbours.openai",
            f"named openai are: {', '.join(named)}",
            "Keep one of them: each patches the client, and a switch-off by name meets all.",
        )
    else:
        yield ok("neighbours.openai", f"one: {named[0]}" if named else "none")
