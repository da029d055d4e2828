"""The gate as processors, for applications that build their own providers."""

from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from otel_residency.export_gate.active import active_gate
from otel_residency.export_gate.build import build_gate
from otel_residency.guard import Guard
from otel_residency.settings.load import read_settings

if TYPE_CHECKING:
    from otel_residency.export_gate.gate import Gate


class _Gated:
    """A wrapper of a processor, with the active gate or else one by the environment's settings."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        self._fallback: Gate | None = None

    @property
    def _gate(self) -> "Gate":
        gate = active_gate() or self._fallback
        if gate is None:
            guard = Guard(read_settings())
            gate = self._fallback = build_gate(guard.settings, lambda: guard)
        return gate

    def __getattr__(self, name: str) -> Any:
        """Other attributes, such as the exporter, are those of the wrapped processor."""
        # Before `__init__`, as `copy` and `pickle` ask, the attribute is missing, and to look for it here
        # would never end.
        if name == "_processor":
            raise AttributeError(name)
        return getattr(self._processor, name)


class ResidencySpanProcessor(_Gated, SpanProcessor):
    """Puts the export gate in front of one span processor.

    `provider.add_span_processor(ResidencySpanProcessor(BatchSpanProcessor(exporter)))`. It follows the
    settings that `ResidencyInstrumentor` was given, or those of the environment. A span that has been
    through the gate already is left as it is.
    """

    def __init__(self, processor: SpanProcessor) -> None:
        """Wrap `processor`, which exports."""
        super().__init__(processor)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Pass on that a span begins."""
        self._processor.on_start(span, parent_context)

    # Private in opentelemetry-sdk 1.45.1, and called on every processor (`Span.end`): without it the wrapped
    # one would get that of the base class, which does nothing.
    def _on_ending(self, span: Span) -> None:
        self._processor._on_ending(span)  # noqa: SLF001 - the SDK's own hook, passed on

    def on_end(self, span: ReadableSpan) -> None:
        """Pass on the span, or what stands in its place."""
        gate = self._gate
        self._processor.on_end(gate.span_for(self._processor, gate.span(span)))

    def shutdown(self) -> None:
        """Shut the wrapped processor down."""
        self._processor.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the wrapped processor; `False` if it took longer than that many milliseconds."""
        return bool(self._processor.force_flush(timeout_millis))


class ResidencyLogRecordProcessor(_Gated, LogRecordProcessor):
    """Puts the export gate in front of one log record processor, as the other does for spans.

    A record with content that was written before its call is judged waits for it.
    """

    def __init__(self, processor: LogRecordProcessor) -> None:
        """Wrap `processor`, which exports."""
        super().__init__(processor)

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Pass on the record, or what stands in its place, when it may leave."""
        gate = self._gate

        def send(record: ReadWriteLogRecord) -> None:
            # Of the gate that took the record: it may be sent on after another policy was activated.
            self._processor.on_emit(gate.log_for(self._processor, record))

        gate.log(log_record, send)

    def shutdown(self) -> None:
        """Send on what waits, and shut the wrapped processor down."""
        self._gate.flush()
        self._processor.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send on what waits, and flush the wrapped processor within that many milliseconds."""
        self._gate.flush()
        return bool(self._processor.force_flush(timeout_millis))
