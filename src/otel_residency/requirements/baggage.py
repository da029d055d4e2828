"""Requirements in OpenTelemetry's baggage, by which they go from service to service."""

from collections.abc import Callable

from opentelemetry.baggage import get_baggage, set_baggage
from opentelemetry.context import attach, get_current

from otel_residency.core.policy import Baggage
from otel_residency.core.regions import NONE, UNREADABLE, Group, common, read_group

Failed = Callable[[str, BaseException], None]


class BaggageCarrier:
    """Reads the trusted entries and writes one, as the policy says. Nothing here raises or logs a value."""

    def __init__(self, policy: Baggage, failed: Failed) -> None:
        """Follow `policy`; `failed` logs failures."""
        self._policy = policy
        self._failed = failed

    def read(self) -> tuple[Group, ...]:
        """The group that each trusted entry names which is there."""
        try:
            found = (get_baggage(key) for key in self._policy.read)
            return tuple(read_group(value) for value in found if value is not None)
        except Exception as error:  # noqa: BLE001 - nothing of ours may reach the application
            self._failed("reading baggage", error)
            return (UNREADABLE,)

    def write(self, groups: tuple[Group, ...]) -> Callable[[], None] | None:
        """Send the regions that `groups` and the entry have in common; returns what restores the entry."""
        key = self._policy.write
        if not key:
            return None
        try:
            outer = get_current()
            present = get_baggage(key, outer)
            shared = common((*groups, *(() if present is None else (read_group(present),))))
            # "none", as an empty value would look like no requirement to the next service.
            inner = set_baggage(key, ",".join(shared) or NONE, outer)
            attach(inner)
        except Exception as error:  # noqa: BLE001 - nothing of ours may reach the application
            self._failed("writing baggage", error)
            return None

        def stop() -> None:
            if get_current() is inner:  # no token: this may run in another context, or out of turn
                attach(outer)

        return stop
