"""What is the same in all records of a process: guard, policy, resource."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry import trace
from opentelemetry.trace import Span

if TYPE_CHECKING:
    from otel_residency.guard import Guard


class Process(NamedTuple):
    """What the ledger needs of the process that it is in."""

    guard: "Callable[[], Guard]"
    info: Callable[[], Mapping[str, Any]]
    """The attributes of `residency.policy.info`."""
    resource: Callable[[], Mapping[str, Any]]
    failed: Callable[[str, BaseException | None], None]
    """Called with the name of a part that failed, and its error."""
    emit: Callable[[str, int, int, Mapping[str, Any], Span | None], None] | None = None
    """Emits a record as a log record, where the policy sets `events`: event, times, attributes, span."""


def resource_of(providers: Iterable[Any]) -> Callable[[], Mapping[str, Any]]:
    """A function that returns the resource of the first of `providers` with one, or of the global provider.

    An application may set its provider after its first call: until then it is the environment's resource.
    """
    given = tuple(providers)

    def resource() -> Mapping[str, Any]:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - the SDK, only once a call was made

        for provider in (*given, trace.get_tracer_provider()):
            found = getattr(provider, "resource", None)
            if isinstance(found, Resource):
                return found.attributes
        return _environment()

    return resource


@cache
def _environment() -> Mapping[str, Any]:
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415 - as above

    try:
        return Resource.create().attributes
    except RuntimeError:
        # At the end of the interpreter the SDK can't start the threads in which it asks other detectors
        # (tests/calls/test_interrupted.py).
        return OTELResourceDetector().detect().attributes
