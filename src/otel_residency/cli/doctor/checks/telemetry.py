"""Exporters and sampler."""

import re
from collections.abc import Iterator

from otel_residency.cli.doctor.check import Check, ok, warning
from otel_residency.cli.doctor.environment import Environment
from otel_residency.cli.doctor.probe_report import Processor
from otel_residency.core.regions import UNKNOWN
from otel_residency.core.shown import shown_host
from otel_residency.core.telemetry_hosts import LOCAL, match_telemetry_host

_ROOT = re.compile(r"ParentBased\{root:(.*?),remoteParentSampled")


def checks(env: Environment) -> Iterator[Check]:
    """Each exporter with its host and region, and the sampler."""
    if env.report is None or not env.report.initialised:
        return
    exporting = [each for each in env.report.processors if each.exporter]
    yield from (_exporter(env, each) for each in exporting)
    if not exporting:
        fix = "Set OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER and OTEL_LOGS_EXPORTER."
        yield warning("telemetry.exporter", "there is none: violations are not reported", fix)
    yield _sampler(env.report.sampler)


def _exporter(env: Environment, processor: Processor) -> Check:
    name = (processor.exporter or "").rpartition(".")[2]
    found = f"{processor.signal}: {name}"
    if processor.host is None:
        return ok("telemetry.exporter", f"{found}, to no host")
    found += f" to {shown_host(processor.host)}" + (f":{processor.port}" if processor.port else "")
    policy = env.settings.policy
    region = match_telemetry_host(env.catalogue, policy.telemetry.hosts, processor.host, processor.port)
    allowed = policy.telemetry.content_regions or policy.require
    if region == LOCAL:
        return ok("telemetry.exporter", f"{found}, this machine; what it forwards is not checked")
    found += f", region {region}"
    if not allowed or region in allowed:
        return ok("telemetry.exporter", found)
    if region == UNKNOWN:
        fix = "If you know its region, add it to [telemetry.hosts] of the policy."
    else:
        fix = "Export to a host of the region, or keep prompts out of spans and logs."
    return warning("telemetry.exporter", found, fix)


def _sampler(sampler: str | None) -> Check:
    if sampler is None:
        fix = "Nothing to do if that is intended; calls are guarded."
        return warning("telemetry.sampler", "there is none: the SDK is disabled or not configured", fix)
    by_parent = _ROOT.match(sampler)
    root = by_parent[1] if by_parent else sampler
    found = f"{root}, or the parent's decision" if by_parent else root
    if root.startswith("AlwaysOff"):
        fix = "Rely on the metric residency.calls and the event residency.violation, which no sampler drops."
        return warning("telemetry.sampler", f"{found}: no span is recorded", fix)
    return ok("telemetry.sampler", found)
