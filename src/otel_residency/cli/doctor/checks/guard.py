"""The call guard in the probe."""

from collections.abc import Iterator

from packaging.version import Version

from otel_residency.cli.doctor.check import Check, failure, ok, warning
from otel_residency.cli.doctor.environment import Environment
from otel_residency.cli.doctor.installed import installed
from otel_residency.cli.doctor.probe_report import ProbeReport

_DSPY_ENGINE = (3, 4)
"""The first release of dspy with an HTTP engine of its own."""
_ADDRESSES = ("OPENAI_BASE_URL", "OPENAI_API_BASE")


def checks(env: Environment) -> Iterator[Check]:
    """Whether it is active and complete, and whether a library calls past it."""
    if env.report is not None:
        yield _installed(env, guarded=env.report.guarded)
        yield from _patches(env.report)
        if env.report.conflict and env.report.client:
            fix = "Install a release of openai in that range."
            yield failure("guard.dependency", env.report.conflict, fix)
        else:
            yield ok("guard.dependency", "no conflict")
    yield _unseen(env)


def _patches(report: ProbeReport) -> Iterator[Check]:
    if report.client_error:
        fix = "Repair the installation of openai: the service can't use it either."
        yield failure("guard.patches", f"openai can't be imported: {report.client_error}", fix)
    elif report.missing:
        fix = "Install a release of openai that is in range, or a newer otel-residency."
        yield failure("guard.patches", f"can't be patched: {', '.join(report.missing)}", fix)
    elif not report.client:
        yield ok("guard.patches", "openai is not installed")
    elif report.guarded:
        yield ok("guard.patches", "complete")
    if report.missing_clients:
        fix = "Don't call the vendor with that client, or install another release of it."
        yield warning("guard.clients", f"can't be patched: {', '.join(report.missing_clients)}", fix)
    elif report.guarded:
        yield ok("guard.clients", "complete")


def _unseen(env: Environment) -> Check:
    """Whether dspy is installed: it uses its own engine for OpenAI if no variable sets the base URL."""
    found = installed("dspy")
    if found is None or Version(found).release < _DSPY_ENGINE:
        return ok("guard.unseen", "none")
    description = f"dspy {found} calls through its own sockets"
    if any(env.environ.get(name) for name in _ADDRESSES):
        return ok(
            "guard.unseen", f'{description} with engine="lm15" only, since a variable sets the base URL'
        )
    fix = f'Set {_ADDRESSES[0]}, or make each LM with engine="litellm".'
    return warning("guard.unseen", f"{description}, which are neither observed nor guarded", fix)


def _installed(env: Environment, *, guarded: bool) -> Check:
    if guarded:
        return ok("guard.installed", "active")
    if not env.settings.enabled:
        fix = "Unset OTEL_RESIDENCY_ENABLED, or set it to true."
        return failure("guard.installed", "disabled by OTEL_RESIDENCY_ENABLED: no call is observed", fix)
    return failure(
        "guard.installed",
        "not active: the initialisation ended before it, and no call is observed",
        "Fix start.telemetry, or start the service with `otel-residency run`, which guards first.",
    )
