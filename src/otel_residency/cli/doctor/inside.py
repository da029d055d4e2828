"""What the probe looks at, in the process that `opentelemetry-instrument` has prepared.

Providers keep their processors in private attributes. One that is not there is not looked at, and the
report says less; it does not fail.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from logging import LogRecord
from operator import attrgetter
from types import FunctionType
from typing import Any

from opentelemetry._logs import get_logger_provider
from opentelemetry.instrumentation.dependencies import get_dependency_conflicts
from opentelemetry.metrics import get_meter_provider
from opentelemetry.sdk import trace as sdk_trace
from opentelemetry.sdk._logs import _internal as sdk_logs
from opentelemetry.trace import get_tracer_provider

from otel_residency.calls.state import runtime
from otel_residency.cli.doctor.ledger import look_at_ledger
from otel_residency.cli.doctor.report import Problem, Processor, Provider, Report
from otel_residency.cli.gate import gate_active, gate_missing
from otel_residency.core.base_url import BaseUrl
from otel_residency.core.decode import to_plain
from otel_residency.export_gate.destinations import address_of, exporter_of
from otel_residency.instrumentor import ResidencyInstrumentor
from otel_residency.patches.install import CLIENTS

_FATAL = "opentelemetry.instrumentation.auto_instrumentation"
"""Only the outermost place logs by this name, when it gives up."""
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
"""Where the export gate stands: the method, and the classes whose method it is."""

_PASSING_ON = ("opentelemetry.sdk.", "otel_residency.")
"""Whose processors do nothing when a span starts, or pass that on."""
_DEEPEST = 8


def look(told: Sequence[LogRecord]) -> dict[str, Any]:
    """Everything, as to_plain data; `told` is what the auto-instrumentation logged."""
    installed = find_spec("openai") is not None
    client_error = _import_client() if installed else None
    _import_http_clients()
    base_url, url_error = _base_url() if installed and not client_error else (None, None)
    found = {"traces": get_tracer_provider(), "logs": get_logger_provider(), "metrics": get_meter_provider()}
    providers = {signal: _unwrapped(provider) for signal, provider in found.items()}
    conflict = get_dependency_conflicts(ResidencyInstrumentor().instrumentation_dependencies())
    sampler = getattr(providers["traces"], "sampler", None)
    report = Report(
        problems=tuple(_problems(told)),
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
        ledger=look_at_ledger(runtime.state.settings.policy) if runtime.state is not None else None,
        user=os.getuid() if hasattr(os, "getuid") else 0,
    )
    answer: dict[str, Any] = to_plain(report)
    return answer


def _problems(told: Iterable[LogRecord]) -> Iterator[Problem]:
    """What was logged, each exception once: it is logged where it arises and where it ends the start."""
    seen: dict[int, Problem] = {}
    for number, record in enumerate(told):
        error = record.exc_info[1] if record.exc_info else None
        key = id(error) if error is not None else -number - 1
        first = seen.get(key)
        what = first.what if first else record.getMessage()
        fatal = record.name == _FATAL and error is not None
        kind = type(error).__name__ if error is not None else None
        seen[key] = Problem(what, kind, str(error or ""), fatal)
    return iter(seen.values())


def _import_client() -> str | None:
    """Why openai can't be imported, although it is there; importing it also puts the patches in place."""
    try:
        import_module("openai")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what to report
        return f"{type(error).__name__}: {error}"
    return None


def _import_http_clients() -> None:
    """Put the patches of those in place that are installed; one that fails here fails in the service too."""
    for name in CLIENTS:
        with suppress(Exception):
            import_module(name)


def _base_url() -> tuple[BaseUrl | None, str | None]:
    """Where a client made without arguments calls, or why none can be made."""
    try:
        url: Any = import_module("openai").OpenAI(api_key="the doctor makes no call").base_url
        return BaseUrl(scheme=url.scheme, host=url.host, port=url.port, path=url.path.rstrip("/")), None
    except Exception as error:  # noqa: BLE001 - as above
        return None, f"{type(error).__name__}: {error}"


def _provider(signal: str, provider: Any) -> Provider:
    return Provider(
        signal, _name(provider), _of_sdk(provider), signal not in _GATED or _is_gated(signal, provider)
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


def _first(owner: Any, *places: str) -> Any:
    """What stands at the first of these dotted places that exists."""
    for place in places:
        with suppress(AttributeError):
            return attrgetter(place)(owner)
    return None


def _processor(signal: str, processor: Any) -> Processor:
    chain = list(_chain(processor))
    exporter = next((found for each in chain if (found := exporter_of(each)) is not None), None)
    if exporter is None:
        return Processor(signal, _name(processor))
    host, port = address_of(exporter)
    early = any(map(_starts_early, chain))
    return Processor(signal, _name(processor), _name(exporter), host or None, port, early)


def _chain(processor: Any) -> Iterator[Any]:
    """A processor and those that it wraps, one in the other."""
    for _ in range(_DEEPEST):
        if processor is None:
            return
        yield processor
        processor = getattr(processor, "processor", None) or getattr(processor, "_processor", None)


def _starts_early(processor: Any) -> bool:
    """Whether it does something of its own when a span starts; what that is, can't be told from here."""
    own = getattr(type(processor), "on_start", None)
    return isinstance(own, FunctionType) and not own.__module__.startswith(_PASSING_ON)


def _unwrapped(provider: Any) -> Any:
    """The SDK's provider, where another's stands before it."""
    inner = getattr(provider, "provider", None)
    return inner if inner is not None and _of_sdk(inner) else provider


def _of_sdk(thing: Any) -> bool:
    return type(thing).__module__.startswith("opentelemetry.sdk.")


def _name(thing: Any) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"
