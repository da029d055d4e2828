"""What the patches work with: the guard, the telemetry, and one place where our own failures end."""

import os
import sys
from contextlib import suppress
from datetime import UTC, date, datetime, time
from functools import cached_property
from logging import getLogger
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from otel_residency.errors import ResidencyError
from otel_residency.telemetry import names
from otel_residency.telemetry.emitter import ActivePolicy, Attributes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_residency.calls.answer import Evidence
    from otel_residency.calls.batches import Batches
    from otel_residency.calls.body import BodyReader
    from otel_residency.calls.created_objects import CreatedObjects
    from otel_residency.calls.request import TrackedHeaders
    from otel_residency.core.entries import Creation
    from otel_residency.ledger.ledger import Ledger
    from otel_residency.runtime.guard import Guard
    from otel_residency.settings.load import Settings
    from otel_residency.telemetry.emitter import Telemetry

_log = getLogger("otel_residency")
_OTHERS = 4096


class BaseUrl:
    """A client's base URL as telemetry may show it, and its path."""

    __slots__ = ("host", "path", "shown", "url")

    def __init__(self, url: Any) -> None:
        """Read `url`, of either HTTP library, leaving credentials and query out."""
        self.url = url
        self.host: str = url.raw_host.decode("ascii", "replace")
        self.path: str = url.raw_path.partition(b"?")[0].decode("ascii", "replace")
        self.shown = f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}{self.path}"


class State:
    """One activation of the patches.

    The guard is imported and built at its first use: a process that never imports openai needs neither its
    rules nor the catalogue.
    """

    def __init__(self, settings: "Settings") -> None:
        """Prepare for `settings`; `telemetry` follows, since it asks this state for its policy."""
        self.settings = settings
        self.blocks = settings.policy.on_call == "block"
        self.telemetry: Telemetry | None = None
        self.ledger: Ledger | None = None
        self._demands_record = self.blocks and settings.policy.ledger.required
        self._guard: Guard | None = None
        self._memory: CreatedObjects | None = None
        self._lock = Lock()
        _states.add(self)
        self._failed: set[str] = set()
        self._base_url: BaseUrl | None = None
        self.others: set[Any] = set()
        """Hosts that are no vendor's, as the HTTP clients name them; or such a host with what else a request
        names as its own. A request to one is not looked at."""

    @property
    def guard(self) -> "Guard":
        """The guard, built once."""
        if self._guard is None:
            from otel_residency.runtime.guard import Guard  # noqa: PLC0415

            with self._lock:
                guard = self._guard or Guard(self.settings)
                first, self._guard = self._guard is None, guard
            if first:  # outside of the lock: what is logged may go anywhere
                guard.tell()
        return self._guard

    def concerns(self, hosts: "Iterable[str]", name: Any) -> bool:
        """Whether requests that name `hosts` may be calls to a vendor; if not, the others get `name`."""
        if any(self.guard.concerns_host(host) for host in hosts):
            return True
        if len(self.others) >= _OTHERS:
            self.others.clear()
        self.others.add(name)
        return False

    def unrecorded(self) -> bool:
        """Whether the policy demands a record of each call, and none can be written now."""
        return self._demands_record and (self.ledger is None or not self.ledger.available())

    @cached_property
    def bodies(self) -> "BodyReader":
        """The reader of request bodies."""
        from otel_residency.calls.body import BodyReader  # noqa: PLC0415

        return BodyReader(self.guard.catalogue.entries)

    @property
    def memory(self) -> "CreatedObjects":
        """Where stored things were created, one for all threads."""
        if self._memory is None:
            with self._lock:
                self._memory = self._memory or self._new_memory()
        return self._memory

    def region_of(self, name: str) -> str | None:
        """Where the stored thing with the id `name` was created, if that is known."""
        return self.memory.region_of(name)

    def _new_memory(self) -> "CreatedObjects":
        from otel_residency.calls.created_objects import CreatedObjects  # noqa: PLC0415

        path = self.settings.policy.state
        if not path:
            return CreatedObjects()
        from otel_residency.calls.created_store import CreatedStore  # noqa: PLC0415

        return CreatedObjects(CreatedStore(path, self.failed))

    @cached_property
    def creations(self) -> "dict[str, Creation]":
        """Endpoints whose answers say what was created."""
        return {entry.path: entry for entry in self.guard.catalogue.entries.creations}

    @cached_property
    def batches(self) -> "Batches":
        """The finder of files of calls."""
        from otel_residency.calls.batches import Batches  # noqa: PLC0415

        return Batches(self.bodies, self.guard.catalogue.entries.batch_files, self.region_of)

    @cached_property
    def telling(self) -> tuple[bytes, ...]:
        """What a message over a socket may tell more by: types of events, or escapes that can hide one."""
        return (*(event.encode() for event in self.guard.catalogue.entries.socket_events), b"\\")

    @cached_property
    def evidence(self) -> "Evidence":
        """The response headers that are read."""
        return {
            entry.header.encode(): (names.EVIDENCE[entry.shows], entry)
            for entry in self.guard.catalogue.entries.evidence_headers
        }

    @cached_property
    def tracked_headers(self) -> "TrackedHeaders":
        """The request headers that are read, those that tell a gateway of its way on among them."""
        from otel_residency.calls.request import TRACKED_HEADERS  # noqa: PLC0415

        return {
            **TRACKED_HEADERS,
            **{entry.header.encode(): entry for entry in self.guard.catalogue.entries.route_headers},
        }

    def base_url(self, client: Any) -> BaseUrl:
        """The base URL that `client` is configured with right now."""
        url = client.base_url
        known = self._base_url
        if known is None or known.url is not url:
            known = self._base_url = BaseUrl(url)
        return known

    def in_force(self) -> ActivePolicy:
        """What the metrics tell of policy and catalogue."""
        guard = self.guard
        catalogue = guard.catalogue
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
            if warning not in self._failed:
                self._failed.add(warning)
                _log.warning("%s", warning)

    def passed_by(self) -> None:
        """Warn, once, that calls come past the patch of the client's `request`."""
        if "request" not in self._failed:
            self._failed.add("request")
            _log.warning(
                "openai is wrapped by something that was there before otel-residency and calls the original: "
                "each attempt is judged as a call of its own; switch otel-residency on first"
            )

    def failed(self, part: str, error: BaseException | None) -> None:
        """Log, once per part, that something of ours failed: type and place, never a value."""
        if part in self._failed:
            return
        self._failed.add(part)
        if error is None or isinstance(error, ResidencyError):  # its message is made for the log
            with suppress(Exception):
                _log.error("otel-residency failed in %s: %s", part, error or "it refused an item")
            return
        trace = error.__traceback__ or sys.exc_info()[2]
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown place"
        with suppress(Exception):  # a handler of the application's may fail as well
            _log.error("otel-residency failed in %s: %s at %s", part, type(error).__name__, place)


_states: WeakSet[State] = WeakSet()


def _after_fork() -> None:
    for state in list(_states):
        state._lock = Lock()  # a thread of the parent may have been building


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
