"""The two doors: `ResidencyInstrumentor` in code, `pre_instrument` under `opentelemetry-instrument`."""

from collections.abc import Collection, Mapping
from functools import partial
from logging import getLogger
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from otel_residency.calls.state import State, runtime
from otel_residency.core.interruption import reraise_interruption
from otel_residency.core.policy import Policy
from otel_residency.core.policy_rules import ENFORCEMENT
from otel_residency.patches import otel_sdk
from otel_residency.patches.install import install
from otel_residency.requirements.baggage import BaggageCarrier
from otel_residency.settings.later import adjusted, differences, no_looser
from otel_residency.settings.ledger_key import read_ledger_key
from otel_residency.settings.load import Settings, read_settings
from otel_residency.telemetry.emitter import ActivePolicy, Telemetry

if TYPE_CHECKING:
    from opentelemetry.sdk._logs.export import LogRecordExporter
    from opentelemetry.sdk.trace.export import SpanExporter

    from otel_residency.export_gate.gate import Gate
    from otel_residency.ledger.ledger import Ledger

_log = getLogger("otel_residency")
Exporters = tuple["SpanExporter | None", "LogRecordExporter | None"]
_PROVIDERS = ("tracer_provider", "meter_provider", "logger_provider")


class ResidencyInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Judges every call of the openai client, and in block mode refuses the violating ones.

    `instrument(**arguments)` takes the keys of the policy file (`require`, `scope`, `on_call`, `strict`,
    `attest`, `hosts`, …), `policy`, `catalogue`, `enabled`, the three providers `tracer_provider`,
    `meter_provider`, `logger_provider`, and `quarantine_spans`, `quarantine_logs`: exporters that keep the
    originals of what the export gate redacts or withholds, in place of the file `quarantine`. Arguments win
    over the environment, the environment wins over the policy file.
    Once it is active, a later call may only tighten `on_call`, `on_export` and `strict` where a variable or
    an argument set them, may set them either way where only the policy file did, and changes nothing else;
    unless it has `replace=True`, which is logged.
    It may be called before or after `import openai`; clients that exist already are covered.
    `uninstrument()` switches everything off and leaves other instrumentations as they are.

    Raises:
        PolicyError: an argument is wrong.
    """

    _quarantine: Exporters | None = None
    _providers: Mapping[str, Any] = MappingProxyType({})

    def instrumentation_dependencies(self) -> Collection[str]:
        """The versions of the client that the patches are tested with."""
        # `BaseInstrumentor` compares it with the installed version; where openai is older it logs an error
        # and patches nothing.
        return ("openai >= 1.40",)

    def instrument(self, **kwargs: Any) -> None:
        """Switch on, or once that is done, change how hard the policy is enforced; see the class."""
        active = runtime.state
        if not self.is_instrumented_by_opentelemetry or active is None:
            super().instrument(**kwargs)
            return
        if kwargs.get("replace"):
            self._instrument(**kwargs)
            return
        modes = {key: kwargs.pop(key) for key in ENFORCEMENT if kwargs.get(key) is not None}
        if modes:
            activate(adjusted(active.settings, modes), self._quarantine, **self._providers)
        if kwargs or not modes:
            super().instrument(**kwargs)  # logs that everything else is ignored

    def _instrument(self, **kwargs: Any) -> None:
        replace = kwargs.pop("replace", False)
        providers = {name: kwargs.pop(name) for name in _PROVIDERS if name in kwargs}
        # Arguments of `BaseInstrumentor` and its loader; any other unknown one is a mistake of the user's.
        kwargs.pop("skip_dep_check", None)
        kwargs.pop("raise_exception_on_conflict", None)
        spans, logs = (kwargs.pop(f"quarantine_{signal}", None) for signal in ("spans", "logs"))
        settings, active = read_settings(arguments=kwargs), runtime.state
        if active is not None and replace:
            changes = ", ".join(differences(settings, active.settings)) or "no key of a rule"
            _log.warning("instrument(replace=True) replaces the active settings: %s", changes)
        elif active is not None:
            settings = no_looser(settings, active.settings)
        self._quarantine, self._providers = (spans, logs) if spans or logs else None, providers
        activate(settings, self._quarantine, **providers)

    def _uninstrument(self, **_: Any) -> None:
        deactivate()


def pre_instrument() -> None:
    """Guard before any instrumentor is loaded: an instrumentor that fails must not leave calls unguarded."""
    try:
        settings = read_settings()
    except Exception as error:
        reraise_interruption()
        _log.error("otel-residency can't read its settings: %s", type(error).__name__)
        # Nobody knows what was asked for, so the strictest counts; `on_call` may have been "block".
        settings = Settings(policy=Policy(on_call="block", unreadable="the settings can't be read"))
    try:
        # An application may have called `instrument()` before something starts the auto-instrumentation.
        activate(settings if runtime.state is None else no_looser(settings, runtime.state.settings))
    except Exception as error:
        reraise_interruption()
        _log.error("otel-residency can't start: %s", type(error).__name__)


def activate(settings: Settings, quarantine: Exporters | None = None, **providers: Any) -> None:
    """Activate `settings` in place of any others."""
    if not settings.enabled:
        deactivate()
        return
    state = State(settings)
    try:
        state.telemetry = Telemetry(_active_policy, **providers)
    except Exception as error:  # the guard does not hang on telemetry
        state.log_failure("starting telemetry", error)
    if settings.policy.ledger.path:
        try:
            state.ledger = _ledger(state, providers)
        except Exception as error:
            state.log_failure("starting the ledger", error)
    baggage = settings.policy.baggage
    runtime.carrier = BaggageCarrier(baggage, state.log_failure) if any(baggage) else None
    # The new state before the patches, and the old one is ended last: no call in between is without a guard.
    former, runtime.state = runtime.state, state
    install()
    # Built at the first item, since it imports the SDK; the old gate is of the old policy.
    runtime.gate, runtime.build_gate = None, partial(_build_gate, state, quarantine)
    otel_sdk.install()
    if state.on_export != "flag":
        otel_sdk.note_starts()
    _end(former)


def deactivate() -> None:
    """Switch guard and gate off."""
    # Patches stay. Calls that have begun hold their own state and are reported to their end
    # (tests/calls/test_instrumentor.py, test_switched_off_in_the_middle_of_a_stream).
    former, runtime.state = runtime.state, None
    runtime.carrier = None
    runtime.gate = runtime.build_gate = None
    _end(former)


def _end(state: State | None) -> None:
    if state is not None and state.ledger is not None:
        state.ledger.close()


def _ledger(state: State, providers: Mapping[str, Any]) -> "Ledger":
    from otel_residency.ledger.ledger import Ledger  # noqa: PLC0415 - only where there is one
    from otel_residency.ledger.process import Process, resource_of  # noqa: PLC0415

    policy = state.settings.policy
    emit = state.telemetry.report_record if policy.ledger.events and state.telemetry is not None else None
    process = Process(
        # A function: the guard is built with the first record and not when the process starts.
        guard=lambda: state.guard,
        info=lambda: state.active_policy().attributes,
        resource=resource_of(providers.values()),
        failed=state.log_failure,
        emit=emit,
    )
    return Ledger(policy.ledger, process, partial(read_ledger_key, policy))


def _build_gate(state: State, quarantine: Exporters | None) -> "Gate":
    # Later than the rest: these need the SDK, which the application may never import.
    from otel_residency.export_gate.build import build_gate  # noqa: PLC0415

    telemetry = state.telemetry
    report: dict[str, Any] = {"report": telemetry.report_violation} if telemetry is not None else {}
    if state.ledger is not None:
        report["record"] = state.ledger.record
    return build_gate(
        state.settings, lambda: state.guard, quarantine=quarantine, failed=state.log_failure, **report
    )


def _active_policy() -> ActivePolicy | None:
    """The active policy for the metrics: a meter keeps the callback of the first activation."""
    state = runtime.state
    return None if state is None else state.active_policy()
