"""The start under `opentelemetry-instrument`, which logs its errors and runs the program anyway."""

import re
from collections.abc import Iterator

from otel_residency.cli.doctor.check import Check, failure, ok, warning
from otel_residency.cli.doctor.environment import Environment
from otel_residency.cli.doctor.probe_report import StartProblem

_NOT_FOUND = re.compile(r"component '([^']*)' not found in entry point 'opentelemetry_(\w+)_exporter'")
_PACKAGES = {
    "otlp": "opentelemetry-exporter-otlp",
    "otlp_proto_grpc": "opentelemetry-exporter-otlp-proto-grpc",
    "otlp_proto_http": "opentelemetry-exporter-otlp-proto-http",
    "otlp_json_file": "opentelemetry-exporter-otlp-json-file",
    "prometheus": "opentelemetry-exporter-prometheus",
    "zipkin": "opentelemetry-exporter-zipkin",
}
"""The package of an exporter, by its name in OTEL_*_EXPORTER."""


def checks(env: Environment) -> Iterator[Check]:
    """Whether the probe ran, and the errors of the auto-instrumentation."""
    if env.report is None:
        fix = "Run `opentelemetry-instrument python -c pass` here and fix the errors that it shows."
        yield failure("start.probe", env.probe_error, fix)
    else:
        yield ok("start.probe", "a program under opentelemetry-instrument runs")
        problems = [_problem(problem) for problem in env.report.problems]
        yield from problems or [ok("start.telemetry", "distro, configurator and instrumentors started")]


def _problem(problem: StartProblem) -> Check:
    found = f"{problem.what}: {problem.error}: {problem.message}" if problem.error else problem.what
    result = failure if problem.fatal else warning
    return result("start.telemetry", found, _fix(problem))


def _fix(problem: StartProblem) -> str:
    if named := _NOT_FOUND.search(problem.message):
        name, signal = named.groups()
        package = _PACKAGES.get(name)
        install = f"pip install {package}" if package else f"Install the package of {name!r}"
        return f"{install}, or set OTEL_{signal.upper()}_EXPORTER to one that is installed, or to none."
    if problem.fatal:
        return (
            "Fix the error: nothing after it is started. `otel-residency run` installs the guard before it."
        )
    return "Fix it, or name the instrumentation in OTEL_PYTHON_DISABLED_INSTRUMENTATIONS."
