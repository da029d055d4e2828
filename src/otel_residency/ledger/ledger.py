"""The ledger as a call sees it: a queue. One daemon thread makes and writes the records.

Each process has a chain of its own: a forked one begins anew, and what waits in its parent is its parent's.
"""

import atexit
import os
import queue
import sys
from collections import deque
from collections.abc import Callable
from logging import getLogger
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING
from weakref import WeakSet

from otel_residency.core.policy import Ledger as Told
from otel_residency.errors import PolicyError
from otel_residency.telemetry import counters, names

# A process that makes no call needs nothing of what records are made with.
if TYPE_CHECKING:
    from otel_residency.ledger.journal import Journal
    from otel_residency.ledger.process import Process
    from otel_residency.ledger.recorded_call import RecordedCall
    from otel_residency.records.chain import Sign

_log = getLogger("otel_residency")
FLUSH = 1.0
"""Seconds that a record may wait before it is written; as many are lost if the process is killed."""
WAITING = 8192
"""Records that may wait; more are dropped, and counted."""
PATIENCE = 5.0
"""Seconds that a process waits at its end for what is not yet written."""
_BATCH = 512


def nothing() -> None:
    """Do nothing."""


class Ledger:
    """Takes calls from any thread; raises nothing but what `available` says."""

    def __init__(
        self,
        told: Told,
        process: "Process",
        key: Callable[[], bytes | None],
    ) -> None:
        """Write to `told.path`, from the first call on.

        Args:
            told: what the policy says.
            process: what all records of this process say.
            key: reads the private key that checkpoints are signed with.
        """
        self._told = told
        self._process = process
        self._key = key
        self._ended = False
        self._renew()
        _ledgers.add(self)

    def _renew(self) -> None:
        """Begin anew, as a process does."""
        self._starting = RLock()
        self._writing = RLock()
        self._queue: queue.SimpleQueue[RecordedCall | None] = queue.SimpleQueue()
        self._held: deque[RecordedCall] = deque()
        self._asked: deque[Event] = deque()
        self._hurry = Event()
        self._thread: Thread | None = None
        self._at_end: Callable[[], None] = nothing
        self._journal: Journal | None = None
        self._trouble: BaseException | None = None
        self._dropped = 0

    def after_fork(self) -> None:
        """Leave to the parent what is the parent's."""
        if self._journal is not None:
            self._journal.leave()
        self._renew()

    def record(self, call: "RecordedCall") -> None:
        """Have a call recorded soon."""
        if self._thread is None:
            self._start()
        if self._queue.qsize() >= WAITING:
            with self._starting:
                self._dropped += 1
            counters.records.add(((names.LEDGER_OUTCOME, names.DROPPED),))
            return
        self._queue.put(call)
        if self._thread is None:  # nor can it have one any more
            self._write(closing=True)

    def available(self) -> bool:
        """Whether a call that is made now will be recorded, as far as one can know."""
        if self._thread is None:
            self._start()
            with self._writing:
                self._guarded(self._open)
        return self._trouble is None and self._queue.qsize() < WAITING

    def flush(self, seconds: float = PATIENCE) -> bool:
        """Write what waits, now; `False` if that took too long."""
        if self._thread is None:
            return True
        done = Event()
        self._asked.append(done)
        self._wake()
        return done.wait(seconds)

    def close(self) -> None:
        """Write what waits, and end the chain; calls that end later are still recorded."""
        with self._starting:
            self._ended = True
            thread, self._thread = self._thread, None
            self._at_end()
        if thread is not None:
            self._wake()
            thread.join(PATIENCE)
        if thread is None or not thread.is_alive():
            self._write(closing=True)

    def _start(self) -> None:
        with self._starting:
            if self._thread is not None or self._ended:
                return
            # Anew: gevent may have put its own in place since the process began.
            self._queue, self._hurry = queue.SimpleQueue(), Event()
            thread = Thread(target=self._run, name="otel-residency-ledger", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                self._process.failed("starting the ledger", error)
                return
            self._thread = thread
            if "multiprocessing.util" in sys.modules:  # its processes end without the exit of others
                finalizer = sys.modules["multiprocessing.util"].Finalize(None, self.close, exitpriority=0)
                self._at_end = finalizer.cancel

    def _open(self) -> "Journal":
        if self._journal is None:
            from otel_residency.ledger.journal import Journal  # noqa: PLC0415 - as above

            told = self._told
            self._journal = Journal(told.path, told.rotate_bytes, self._process, self._signer())
        return self._journal

    def _signer(self) -> "Sign | None":
        """What signs checkpoints; a record without a signature is better than none, if none is demanded."""
        try:
            pem = self._key()
            if pem is None:
                return None
            from otel_residency.records.signing import signer  # noqa: PLC0415 - only with a key

            return signer(pem)
        except PolicyError as error:
            if self._told.required:
                raise
            _log.error("the ledger %s is not signed: %s", self._told.path, error)
            return None

    def _wake(self) -> None:
        self._hurry.set()
        self._queue.put(None)

    def _run(self) -> None:
        while True:
            self._wait()
            if self._ended:  # whoever ended it writes the rest
                return
            asked = [self._asked.popleft() for _ in range(len(self._asked))]
            self._hurry.clear()
            self._write(closing=False)
            for each in asked:
                each.set()

    def _wait(self) -> None:
        """Wait for something to do: a record, then others for a while; or what is left from before."""
        due = self._journal.due_in if self._journal is not None else None
        try:
            first = self._queue.get(timeout=FLUSH if self._trouble is not None else due)
        except queue.Empty:
            return
        if first is not None:
            self._held.append(first)
            if not self._asked and not self._ended:
                self._hurry.wait(FLUSH)

    def _write(self, *, closing: bool) -> None:
        with self._writing:
            idle = self._journal is None and not self._held and self._queue.empty()
            if idle and (closing or self._trouble is None):
                return
            self._guarded(lambda: self._write_all(closing=closing))
            if closing and self._trouble is not None:
                self._give_up()

    def _write_all(self, *, closing: bool) -> None:
        journal = self._open()
        journal.write()
        if self._held or not self._queue.empty():
            journal.prepare()
        while calls := self._taken():
            journal.take(calls)
            if closing and self._queue.empty():
                break  # the records are written with the checkpoint that ends the chain
            if journal.due_in == 0:
                journal.check(closed=False, dropped=self._dropped)
            journal.write()
        if closing or journal.due_in == 0:
            journal.check(closed=closing, dropped=self._dropped)
            journal.write()
        if closing:
            journal.leave()

    def _taken(self) -> "list[RecordedCall]":
        calls = list(self._held)
        self._held.clear()
        while len(calls) < _BATCH:
            try:
                call = self._queue.get_nowait()
            except queue.Empty:
                break
            if call is not None:
                calls.append(call)
        return calls

    def _give_up(self) -> None:
        """Count what was never written."""
        lost = self._journal.waiting if self._journal is not None else 0
        while calls := self._taken():
            lost += len(calls)
        counters.records.add(((names.LEDGER_OUTCOME, names.FAILED),), lost)

    def _guarded(self, work: Callable[[], object]) -> None:
        """Do `work`; where it fails, say so once, until it works again."""
        before = self._trouble
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the application goes on
            self._trouble = error
            if before is None:
                self._tell(error)
        else:
            self._trouble = None
            if before is not None:
                lost = self._dropped
                _log.warning("the ledger %s is written again, %d records were lost", self._told.path, lost)

    def _tell(self, error: Exception) -> None:
        if isinstance(error, OSError):
            _log.error("the ledger %s can't be written: %s", self._told.path, error.strerror)
        elif isinstance(error, PolicyError):  # its message is made for the log
            _log.error("%s", error)
        else:
            self._process.failed("the ledger", error)


_ledgers: WeakSet[Ledger] = WeakSet()


def _after_fork() -> None:
    for ledger in list(_ledgers):
        ledger.after_fork()


def _at_exit() -> None:
    for ledger in list(_ledgers):
        ledger.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
