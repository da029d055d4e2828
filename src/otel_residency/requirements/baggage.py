"""Requirements in OpenTelemetry's baggage, by which they go from service to service."""

from collections.abc import Callable

from opentelemetry.baggage import get_baggage, set_baggage
from opentelemetry.context import attach, get_current

from otel_residency.core.policy import Baggage
from otel_residency.core.regions import NONE, UNREADABLE, Group, common, read_group

Failed = Callable[[str, BaseException], None]


class BaggageCrossing:
    """Reads the trusted entries and writes one, as the policy says. Nothing here raises or tells a value."""

    def __init__(self, policy: Baggage, failed: Failed) -> None:
        """Follow `policy`; `failed` is told of what failed, by part."""
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
        """Send what `groups` and the entry that is there already leave; gives what puts that back."""
        key = self._policy.write
        if not key:
            return None
        try:
            outer = get_current()
            there = get_baggage(key, outer)
            left = common((*groups, *(() if there is None else (read_group(there),))))
            inner = set_baggage(key, ",".join(left) or NONE, outer)
            attach(inner)
        except Exception as error:  # noqa: BLE001 - nothing of ours may reach the application
            self._failed("writing baggage", error)
            return None

        def stop() -> None:
            if get_current() is inner:  # no token: this may run in another context, or out of turn
                attach(outer)

        return stop
