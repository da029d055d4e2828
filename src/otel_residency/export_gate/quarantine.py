"""Keeps the originals of what the gate redacts or withholds, in a file or by an exporter."""

import os
from collections.abc import Callable
from threading import RLock
from weakref import finalize

from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk._logs import ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_residency.core.interruption import reraise_interruption
from otel_residency.errors import PolicyError
from otel_residency.runtime.private_file import open_private
from otel_residency.runtime.shown_path import shown_path

Failed = Callable[[str, BaseException | None], None]


class Quarantine:
    """Keeps originals synchronously, so that the gate knows whether they are kept."""

    def __init__(
        self,
        spans: SpanExporter | None,
        logs: LogRecordExporter | None,
        failed: Failed,
        *,
        broken: bool = False,
    ) -> None:
        """Keep spans and log records with these exporters.

        Args:
            spans: for spans; without one no originals of spans are asked for.
            logs: likewise for log records.
            failed: logs what could not be kept.
            broken: it was asked for and can't be had; nothing counts as kept.
        """
        self._broken = broken
        self._spans = spans
        self._logs = logs
        self._failed = failed

    def keep_span(self, span: ReadableSpan) -> bool:
        """Keep a span; `False` if that failed."""
        spans = self._spans
        if spans is None:
            return not self._broken
        return self._keep(lambda: spans.export((span,)) is SpanExportResult.SUCCESS)

    def keep_log(self, record: ReadWriteLogRecord) -> bool:
        """Keep a log record; `False` if that failed."""
        logs = self._logs
        if logs is None:
            return not self._broken
        # The SDK's own processors make the same of a record before they export it.
        original = ReadableLogRecord(
            record.log_record,
            record.resource,  # type: ignore[arg-type]
            record.instrumentation_scope,
            record.limits,
        )
        return self._keep(lambda: logs.export((original,)) is LogRecordExportResult.SUCCESS)

    def _keep(self, export: Callable[[], bool]) -> bool:
        error: Exception | None = None
        try:
            # Else an exporter over HTTP would make spans, which come here again.
            with suppress_instrumentation():
                kept = export()
        except Exception as raised:  # an exporter of the user's
            reraise_interruption()
            kept, error = False, raised
        if not kept:
            self._failed("the quarantine", error)
        return kept


class OwnerOnlyFile:
    """Text appended to a file that only its owner can read; opened when something is first written.

    Each write is one system call, so that several processes may share the file.
    """

    closed = False

    def __init__(self, path: str) -> None:
        """Write to `path`."""
        self._path = path
        self._lock = RLock()
        self._descriptor: int | None = None

    def write(self, text: str) -> int:
        """Append `text`.

        Raises:
            OSError: it can't be written.
            PolicyError: the file is there, and others than its owner can read it.
        """
        # One `write` with O_APPEND: lines of several processes do not run into each other.
        data = text.encode()
        with self._lock:
            if self._descriptor is None:
                self._descriptor = self._open()
                # The exporter never closes what it was given; the descriptor goes with this object.
                finalize(self, os.close, self._descriptor)
            # Written in part, to a full disk for example: the original is not kept, so the item is withheld.
            if os.write(self._descriptor, data) != len(data):
                raise OSError(f"quarantine {shown_path(self._path)}: was not written to the end")
        return len(text)

    def flush(self) -> None:
        """Do nothing: each write goes to the file at once."""

    def _open(self) -> int:
        return open_private(self._path, what="quarantine")


def file_quarantine(path: str, failed: Failed) -> Quarantine:
    """A quarantine in an OTLP JSON file, one line an item.

    Raises:
        PolicyError: the exporter for such files is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.json.file import FileSpanExporter  # noqa: PLC0415
        from opentelemetry.exporter.otlp.json.file._log_exporter import FileLogExporter  # noqa: PLC0415
    except ImportError:
        raise PolicyError(
            f"quarantine {shown_path(path)}: needs the exporter for OTLP JSON files; "
            "install otel-residency[quarantine]"
        ) from None
    file = OwnerOnlyFile(path)
    return Quarantine(FileSpanExporter(stream=file), FileLogExporter(stream=file), failed)  # type: ignore[call-overload]
