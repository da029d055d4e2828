"""The export gate, and what exports past it."""

from collections.abc import Iterator

from otel_residency.cli.doctor.check import Check, failure, ok, warning
from otel_residency.cli.doctor.environment import Environment
from otel_residency.cli.doctor.installed import installed
from otel_residency.cli.doctor.probe_report import ProbeReport
from otel_residency.core.shown import shown

_HOOK = "OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK"
_HOOKS = ("upload",)
"""Hooks of opentelemetry-util-genai; the name of another one is not shown."""
_UPLOAD_TO = "OTEL_INSTRUMENTATION_GENAI_UPLOAD_BASE_PATH"
_UPLOADERS = {
    "langfuse": ("LANGFUSE_MEDIA_UPLOAD_ENABLED", "images and files"),
    "traceloop-sdk": ("TRACELOOP_TRACE_CONTENT", "images"),
}
"""Packages that upload media of prompts by themselves: the variable that stops it, and which media."""
_NO = ("false", "0")
_FIX = "Fix start.telemetry and guard.installed first."


def checks(env: Environment) -> Iterator[Check]:
    """Whether it is active, what exports past it, and what uploads prompts."""
    if env.report is not None:
        yield _installed(env, env.report)
        if env.report.initialised:
            bypasses = list(_bypasses(env.report))
            yield from bypasses or [ok("gate.bypass", "nothing exports past it")]
    uploads = list(_uploads(env))
    yield from uploads or [ok("gate.upload", "no hook uploads prompts")]


def _installed(env: Environment, report: ProbeReport) -> Check:
    mode = env.settings.policy.strictest("on_export")
    if report.gate:
        return ok("gate.installed", f"active, on_export {mode}")
    missing = ", ".join(report.gate_missing)
    found = f"not active: {missing} can't be patched" if missing else "not active"
    if mode == "flag":
        return warning("gate.installed", f"{found}; spans of other instrumentations are not marked", _FIX)
    fix = f"{_FIX} Until then disable content capture of the instrumentations."
    return failure(
        "gate.installed", f"{found}, but on_export is {mode}: prompts are exported as they are", fix
    )


def _bypasses(report: ProbeReport) -> Iterator[Check]:
    for provider in report.providers:
        if not provider.sdk and not provider.name.startswith("opentelemetry."):
            found = f"{provider.signal}: {provider.name} is not a provider of the SDK"
            yield warning("gate.bypass", found, "Disable content capture where it is used.")
        elif provider.sdk and not provider.gated:
            found = f"{provider.signal}: the provider has a multi processor that is not the SDK's"
            fix = "Use the SDK's multi processor, or disable content capture."
            yield warning("gate.bypass", found, fix)
    for processor in report.processors:
        if processor.early:
            found = f"{processor.signal}: {processor.name} may export when a span starts, before the gate"
            fix = "Find out whether it does; if so, remove it or disable content capture."
            yield warning("gate.bypass", found, fix)


def _uploads(env: Environment) -> Iterator[Check]:
    hook = env.environ.get(_HOOK)
    if hook:
        target = f" to the place that {_UPLOAD_TO} names" if env.environ.get(_UPLOAD_TO) else ""
        named = shown(hook, _HOOKS)
        fix = f"Unset {_HOOK}, or make sure that it stores in the region."
        yield warning("gate.upload", f"the completion hook {named} uploads prompts{target}", fix)
    for name, (variable, media) in _UPLOADERS.items():
        if installed(name) and env.environ.get(variable, "true").lower() not in _NO:
            fix = f"Set {variable}=false, or make sure that its host is in the region."
            yield warning("gate.upload", f"{name} uploads {media} of prompts", fix)
