"""Builds the gate that the settings ask for."""

from collections.abc import Callable

from opentelemetry.sdk._logs.export import LogRecordExporter
from opentelemetry.sdk.trace.export import SpanExporter

from otel_residency.errors import PolicyError
from otel_residency.export_gate.destinations import Destinations
from otel_residency.export_gate.gate import Failed, Gate, ignore
from otel_residency.export_gate.http_spans import HttpJudge, Record, Report
from otel_residency.export_gate.quarantine import Quarantine, file_quarantine
from otel_residency.guard import Guard
from otel_residency.settings.load import Settings


def build_gate(
    settings: Settings,
    guard: Callable[[], Guard],
    *,
    quarantine: tuple[SpanExporter | None, LogRecordExporter | None] | None = None,
    report: Report = ignore,
    record: Record = ignore,
    failed: Failed = ignore,
) -> Gate:
    """The gate that `settings` ask for.

    Args:
        settings: with the policy, rules applied.
        guard: returns the guard, when it is first needed.
        quarantine: exporters that keep originals, in place of the file that the policy names.
        report: emits the event of a violation that only an HTTP client's span shows.
        record: records such a call in the ledger.
        failed: logs what failed in the gate.
    """
    policy = settings.policy
    mode = policy.strictest("on_export")
    if mode != "flag":  # the guard has checked the policy against the catalogue
        policy = guard().settings.policy
    return Gate(
        mode,
        strict=policy.strict and bool(policy.require or policy.rule or policy.exception),
        # `strict` asks for a requirement, and `closed` does not: a policy that can't be read may have had
        # one.
        closed=policy.unreadable is not None,
        quarantine=_quarantine(policy.quarantine, quarantine, failed),
        judge_http=HttpJudge(guard, report, record),
        destinations=Destinations(guard) if policy.telemetry.content_regions else None,
        failed=failed,
    )


def _quarantine(
    path: str, exporters: tuple[SpanExporter | None, LogRecordExporter | None] | None, failed: Failed
) -> Quarantine | None:
    if exporters is not None:
        return Quarantine(*exporters, failed)
    if not path:
        return None
    try:
        return file_quarantine(path, failed)
    except PolicyError as error:
        failed("the quarantine", error)
        # Asked for and not to be had: without originals nothing may be redacted either, so it is withheld
        # (tests/export_gate/test_quarantine.py, test_without_the_exporter_for_files_everything_is_withheld).
        return Quarantine(None, None, failed, broken=True)
