"""The start under `opentelemetry-instrument`, which logs its errors and runs the program anyway."""

from collections.abc import Iterator

from otel_residency.cli.doctor.check import Check, failure, ok, warning
from otel_residency.cli.doctor.environment import Environment
from otel_residency.cli.doctor.probe_report import EXPORTERS, NOT_FOUND, StartProblem


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
    found = ": ".join(filter(None, (problem.what, problem.error, problem.message)))
    result = failure if problem.fatal else warning
    return result("start.telemetry", found, _fix(problem))


def _fix(problem: StartProblem) -> str:
    if named := NOT_FOUND.search(problem.message):
        name, signal = named.groups()
        package = EXPORTERS.get(name)
        install = f"pip install {package}" if package else "Install its package"
        return f"{install}, or set OTEL_{signal.upper()}_EXPORTER to one that is installed, or to none."
    shows = "`opentelemetry-instrument python -c pass` shows its message"
    if problem.fatal:
        return f"Fix the error: nothing after it is started; {shows}. `otel-residency run` guards before it."
    return f"Fix it, or name the instrumentation in OTEL_PYTHON_DISABLED_INSTRUMENTATIONS; {shows}."
