"""The regions of exporters, and whether content may go there."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from otel_residency.core.regions import UNKNOWN
from otel_residency.core.telemetry_hosts import match_telemetry_host
from otel_residency.guard import Guard

# A processor of spans names its exporter; those of log records, and the address, are looked for.
_EXPORTER_AT = tuple(map(attrgetter, ("span_exporter", "_exporter", "_batch_processor._exporter")))
# Private in opentelemetry-exporter-otlp-proto-http 1.45.1 and its kin: no interface of the SDK names the
# address of an exporter. One without these attributes is in an unknown region.
_ENDPOINT_AT = tuple(map(attrgetter, ("_endpoint", "endpoint", "_url", "url")))


class Destinations:
    """The regions of exporters, and those that the policy allows content in."""

    def __init__(self, guard: Callable[[], Guard]) -> None:
        """Get catalogue and policy from `guard` when the first exporter is used."""
        self._guard = guard
        # By processor, not by exporter, since the patches have the processor at hand; weak, so that a
        # processor that is shut down and dropped is freed (tests/export_gate/test_destinations.py,
        # test_processors_are_not_kept_alive).
        self._regions: WeakKeyDictionary[Any, str] = WeakKeyDictionary()

    def region(self, processor: Any) -> str:
        """Region of the exporter behind `processor`; `local` for this machine, `unknown` if none is known."""
        region = self._regions.get(processor)
        if region is None:
            region = self._regions[processor] = self._region_of(exporter_of(processor))
        return region

    def _region_of(self, exporter: Any) -> str:
        host, port = address_of(exporter)
        if not host:
            return UNKNOWN
        guard = self._guard()
        return match_telemetry_host(guard.catalogue, guard.settings.policy.telemetry.hosts, host, port)

    def admits_content(self, processor: Any) -> bool:
        """Whether content may go where `processor` sends it; in strict mode an unknown region admits none."""
        policy = self._guard().settings.policy
        region = self.region(processor)
        # A collector on this machine forwards to a place that nobody has named.
        if region in (UNKNOWN, "local"):
            return not policy.strict
        return region in policy.telemetry.content_regions


def exporter_of(processor: Any) -> Any:
    """The exporter behind a processor, if it has one."""
    return _first(processor, _EXPORTER_AT)


def address_of(exporter: Any) -> tuple[str, int | None]:
    """Host and port that an exporter sends to; `""` if they can't be read."""
    endpoint = _first(exporter, _ENDPOINT_AT)
    if not isinstance(endpoint, str) or not endpoint:
        return "", None
    try:
        # Exporters over gRPC name host and port without a scheme (tests/export_gate/test_destinations.py,
        # test_the_address_of_an_exporter).
        parts = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
        address = parts.hostname or "", parts.port
    except ValueError:
        return "", None
    return address


def _first(owner: Any, getters: tuple[Callable[[Any], Any], ...]) -> Any:
    for getter in getters:
        try:
            return getter(owner)
        except AttributeError:
            continue
    return None
