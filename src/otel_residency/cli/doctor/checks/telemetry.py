"""Where telemetry goes, and whether spans are recorded at all."""

import re
from collections.abc import Iterator

from otel_residency.cli.doctor.check import Check, ok, warning
from otel_residency.cli.doctor.report import Processor
from otel_residency.cli.doctor.seen import Seen
from otel_residency.core.classify import UNKNOWN
from otel_residency.core.telemetry_hosts import LOCAL, match_telemetry_host

_ROOT = re.compile(r"ParentBased\{root:(.*?),remoteParentSampled")


def checks(seen: Seen) -> Iterator[Check]:
    """Each exporter with its host and region, and the sampler."""
    if seen.report is None or not seen.report.came_through:
        return
    exporting = [each for each in seen.report.processors if each.exporter]
    yield from (_exporter(seen, each) for each in exporting)
    if not exporting:
        fix = "Set OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER and OTEL_LOGS_EXPORTER."
        yield warning("telemetry.exporter", "there is none: nobody hears of a violation", fix)
    yield _sampler(seen.report.sampler)


def _exporter(seen: Seen, processor: Processor) -> Check:
    name = (processor.exporter or "").rpartition(".")[2]
    found = f"{processor.signal}: {name}"
    if processor.host is None:
        return ok("telemetry.exporter", f"{found}, to no host")
    found += f" to {processor.host}" + (f":{processor.port}" if processor.port else "")
    policy = seen.settings.policy
    region = match_telemetry_host(seen.catalogue, policy.telemetry.hosts, processor.host, processor.port)
    allowed = policy.telemetry.content_regions or policy.require
    if region == LOCAL:
        return ok("telemetry.exporter", f"{found}, this machine; what it forwards is not seen")
    found += f", region {region}"
    if not allowed or region in allowed:
        return ok("telemetry.exporter", found)
    if region == UNKNOWN:
        fix = "If you know its region, name it under [telemetry.hosts] of the policy."
    else:
        fix = "Export to a host of the region, or keep prompts out of spans and logs."
    return warning("telemetry.exporter", found, fix)


def _sampler(sampler: str | None) -> Check:
    if sampler is None:
        fix = "Nothing to do where that is meant; calls are guarded all the same."
        return warning("telemetry.sampler", "there is none: the SDK is switched off or not set up", fix)
    by_parent = _ROOT.match(sampler)
    root = by_parent[1] if by_parent else sampler
    found = f"{root}, below a parent the parent's choice" if by_parent else root
    if root.startswith("AlwaysOff"):
        fix = "Rely on the metric residency.calls and the event residency.violation, which no sampler drops."
        return warning("telemetry.sampler", f"{found}: no span is recorded", fix)
    return ok("telemetry.sampler", found)
