"""Find the region of a host that receives telemetry: by the catalogue, else by configuration."""

from collections.abc import Mapping

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.hosts import canonical_host, configured_for, is_loopback, matches
from otel_residency.core.regions import UNKNOWN

LOCAL = "local"


def match_telemetry_host(
    catalogue: Catalogue, configured: Mapping[str, str], host: str, port: int | None
) -> str:
    """The region of the back end behind `host`, `local` for this machine, or `unknown`.

    Args:
        catalogue: lists hosts that receive telemetry; a listed region overrides a configured one.
        configured: canonical host, or host and port, to region; also for a collector on this machine,
            which forwards what it receives.
        host: the host as it is configured for the exporter.
        port: the port that the exporter sends to, if known.
    """
    name = canonical_host(host)
    regions = _listed_regions(catalogue, name)
    if regions:
        return regions[0] if len(regions) == 1 else UNKNOWN
    region = configured_for(configured, name, port)
    if region is not None:
        return region
    return LOCAL if is_loopback(catalogue, name) else UNKNOWN


def _listed_regions(catalogue: Catalogue, name: str) -> tuple[str, ...]:
    listed = catalogue.telemetry_hosts.get(name)
    if listed is not None:
        return listed.regions
    # NFKC turns some letters into a slash, at which a URL parser ends the host name: only ASCII can match.
    labels = name.split(".") if name.isascii() else []
    return next(
        (entry.regions for entry, pattern in catalogue.telemetry_patterns if matches(pattern, labels)), ()
    )
