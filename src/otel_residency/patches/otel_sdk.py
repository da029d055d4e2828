"""The patch of the OpenTelemetry SDK: the export gate in front of every exporter of every provider.

A provider hands its spans and log records to a multi processor, which is a public class of the SDK; the
patches replace what it is handed. Without an active gate they do nothing.
"""

from functools import wraps
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

from otel_residency.export_gate.active import active_gate
from otel_residency.patches.patching import put, when_imported
from otel_residency.runtime.runtime import runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_residency.export_gate.gate import Gate

# The classes and not their objects: a provider that exists already, and one that is made later, are both
# covered (tests/export_gate/test_install.py, test_zero_code_gates_every_provider).
_SPANS = ("SynchronousMultiSpanProcessor", "ConcurrentMultiSpanProcessor")
_LOGS = ("SynchronousMultiLogRecordProcessor", "ConcurrentMultiLogRecordProcessor")
# Exporters of one provider may be in different regions: these see the item once for each.
_EXPORTING_SPANS = ("BatchSpanProcessor", "SimpleSpanProcessor")
_EXPORTING_LOGS = ("BatchLogRecordProcessor", "SimpleLogRecordProcessor")


def install() -> None:
    """Patch the SDK, now or when it is imported. Safe to call again."""
    if runtime.patched.first_time("opentelemetry.sdk"):
        for module, patch in MODULES.items():
            when_imported(module, patch, runtime.patched.missing_exporters.add)


def _patch_spans(module: ModuleType) -> None:
    for name in _SPANS:
        _replace_end(getattr(module, name))


def note_starts() -> None:
    """Tell the gate of spans that begin, as it needs for removing content. Safe to call again."""
    if runtime.patched.first_time("opentelemetry.sdk, starts"):
        when_imported("opentelemetry.sdk.trace", _patch_starts, runtime.patched.missing_exporters.add)


def _patch_starts(module: ModuleType) -> None:
    for name in _SPANS:
        _note_start(getattr(module, name))


def _patch_exporting_spans(module: ModuleType) -> None:
    for name in _EXPORTING_SPANS:
        _replace(
            getattr(module, name), "on_end", lambda gate, processor, span: gate.span_for(processor, span)
        )


def _patch_logs(module: ModuleType) -> None:
    for name in _LOGS:
        owner = getattr(module, name, None)
        if owner is None:  # before 1.42 the SDK kept them to itself
            owner = getattr(module._internal, name)
        _replace_emit(owner)
        _before(owner, "force_flush")
        _before(owner, "shutdown")


def _patch_exporting_logs(module: ModuleType) -> None:
    for name in _EXPORTING_LOGS:
        _replace(getattr(module, name), "on_emit", lambda gate, processor, log: gate.log_for(processor, log))


def _replace(owner: Any, name: str, treat: "Callable[[Gate, Any, Any], Any]") -> None:
    """Have the method `name` of `owner` given what `treat` makes of its item."""
    wrapped = getattr(owner, name)

    @wraps(wrapped)
    def method(self: Any, item: Any) -> Any:
        gate = runtime.gate or active_gate()
        return wrapped(self, item if gate is None else treat(gate, self, item))

    put(owner, name, method)


def _replace_end(owner: Any) -> None:
    """Hand spans to the gate, and what it makes of them to the processors."""
    wrapped = owner.on_end

    @wraps(wrapped)
    def on_end(self: Any, span: Any) -> None:
        # `or` saves a call for each span: `active_gate` is needed only until the first item.
        gate = runtime.gate or active_gate()
        if gate is None:
            wrapped(self, span)
        elif not gate.by_destination:
            wrapped(self, gate.span(span))
        else:
            span = gate.span(span)
            # One after the other, in the concurrent one too: its pool takes the same item for each processor.
            for processor in self._span_processors:
                processor.on_end(gate.span_for(processor, span))

    put(owner, "on_end", on_end)


def _note_start(owner: Any) -> None:
    # When a span ends, the links and the age of those above it can't be seen.
    wrapped = owner.on_start

    @wraps(wrapped)
    def on_start(self: Any, span: Any, parent_context: Any = None) -> None:
        gate = runtime.gate or active_gate()
        if gate is not None:
            gate.started(span, parent_context)
        wrapped(self, span, parent_context)

    put(owner, "on_start", on_start)


def _replace_emit(owner: Any) -> None:
    """Hand log records to the gate, which emits them."""
    wrapped = owner.on_emit

    @wraps(wrapped)
    def on_emit(self: Any, log_record: Any) -> None:
        gate = runtime.gate or active_gate()
        if gate is None:
            wrapped(self, log_record)
            return

        def send(record: Any) -> None:
            if not gate.by_destination:
                wrapped(self, record)
                return
            for processor in self._log_record_processors:
                processor.on_emit(gate.log_for(processor, record))

        # The gate sends it itself, perhaps later: a record may have to wait for its call.
        gate.log(log_record, send)

    put(owner, "on_emit", on_emit)


def _before(owner: Any, name: str) -> None:
    """Send on what waits before the method `name` of `owner` runs."""
    wrapped = getattr(owner, name)

    @wraps(wrapped)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        gate = runtime.gate or active_gate()
        if gate is not None:
            gate.flush()
        return wrapped(self, *args, **kwargs)

    put(owner, name, method)


MODULES = MappingProxyType(
    {
        "opentelemetry.sdk.trace": _patch_spans,
        "opentelemetry.sdk._logs": _patch_logs,
        "opentelemetry.sdk.trace.export": _patch_exporting_spans,
        "opentelemetry.sdk._logs.export": _patch_exporting_logs,
    }
)
"""The patches by the module that they patch."""
