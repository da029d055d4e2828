"""One activation of the package: settings, guard, telemetry, ledger, and the readers that calls share."""

import sys
from datetime import UTC, date, datetime, time
from logging import getLogger
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from otel_residency.calls.correlation import CallRegistry
from otel_residency.core.interruption import reraise_interruption
from otel_residency.errors import ResidencyError
from otel_residency.runtime import runtime as process
from otel_residency.runtime.background import BackgroundThread, stream_ender
from otel_residency.telemetry import names
from otel_residency.telemetry.emitter import ActivePolicy, Attributes

# Imported when first needed: guard, catalogue and rules take 30 to 40 ms, which a process that never calls a
# vendor does not pay (tests/test_zero_code.py, test_a_process_without_openai_imports_nothing_for_it).
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from otel_residency.calls.batches import Batches
    from otel_residency.calls.body import BodyReader
    from otel_residency.calls.created_objects import CreatedObjects
    from otel_residency.calls.request import ClientBaseUrl, TrackedHeaders
    from otel_residency.calls.response import EvidenceHeaders
    from otel_residency.core.policy_rules import OnCall, OnExport
    from otel_residency.core.request_entries import Creation
    from otel_residency.guard import Guard
    from otel_residency.ledger.ledger import Ledger
    from otel_residency.runtime.runtime import Runtime
    from otel_residency.settings.load import Settings
    from otel_residency.telemetry.emitter import Telemetry

T = TypeVar("T")
_log = getLogger("otel_residency")
_NON_VENDOR_HOSTS = 4096
_MOST_NAMES = 8
"""Names of one request to a host that is remembered; a request with more is looked at each time."""
_MOST_LOGGED = 1024
"""Warnings after which no other one is logged."""


class lazy(Generic[T]):  # noqa: N801 - used as a decorator, as `property` is
    """An attribute that is built when it is first read, and is a plain attribute from then on.

    Unlike `functools.cached_property` of Python 3.11 it takes no lock, which a process that is forked
    meanwhile would inherit. If two threads build at once, the first result stays.
    """

    def __init__(self, build: "Callable[[Any], T]") -> None:
        self._build = build
        self.__doc__ = build.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> T:
        # `setdefault` is one operation of the dictionary: of two threads that build at once both return the
        # same object. A non-data descriptor: from now on Python reads the instance and does not come here.
        built: T = vars(instance).setdefault(self._name, self._build(instance))
        return built


class State:
    """One activation of the patches.

    What needs the guard is built at its first use, and imported then: a process that never imports openai
    needs neither rules nor catalogue, whose import takes tens of milliseconds.

    Attributes:
        settings: the settings of this activation.
        on_call: what is done with a violating call by the strictest of the rules, also if it can't be judged.
        on_export: what is done with its telemetry.
        answer_decides_export: whether that may depend on the project that answers.
        blocks: whether violating calls are refused, or some of them.
        demands_record: whether the policy wants a ledger record on its way before each call.
        telemetry: emits spans, metrics and events; `None` where that could not be set up.
        ledger: writes records; `None` without a ledger.
        non_vendor_hosts: hosts that belong to no vendor, in the form in which an HTTP client names them, or
            such a host with the other host names of the request. Requests to them are not looked at.
        client_base_url: the base URL that was read last.
        registry: the calls of this process, for the export gate.
    """

    def __init__(self, settings: "Settings") -> None:
        """Prepare for `settings`; `telemetry` and `ledger` are set later, since they ask for this state."""
        self.settings = settings
        self.on_call: OnCall = settings.policy.strictest("on_call")
        self.on_export: OnExport = settings.policy.strictest("on_export")
        self.answer_decides_export = any(
            each.when.project and each.on_export for each in settings.policy.all_rules
        )
        self.blocks = self.on_call == "block"
        self.demands_record = self.blocks and settings.policy.ledger.required
        self.telemetry: Telemetry | None = None
        self.ledger: Ledger | None = None
        # A negative cache. An entry says "no vendor" for all names of a request at once, see `concerns`.
        self.non_vendor_hosts: set[Any] = set()
        self.client_base_url: ClientBaseUrl | None = None
        self.registry = process.runtime.part(CallRegistry)
        self._logged: set[str] = set()
        self._guard: Guard | None = None
        self._after_fork()
        process.runtime.at_fork(self._after_fork)

    def _after_fork(self) -> None:
        # A thread of the parent may have held it while it built the guard.
        self._lock = Lock()

    @lazy
    def guard(self) -> "Guard":
        """The guard, built once, by whichever thread needs it first."""
        from otel_residency.guard import Guard  # noqa: PLC0415 - see the class

        # The lock, and not `lazy` alone: the catalogue of 30 ms would be built by each thread, and
        # `log_problems` would log every problem twice.
        with self._lock:
            first = self._guard is None
            guard = self._guard = self._guard or Guard(self.settings)
        if first:  # without the lock, since a log handler may do anything
            guard.log_problems()
        return guard

    def concerns(self, hosts: "Iterable[str]", key: Any) -> bool:
        """Whether a request that names `hosts` may go to a vendor; if not, `key` is remembered.

        Requests to other hosts cost one look-up in `non_vendor_hosts`. The set is cleared when it is full: a
        process that talks to more hosts than that pays a little more, and memory stays bounded.
        """
        # A host alone is not enough of a key where a client can send other names: a request to a host that
        # was let through may name a vendor in its Host header or in TLS, and a proxy or gateway may serve it
        # (tests/patches/test_install.py, test_a_vendor_by_its_name_is_refused).
        if any(self.guard.concerns_host(host) for host in hosts):
            return True
        if isinstance(key, tuple) and len(key) > _MOST_NAMES:
            return False
        if len(self.non_vendor_hosts) >= _NON_VENDOR_HOSTS:
            # Cleared as a whole: to drop the oldest needs an order, and so a lock on the path of every
            # request.
            self.non_vendor_hosts.clear()
        self.non_vendor_hosts.add(key)
        return False

    def lacks_record(self) -> bool:
        """Whether no record can be written now."""
        return self.ledger is None or not self.ledger.available()

    @lazy
    def bodies(self) -> "BodyReader":
        """The reader of request bodies."""
        from otel_residency.calls.body import BodyReader  # noqa: PLC0415 - see the class

        return BodyReader(self.guard.catalogue.entries)

    @lazy
    def created_objects(self) -> "CreatedObjects":
        """The regions of stored things."""
        from otel_residency.calls.created_objects import CreatedObjects  # noqa: PLC0415 - see the class

        path = self.settings.policy.state
        if not path:
            return CreatedObjects()
        from otel_residency.calls.created_store import CreatedStore  # noqa: PLC0415 - few need SQLite

        return CreatedObjects(CreatedStore(path, self.log_failure))

    def region_of(self, name: str) -> str | None:
        """The region of the stored thing with the id `name`, if it is known."""
        return self.created_objects.region_of(name)

    @lazy
    def creations(self) -> "dict[str, Creation]":
        """Endpoints whose answers give the ids of what was created."""
        return {entry.path: entry for entry in self.guard.catalogue.entries.creations}

    @lazy
    def batches(self) -> "Batches":
        """The reader of batch files."""
        from otel_residency.calls.batches import Batches  # noqa: PLC0415 - see the class

        return Batches(self.bodies, self.guard.catalogue.entries.batch_files, self.region_of)

    @lazy
    def evidence_headers(self) -> "EvidenceHeaders":
        """The response headers that are read."""
        return {
            entry.header.encode(): (names.EVIDENCE[entry.shows], entry)
            for entry in self.guard.catalogue.entries.evidence_headers
        }

    @lazy
    def tracked_headers(self) -> "TrackedHeaders":
        """The request headers that are read, those that route a gateway among them."""
        from otel_residency.calls.request import TRACKED_HEADERS  # noqa: PLC0415 - see the class

        routes = self.guard.catalogue.entries.route_headers
        return {**TRACKED_HEADERS, **{entry.header.encode(): entry for entry in routes}}

    @lazy
    def stream_ender(self) -> BackgroundThread:
        """The thread that ends the spans of abandoned streams."""
        return process.runtime.part(stream_ender)

    def active_policy(self) -> ActivePolicy:
        """What the metrics show of policy and catalogue."""
        guard = self.guard
        catalogue = guard.catalogue
        # On `date.max` the newest table is in force, or the pinned one; a pinned id that the catalogue lacks
        # gives none.
        revision = catalogue.revision_on(date.max) or catalogue.revisions[-1]
        policy = guard.settings.policy
        attributes: Attributes = {
            names.POLICY: guard.settings.policy_hash,
            names.CATALOGUE: revision.id,
            names.MODE_ON_CALL: policy.on_call,
            names.MODE_ON_EXPORT: policy.on_export,
            names.MODE_STRICT: policy.strict,
        }
        checked = datetime.combine(catalogue.known_until(revision), time(), UTC)
        return ActivePolicy(attributes, int(checked.timestamp()))

    def warn(self, warnings: "Iterable[str]") -> None:
        """Log each of these warnings once."""
        for warning in warnings:
            if warning not in self._logged and len(self._logged) < _MOST_LOGGED:
                self._logged.add(warning)
                _log.warning("%s", warning)

    def warn_of_bypass(self) -> None:
        """Warn, once, that calls come past the patch of the client's `request`."""
        if "request" not in self._logged:
            self._logged.add("request")
            _log.warning(
                "openai is wrapped by something that was there before otel-residency and calls the original: "
                "each attempt is judged as a call of its own; switch otel-residency on first"
            )

    def log_failure(self, part: str, error: BaseException | None) -> None:
        """Log, once per part, that something of ours failed: its type and place, never a value.

        Raises:
            BaseException: the error that is being handled, if a signal handler of the application raised it.
        """
        reraise_interruption()
        # Once per part: a failure in a patch comes with every request, and a log of each would be worse than
        # the failure.
        if part in self._logged:
            return
        self._logged.add(part)
        if error is None or isinstance(error, ResidencyError):  # its message is made for the log
            _log_error("otel-residency failed in %s: %s", part, error or "it refused an item")
            return
        # The place alone: the message of any error may repeat a prompt, a header or a key
        # (tests/calls/test_telemetry.py, test_nothing_secret_is_reported).
        trace = error.__traceback__ or sys.exc_info()[2]
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown place"
        _log_error("otel-residency failed in %s: %s at %s", part, type(error).__name__, place)


def _log_error(message: str, *given: object) -> None:
    try:
        _log.error(message, *given)
    except Exception:
        reraise_interruption()  # the rest stays here: a log handler of the application's may fail as well


runtime: "Runtime[State, Any]" = process.runtime
"""The state of this process, which the instrumentor activates."""
