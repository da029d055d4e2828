"""The export gate, and the ways around it."""

from collections.abc import Iterator

from otel_residency.cli.doctor.check import Check, failure, ok, warning
from otel_residency.cli.doctor.installed import installed
from otel_residency.cli.doctor.report import Report
from otel_residency.cli.doctor.seen import Seen

_HOOK = "OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK"
_UPLOAD_TO = "OTEL_INSTRUMENTATION_GENAI_UPLOAD_BASE_PATH"
_UPLOADERS = {
    "langfuse": ("LANGFUSE_MEDIA_UPLOAD_ENABLED", "images and files"),
    "traceloop-sdk": ("TRACELOOP_TRACE_CONTENT", "images"),
}
"""Packages that upload media of prompts by themselves: the variable that stops it, and which media."""
_NO = ("false", "0")
_CURE = "Mend what start.telemetry and guard.installed tell."


def checks(seen: Seen) -> Iterator[Check]:
    """Whether it is there, who passes it by, and who uploads without asking it."""
    if seen.report is not None:
        yield _installed(seen, seen.report)
        if seen.report.came_through:
            ways = list(_ways_around(seen.report))
            yield from ways or [ok("gate.bypass", "no way around it")]
    uploads = list(_uploads(seen))
    yield from uploads or [ok("gate.upload", "no hook uploads prompts")]


def _installed(seen: Seen, report: Report) -> Check:
    mode = seen.settings.policy.on_export
    if report.gate:
        return ok("gate.installed", f"in place, on_export {mode}")
    missing = ", ".join(report.gate_missing)
    found = f"not in place: {missing} can't be patched" if missing else "not in place"
    if mode == "flag":
        return warning("gate.installed", f"{found}; spans of others are not marked", _CURE)
    fix = f"{_CURE} Until then switch content capture of the instrumentations off."
    return failure(
        "gate.installed", f"{found}, but on_export is {mode}: prompts are exported as they are", fix
    )


def _ways_around(report: Report) -> Iterator[Check]:
    for provider in report.providers:
        if not provider.sdk and not provider.name.startswith("opentelemetry."):
            found = f"{provider.signal}: {provider.name} is no provider of the SDK"
            yield warning("gate.bypass", found, "Switch content capture off where it is used.")
        elif provider.sdk and not provider.gated:
            found = f"{provider.signal}: the provider passes items on by a class of its own"
            fix = "Use the SDK's multi processor, or switch content capture off."
            yield warning("gate.bypass", found, fix)
    for processor in report.processors:
        if processor.early:
            found = f"{processor.signal}: {processor.name} may export when a span starts, before the gate"
            fix = "Find out whether it does; if so, take it out or switch content capture off."
            yield warning("gate.bypass", found, fix)


def _uploads(seen: Seen) -> Iterator[Check]:
    hook = seen.environ.get(_HOOK)
    if hook:
        target = f" to {seen.environ[_UPLOAD_TO]}" if seen.environ.get(_UPLOAD_TO) else ""
        fix = f"Unset {_HOOK}, or see that it stores in the region."
        yield warning("gate.upload", f"the completion hook {hook!r} uploads prompts{target}", fix)
    for name, (variable, media) in _UPLOADERS.items():
        if installed(name) and seen.environ.get(variable, "true").lower() not in _NO:
            fix = f"Set {variable}=false, or see that its host is in the region."
            yield warning("gate.upload", f"{name} uploads {media} of prompts by itself", fix)
