"""Where telemetry goes: host to region. Exact values and whole labels; what is not known stays unknown."""

from collections.abc import Mapping

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.classify import UNKNOWN, canonical_host, configured_for, is_loopback, matches

LOCAL = "local"


def match_telemetry_host(
    catalogue: Catalogue, configured: Mapping[str, str], host: str, port: int | None
) -> str:
    """The region of the back end behind `host`, `local` for this machine, or `unknown`.

    Args:
        catalogue: lists hosts that take telemetry; one listed with a region can't be given another.
        configured: canonical host, or host and port, to region; of use also for a collector on this
            machine, which forwards what it gets.
        host: as the exporter was given it.
        port: the port that the exporter sends to, if it is known.
    """
    name = canonical_host(host)
    regions = _listed_regions(catalogue, name)
    if regions:
        return regions[0] if len(regions) == 1 else UNKNOWN
    own = configured_for(configured, name, port)
    if own is not None:
        return own
    return LOCAL if is_loopback(catalogue, name) else UNKNOWN


def _listed_regions(catalogue: Catalogue, name: str) -> tuple[str, ...]:
    listed = catalogue.telemetry_hosts.get(name)
    if listed is not None:
        return listed.regions
    labels = name.split(".") if name.isascii() else []  # a letter that is read as a slash ends a name early
    return next(
        (entry.regions for entry, pattern in catalogue.telemetry_patterns if matches(pattern, labels)), ()
    )
