"""The start under `opentelemetry-instrument`: it swallows its errors and runs the program all the same."""

import re
from collections.abc import Iterator

from otel_residency.cli.doctor.check import Check, failure, ok, warning
from otel_residency.cli.doctor.report import Problem
from otel_residency.cli.doctor.seen import Seen

_NOT_FOUND = re.compile(r"component '([^']*)' not found in entry point 'opentelemetry_(\w+)_exporter'")
_PACKAGES = {
    "otlp": "opentelemetry-exporter-otlp",
    "otlp_proto_grpc": "opentelemetry-exporter-otlp-proto-grpc",
    "otlp_proto_http": "opentelemetry-exporter-otlp-proto-http",
    "otlp_json_file": "opentelemetry-exporter-otlp-json-file",
    "prometheus": "opentelemetry-exporter-prometheus",
    "zipkin": "opentelemetry-exporter-zipkin",
}
"""The package that brings an exporter, by the name that OTEL_*_EXPORTER gives it."""


def checks(seen: Seen) -> Iterator[Check]:
    """Whether the probe came up, and what the auto-instrumentation could not do."""
    if seen.report is None:
        fix = "Run `opentelemetry-instrument python -c pass` here and mend what it says."
        yield failure("start.probe", seen.silence, fix)
    else:
        yield ok("start.probe", "a program under opentelemetry-instrument came up")
        problems = [_problem(problem) for problem in seen.report.problems]
        yield from problems or [ok("start.telemetry", "distro, configurator and instrumentors went through")]


def _problem(problem: Problem) -> Check:
    found = f"{problem.what}: {problem.error}: {problem.message}" if problem.error else problem.what
    tell = failure if problem.fatal else warning
    return tell("start.telemetry", found, _cure(problem))


def _cure(problem: Problem) -> str:
    if named := _NOT_FOUND.search(problem.message):
        name, signal = named.groups()
        package = _PACKAGES.get(name)
        bring = f"pip install {package}" if package else f"Install the package that brings {name!r}"
        return f"{bring}, or set OTEL_{signal.upper()}_EXPORTER to one that is installed, or to none."
    if problem.fatal:
        return "Mend the error: what comes after it is not started. `otel-residency run` guards before it."
    return "Mend it, or name the instrumentation in OTEL_PYTHON_DISABLED_INSTRUMENTATIONS."
