"""The regions of exporters, and whether content may go there."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import attrgetter
from typing import Any

from otel_residency.core.interruption import reraise_interruption
from otel_residency.core.regions import UNKNOWN
from otel_residency.core.telemetry_hosts import match_telemetry_host
from otel_residency.core.telemetry_targets import Target, read_targets
from otel_residency.guard import Guard

# A processor of spans names its exporter; those of log records, and the address, are looked for.
_EXPORTER_AT = tuple(map(attrgetter, ("span_exporter", "_exporter", "_batch_processor._exporter")))
# Private in opentelemetry-exporter-otlp-proto-http 1.45.1 and its kin: no interface of the SDK names the
# address of an exporter. One without these attributes is in an unknown region.
_ENDPOINT_AT = tuple(map(attrgetter, ("_endpoint", "endpoint", "_url", "url")))
_EXPORTS = ("export", "on_end", "on_emit")
"""A method of whatever exports, or has something else export."""
_CHECKED = (
    "opentelemetry.sdk.trace.export",
    "opentelemetry.sdk._logs.export",
    "opentelemetry.sdk._logs._internal.export",
)
"""The modules of the SDK's own processors, before which the gate stands too."""
_MAX_PARTS = 64


class Destinations:
    """The regions of exporters, and those that the policy allows content in."""

    def __init__(self, guard: Callable[[], Guard]) -> None:
        """Get catalogue and policy from `guard` when the first exporter is used."""
        self._guard = guard
        self._region_of = lru_cache(256)(self._match)

    def region(self, processor: Any) -> str:
        """Region that `processor` exports to; `local` for this machine, `unknown` if it is not one known one.

        Read anew each time: an exporter may be replaced, or get another endpoint.
        """
        targets, _ = targets_of(processor)
        regions = {self._region_of(*target) for target in targets}
        return regions.pop() if len(regions) == 1 else UNKNOWN

    def _match(self, host: str, port: int | None) -> str:
        guard = self._guard()
        return match_telemetry_host(guard.catalogue, guard.settings.policy.telemetry.hosts, host, port)

    def admits_content(self, processor: Any) -> bool:
        """Whether content may go to each place where `processor` sends it.

        In strict mode an unknown region admits none.
        """
        targets, decided_later = targets_of(processor)
        if decided_later and not targets:
            return True
        policy = self._guard().settings.policy
        regions = {self._region_of(*target) for target in targets} or {UNKNOWN}
        # A collector on this machine forwards to a place that nobody has named.
        allowed = {*policy.telemetry.content_regions, *(() if policy.strict else (UNKNOWN, "local"))}
        return regions <= allowed


def targets_of(processor: Any) -> tuple[set[Target], bool]:
    """The hosts that a processor exports to, by itself or by what it holds.

    Also, whether it holds processors of the SDK: these are left out, since the gate stands before each of
    them too. An exporter without an address is one without a name.
    """
    targets: set[Target] = set()
    waiting, found, decided_later = [processor], {id(processor)}, False
    while waiting and len(found) < _MAX_PARTS:
        part = waiting.pop()
        own, parts = _targets(part), list(_parts(part))
        if not own and not parts and hasattr(part, "export"):
            own = (("", None),)
        targets.update(own)
        for inner in parts:
            if type(inner).__module__ in _CHECKED and not hasattr(inner, "export"):
                decided_later = True
            elif id(inner) not in found:
                found.add(id(inner))
                waiting.append(inner)
    if waiting:
        targets.add(("", None))
    return targets, decided_later


def _parts(owner: Any) -> Iterator[Any]:
    """What a processor or exporter holds that exports."""
    yield from filter(None, (exporter_of(owner),))
    for value in list(getattr(owner, "__dict__", {}).values()):
        values = value.values() if isinstance(value, dict) else value
        for each in list(values) if isinstance(value, list | tuple | set | dict) else [value]:
            if any(callable(getattr(each, name, None)) for name in _EXPORTS):
                yield each


def _targets(exporter: Any) -> tuple[Target, ...]:
    endpoint = _first(exporter, _ENDPOINT_AT)
    return read_targets(endpoint) if isinstance(endpoint, str) else ()


def exporter_of(processor: Any) -> Any:
    """The exporter behind a processor, if it has one."""
    return _first(processor, _EXPORTER_AT)


def address_of(exporter: Any) -> Target:
    """Host and port that an exporter sends to, the first of several; `""` if they can't be read."""
    return next(iter(_targets(exporter)), ("", None))


def _first(owner: Any, getters: tuple[Callable[[Any], Any], ...]) -> Any:
    for getter in getters:
        try:
            return getter(owner)
        except AttributeError:
            reraise_interruption()
    return None
