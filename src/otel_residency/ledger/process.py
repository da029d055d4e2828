"""What all records of a process say."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry import trace
from opentelemetry.trace import Span

if TYPE_CHECKING:
    from otel_residency.guard import Guard


class Process(NamedTuple):
    """What all records of a process say."""

    guard: "Callable[[], Guard]"
    info: Callable[[], Mapping[str, Any]]
    """The attributes of `residency.policy.info`."""
    resource: Callable[[], Mapping[str, Any]]
    failed: Callable[[str, BaseException | None], None]
    """Told of what failed in here, by part."""
    emit: Callable[[str, int, int, Mapping[str, Any], Span | None], None] | None = None
    """Emits a record as a log record, where that is asked for: event, times, attributes, span."""


def resource_of(providers: Iterable[Any]) -> Callable[[], Mapping[str, Any]]:
    """What tells the attributes of the process: those of `providers`, else of the global provider.

    A provider may be set later than the first call; until then the resource is that of the environment.
    """
    given = tuple(providers)

    def resource() -> Mapping[str, Any]:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - when a call was made

        for provider in (*given, trace.get_tracer_provider()):
            known = getattr(provider, "resource", None)
            if isinstance(known, Resource):
                return known.attributes
        return _usual()

    return resource


@cache
def _usual() -> Mapping[str, Any]:
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above

    return Resource.create().attributes
