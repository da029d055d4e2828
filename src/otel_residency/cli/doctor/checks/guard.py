"""The call guard, as the probe finds it."""

from collections.abc import Iterator

from packaging.version import Version

from otel_residency.cli.doctor.check import Check, failure, ok, warning
from otel_residency.cli.doctor.installed import installed
from otel_residency.cli.doctor.report import Report
from otel_residency.cli.doctor.seen import Seen

_OWN_ENGINE = (3, 4)
"""The first release of dspy that has one."""
_ADDRESSES = ("OPENAI_BASE_URL", "OPENAI_API_BASE")


def checks(seen: Seen) -> Iterator[Check]:
    """Whether it is in force, whole, and accepted by OpenTelemetry, and what calls past it."""
    if seen.report is not None:
        yield _installed(seen, guarded=seen.report.guarded)
        yield from _patches(seen.report)
        if seen.report.conflict and seen.report.client:
            fix = "Install a release of openai in that range."
            yield failure("guard.dependency", seen.report.conflict, fix)
        else:
            yield ok("guard.dependency", "no conflict")
    yield _unseen(seen)


def _patches(report: Report) -> Iterator[Check]:
    if report.client_error:
        fix = "Mend the installation of openai: the service can't use it either."
        yield failure("guard.patches", f"openai can't be imported: {report.client_error}", fix)
    elif report.missing:
        fix = "Install a release of openai that is in range, or a newer otel-residency."
        yield failure("guard.patches", f"can't be patched: {', '.join(report.missing)}", fix)
    elif not report.client:
        yield ok("guard.patches", "they wait for openai, which is not installed")
    elif report.guarded:
        yield ok("guard.patches", "all in place")
    if report.missing_clients:
        fix = "Don't call the vendor by that client, or install another release of it."
        yield warning("guard.clients", f"can't be patched: {', '.join(report.missing_clients)}", fix)
    elif report.guarded:
        yield ok("guard.clients", "all in place")


def _unseen(seen: Seen) -> Check:
    """Whether dspy is there: it calls OpenAI by an engine of its own, if no variable names the address."""
    found = installed("dspy")
    if found is None or Version(found).release < _OWN_ENGINE:
        return ok("guard.unseen", "none that is known")
    told = f"dspy {found} calls by sockets of its own"
    if any(seen.environ.get(name) for name in _ADDRESSES):
        return ok("guard.unseen", f'{told} with engine="lm15" only, since a variable names the address')
    fix = f'Set {_ADDRESSES[0]}, or make each LM with engine="litellm".'
    return warning("guard.unseen", f"{told}, which are neither seen nor stopped", fix)


def _installed(seen: Seen, *, guarded: bool) -> Check:
    if guarded:
        return ok("guard.installed", "in force")
    if not seen.settings.enabled:
        fix = "Unset OTEL_RESIDENCY_ENABLED, or set it to true."
        return failure("guard.installed", "switched off by OTEL_RESIDENCY_ENABLED: no call is seen", fix)
    return failure(
        "guard.installed",
        "not in force: the initialisation ended before it, and no call is seen",
        "Mend start.telemetry, or start the service by `otel-residency run`, which guards first.",
    )
