"""Installs the guard in the process of a program, before its first line."""

from opentelemetry.instrumentation.auto_instrumentation import initialize
from opentelemetry.instrumentation.dependencies import get_dependency_conflicts

from otel_residency.calls.state import runtime
from otel_residency.cli.environ import import_path, set_import_path
from otel_residency.cli.export_gate import gate_active
from otel_residency.cli.run.refusal import refuse
from otel_residency.instrumentor import ResidencyInstrumentor, pre_instrument
from otel_residency.settings.load import Settings, read_settings


def guard_and_start(start_directory: str) -> None:
    """Install the guard, then telemetry, then check the guard; ends the process if it is not active.

    An error of telemetry alone is logged by OpenTelemetry and does not end the process, unless the export
    gate is needed. `start_directory` is not in PYTHONPATH of the processes that starting telemetry may start.
    """
    settings = read_settings()
    if settings.problems and settings.enabled:
        refuse("; ".join(map(str, settings.problems)))
    pre_instrument()
    directories = import_path()
    set_import_path([each for each in directories if each != start_directory])
    initialize()
    set_import_path(directories)
    if settings.enabled:
        _check_guard(settings)


def _check_guard(settings: Settings) -> None:
    if runtime.state is None:
        refuse("the call guard could not be installed")
    if runtime.patched.missing:
        refuse(f"openai can't be guarded: {', '.join(sorted(runtime.patched.missing))} can't be patched")
    # Patches are made when the program imports the client, before it can make a call.
    runtime.patched.on_missing = lambda name: refuse(
        f"openai can't be guarded in the installed release: {name} can't be patched"
    )
    conflict = get_dependency_conflicts(ResidencyInstrumentor().instrumentation_dependencies())
    if conflict is not None and conflict.found:
        refuse(f"{conflict.found} is installed, and the guard supports {conflict.required}")
    mode = settings.policy.strictest("on_export")
    if mode != "flag" and not gate_active():
        refuse(f"on_export is {mode}, and the export gate is not active")
