"""What happens in the program's own process before its first line."""

from opentelemetry.instrumentation.auto_instrumentation import initialize
from opentelemetry.instrumentation.dependencies import get_dependency_conflicts

from otel_residency.calls.state import runtime
from otel_residency.cli.environ import import_path, set_import_path
from otel_residency.cli.gate import gate_active
from otel_residency.cli.run.refusal import refuse
from otel_residency.instrumentor import ResidencyInstrumentor, pre_instrument
from otel_residency.settings.load import Settings, read_settings


def guard_and_start(own_directory: str) -> None:
    """Guard, set telemetry up, and see that the guard holds; does not return otherwise.

    Telemetry that can't be set up is logged by OpenTelemetry and no reason to stop, unless the export gate
    is needed. `own_directory` is not handed on to the processes that setting it up may start.
    """
    settings = read_settings()
    if settings.policy.unreadable and settings.enabled:
        refuse(settings.policy.unreadable)
    pre_instrument()
    handed_on = import_path()
    set_import_path([each for each in handed_on if each != own_directory])
    initialize()
    set_import_path(handed_on)
    if settings.enabled:
        _see_that_it_holds(settings)


def _see_that_it_holds(settings: Settings) -> None:
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
        refuse(f"{conflict.found} is installed, and the guard is made for {conflict.required}")
    mode = settings.policy.on_export
    if mode != "flag" and not gate_active():
        refuse(f"on_export is {mode}, and the export gate is not in place")
