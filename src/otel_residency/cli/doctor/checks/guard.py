"""The call guard, as the probe finds it."""

from collections.abc import Iterator

from otel_residency.cli.doctor.check import Check, failure, ok
from otel_residency.cli.doctor.seen import Seen


def checks(seen: Seen) -> Iterator[Check]:
    """Whether it is in force, whole, and accepted by OpenTelemetry."""
    if seen.report is None:
        return
    yield _installed(seen, guarded=seen.report.guarded)
    if seen.report.client_error:
        cure = "Mend the installation of openai: the service can't use it either."
        yield failure("guard.patches", f"openai can't be imported: {seen.report.client_error}", cure)
    elif seen.report.missing:
        cure = "Install a release of openai that is in range, or a newer otel-residency."
        yield failure("guard.patches", f"can't be patched: {', '.join(seen.report.missing)}", cure)
    elif not seen.report.client:
        yield ok("guard.patches", "they wait for openai, which is not installed")
    elif seen.report.guarded:
        yield ok("guard.patches", "all in place")
    if seen.report.conflict and seen.report.client:
        yield failure("guard.dependency", seen.report.conflict, "Install a release of openai in that range.")
    else:
        yield ok("guard.dependency", "no conflict")


def _installed(seen: Seen, *, guarded: bool) -> Check:
    if guarded:
        return ok("guard.installed", "in force")
    if not seen.settings.enabled:
        cure = "Unset OTEL_RESIDENCY_ENABLED, or set it to true."
        return failure("guard.installed", "switched off by OTEL_RESIDENCY_ENABLED: no call is seen", cure)
    return failure(
        "guard.installed",
        "not in force: the initialisation ended before it, and no call is seen",
        "Mend start.telemetry, or start the service by `otel-residency run`, which guards first.",
    )
