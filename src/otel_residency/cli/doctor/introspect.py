"""Inspects the process of the probe, after `opentelemetry-instrument` has prepared it.

Providers keep their processors in private attributes. Without one of these the report has less in it; it does
not fail.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from logging import LogRecord
from operator import attrgetter
from types import FunctionType
from typing import Any

from opentelemetry._logs import get_logger_provider
from opentelemetry.instrumentation.dependencies import DependencyConflict, get_dependency_conflicts
from opentelemetry.metrics import get_meter_provider
from opentelemetry.sdk import trace as sdk_trace
from opentelemetry.sdk._logs import _internal as sdk_logs
from opentelemetry.trace import get_tracer_provider

from otel_residency.calls.state import runtime
from otel_residency.cli.doctor.ledger_state import read_ledger_state
from otel_residency.cli.doctor.probe_report import (
    EXPORTERS,
    NOT_FOUND,
    ProbeReport,
    Processor,
    Provider,
    StartProblem,
)
from otel_residency.cli.export_gate import gate_active, gate_missing
from otel_residency.core.base_url import BaseUrl
from otel_residency.core.decode import to_plain
from otel_residency.core.shown import HIDDEN, shown
from otel_residency.export_gate.destinations import address_of, exporter_of
from otel_residency.instrumentor import ResidencyInstrumentor
from otel_residency.patches.install import CLIENTS

_FATAL = "opentelemetry.instrumentation.auto_instrumentation"
"""Only `initialize()` logs under this name, when it gives up."""
_PARTS = {
    "traces": ("_active_span_processor", "_span_processors"),
    "logs": ("_multi_log_record_processor", "_log_record_processors"),
}
_GATED: dict[str, tuple[str, tuple[Any, ...]]] = {
    "traces": ("on_end", (sdk_trace.SynchronousMultiSpanProcessor, sdk_trace.ConcurrentMultiSpanProcessor)),
    "logs": (
        "on_emit",
        (sdk_logs.SynchronousMultiLogRecordProcessor, sdk_logs.ConcurrentMultiLogRecordProcessor),
    ),
}
"""The method that the export gate patches, and its classes."""

_STARTED = ("distro", "configurator", "instrumentor", "pre_instrument")
"""Kinds of entry points that the auto-instrumentation loads."""

_HARMLESS = ("opentelemetry.sdk.", "otel_residency.")
"""Packages whose processors do nothing in `on_start`, or delegate it."""
_MAX_DEPTH = 8


def collect(records: Sequence[LogRecord]) -> dict[str, Any]:
    """The report as plain data; `records` are those that the auto-instrumentation logged."""
    installed = find_spec("openai") is not None
    client_error = _import_client() if installed else None
    _import_http_clients()
    base_url, url_error = _base_url() if installed and not client_error else (None, None)
    found = {"traces": get_tracer_provider(), "logs": get_logger_provider(), "metrics": get_meter_provider()}
    providers = {signal: _unwrapped(provider) for signal, provider in found.items()}
    conflict = get_dependency_conflicts(ResidencyInstrumentor().instrumentation_dependencies())
    sampler = getattr(providers["traces"], "sampler", None)
    report = ProbeReport(
        problems=tuple(_problems(records)),
        guarded=runtime.state is not None,
        missing=tuple(sorted(runtime.patched.missing)),
        missing_clients=tuple(sorted(runtime.patched.missing_clients)),
        client=installed,
        client_error=client_error,
        conflict=str(conflict) if conflict else None,
        gate=gate_active(),
        gate_missing=gate_missing(),
        providers=tuple(_provider(signal, each) for signal, each in providers.items()),
        processors=tuple(_processors(providers)),
        sampler=sampler.get_description() if sampler is not None else None,
        base_url=base_url,
        url_error=url_error,
        ledger=read_ledger_state(runtime.state.settings.policy) if runtime.state is not None else None,
        user=os.getuid() if hasattr(os, "getuid") else 0,
    )
    result: dict[str, Any] = to_plain(report)
    return result


def _problems(records: Iterable[LogRecord]) -> Iterator[StartProblem]:
    """The problems that were logged; an exception that is logged again when it ends the start counts once."""
    problems: dict[int, StartProblem] = {}
    for number, record in enumerate(records):
        error = record.exc_info[1] if record.exc_info else None
        key = id(error) if error is not None else -number - 1
        first = problems.get(key)
        what = first.what if first else _what(record)
        fatal = record.name == _FATAL and error is not None
        kind = type(error).__name__ if error is not None else None
        problems[key] = StartProblem(what=what, error=kind, message=_missing_component(error), fatal=fatal)
    return iter(problems.values())


def _what(record: LogRecord) -> str:
    """The message of a record, with names of entry points alone: other arguments may be of variables."""
    if not isinstance(record.msg, str):  # a conflict of versions, which `opentelemetry` logs as it is
        return str(record.msg) if isinstance(record.msg, DependencyConflict) else type(record.msg).__name__
    arguments = record.args if isinstance(record.args, tuple) else ()
    known = {entry.name for kind in _STARTED for entry in entry_points(group=f"opentelemetry_{kind}")}
    try:
        return record.msg % tuple(each if each in known else HIDDEN for each in arguments)
    except (TypeError, ValueError):
        return record.msg


def _missing_component(error: BaseException | None) -> str:
    """The part of the message that names a component which is not installed."""
    found = NOT_FOUND.search(str(error or ""))
    if found is None:
        return ""
    name, signal = found.groups()
    return f"component {shown(name, EXPORTERS)} not found in entry point 'opentelemetry_{signal}_exporter'"


def _import_client() -> str | None:
    """Why openai can't be imported, although it is installed; the import also installs the patches."""
    try:
        import_module("openai")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what to report
        # The message of any other error may repeat a variable.
        return f"{type(error).__name__}: {error}" if isinstance(error, ImportError) else type(error).__name__
    return None


def _import_http_clients() -> None:
    """Import the installed ones, which installs their patches; failures also occur in the service."""
    for name in CLIENTS:
        with suppress(Exception):
            import_module(name)


def _base_url() -> tuple[BaseUrl | None, str | None]:
    """The base URL of a client without arguments, or why none can be created."""
    try:
        url: Any = import_module("openai").OpenAI(api_key="the doctor makes no call").base_url
        return BaseUrl(scheme=url.scheme, host=url.host, port=url.port, path=url.path.rstrip("/")), None
    except Exception as error:  # noqa: BLE001 - as above
        return None, type(error).__name__


def _provider(signal: str, provider: Any) -> Provider:
    return Provider(
        signal=signal,
        name=_name(provider),
        sdk=_of_sdk(provider),
        gated=signal not in _GATED or _is_gated(signal, provider),
    )


def _is_gated(signal: str, provider: Any) -> bool:
    method, classes = _GATED[signal]
    active = type(getattr(provider, _PARTS[signal][0], None))
    return next((each for each in active.__mro__ if method in vars(each)), None) in classes


def _processors(providers: dict[str, Any]) -> Iterator[Processor]:
    for signal, (active, several) in _PARTS.items():
        multi = getattr(providers[signal], active, None)
        for processor in getattr(multi, several, ()):
            yield _processor(signal, processor)
    meters = providers["metrics"]
    for reader in _first(meters, "_metric_readers", "_sdk_config.metric_readers") or ():
        yield _processor("metrics", reader)


def _first(owner: Any, *names: str) -> Any:
    """The value of the first of these dotted attributes that exists."""
    for name in names:
        with suppress(AttributeError):
            return attrgetter(name)(owner)
    return None


def _processor(signal: str, processor: Any) -> Processor:
    chain = list(_chain(processor))
    exporter = next((found for each in chain if (found := exporter_of(each)) is not None), None)
    if exporter is None:
        return Processor(signal=signal, name=_name(processor))
    host, port = address_of(exporter)
    return Processor(
        signal=signal,
        name=_name(processor),
        exporter=_name(exporter),
        host=host or None,
        port=port,
        early=any(map(_starts_early, chain)),
    )


def _chain(processor: Any) -> Iterator[Any]:
    """A processor and those that it wraps."""
    for _ in range(_MAX_DEPTH):
        if processor is None:
            return
        yield processor
        processor = getattr(processor, "processor", None) or getattr(processor, "_processor", None)


def _starts_early(processor: Any) -> bool:
    """Whether it has an `on_start` of its own, which may export the span."""
    method = getattr(type(processor), "on_start", None)
    return isinstance(method, FunctionType) and not method.__module__.startswith(_HARMLESS)


def _unwrapped(provider: Any) -> Any:
    """The SDK's provider inside a wrapper."""
    inner = getattr(provider, "provider", None)
    return inner if inner is not None and _of_sdk(inner) else provider


def _of_sdk(thing: Any) -> bool:
    return type(thing).__module__.startswith("opentelemetry.sdk.")


def _name(thing: Any) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"
