"""The ledger as calls use it: a queue. One daemon thread makes the records and writes them.

Each process has its own chain. A forked process begins a new one, with an empty queue.
"""

import errno
import queue
from collections import deque
from collections.abc import Callable
from importlib import import_module
from logging import getLogger
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING

from otel_residency.core.policy import LedgerPolicy
from otel_residency.errors import PolicyError
from otel_residency.runtime.runtime import runtime
from otel_residency.telemetry import names
from otel_residency.telemetry.emitter import counters

# Imported with the first call: a process without calls does not need what makes records.
if TYPE_CHECKING:
    from otel_residency.ledger.journal import Journal
    from otel_residency.ledger.process import Process
    from otel_residency.ledger.recorded_call import RecordedCall
    from otel_residency.records.chain import Sign

_log = getLogger("otel_residency")
GATHER = 0.02
"""Seconds that a record waits for others. A process that is killed, by itself too, loses no more."""
RETRY = 1.0
"""Seconds until writing is tried again."""
ANSWER = 1.0
"""Seconds that a call waits at most where no call may be without a record."""
WAITING = 8192
"""Records that may wait in the queue. More are dropped, and counted."""
PATIENCE = 5.0
"""Seconds that a process waits at its end for records to be written."""
_BATCH = 512


class _HangingError(OSError):
    """A thread that writes does not come back."""


class Ledger:
    """Records calls from any thread. A call learns of errors by `available` only."""

    def __init__(
        self,
        settings: LedgerPolicy,
        process: "Process",
        key: Callable[[], bytes | None],
    ) -> None:
        """Write to `settings.path`, from the first call on.

        Args:
            settings: the ledger's part of the policy.
            process: what the records of this process have in common.
            key: reads the private key for checkpoints.
        """
        self._settings = settings
        self._process = process
        self._key = key
        self._ended = False
        self._renew()
        runtime.at_fork(self.after_fork)
        runtime.at_exit(self.close, always=True)

    def _renew(self) -> None:
        """Begin with an empty queue, as a new process does."""
        # Reentrant: a destructor or a signal handler may end a call while its thread is in here, and would
        # wait for itself.
        self._starting = RLock()
        self._writing = RLock()
        # `put` of a `SimpleQueue` is reentrant (Python documents it for destructors), that of a `Queue` is
        # not.
        self._queue: queue.SimpleQueue[RecordedCall | None] = queue.SimpleQueue()
        # Apart from the queue: what `_wait` has taken out must not be lost when `close` writes in another
        # thread.
        self._received: deque[RecordedCall] = deque()
        self._flushes: deque[Event] = deque()
        self._hurry = Event()
        self._thread: Thread | None = None
        self._journal: Journal | None = None
        self._trouble: BaseException | None = None
        self._dropped = 0

    def after_fork(self) -> None:
        """Leave to the parent what is the parent's."""
        if self._journal is not None:
            # The descriptor only: an advisory lock of the parent belongs to the open file, which stays open
            # there.
            self._journal.close()
        self._renew()

    def record(self, call: "RecordedCall") -> None:
        """Record a call soon: its record is made and written in the thread of the ledger."""
        if self._thread is None:
            self._start()
        # Dropped and not waited for: a full disk must not hold up the calls of the application.
        if self._queue.qsize() >= WAITING:
            with self._starting:
                self._dropped += 1
            counters().records.add(((names.LEDGER_OUTCOME, names.DROPPED),))
            return
        self._queue.put(call)
        if self._thread is None:  # at the end of the interpreter no thread can be started
            self._write(closing=True)

    def available(self) -> bool:
        """Whether a call that is made now can be recorded: what ended before is written, and there is room.

        The caller waits for that, for `ANSWER` seconds at most; not at all while writing is known to fail.
        """
        if self._thread is None:
            import_module("otel_residency.ledger.journal")  # here, as it may take longer than a disk
            self._start()
        if self._thread is None:  # as in `record`
            self._write(check=True)
        # In the thread: neither a disk that hangs nor an event loop waits longer than this.
        elif self._trouble is None and not self.flush(ANSWER):
            self._hangs()
            self._wake()  # once the thread goes on, it finds that writing works again
        return self._trouble is None and self._queue.qsize() < WAITING

    def flush(self, seconds: float = PATIENCE) -> bool:
        """Write the queued records now, and check that more can be written; `False` if that took too long."""
        if self._thread is None:
            return True
        done = Event()
        self._flushes.append(done)
        self._wake()
        return done.wait(seconds)

    def close(self) -> None:
        """Write what waits, and end the chain; calls that end later are still recorded."""
        with self._starting:
            self._ended = True
            thread, self._thread = self._thread, None
        if thread is not None:
            self._wake()
            thread.join(PATIENCE)
        # A thread that still writes to a disk that hangs keeps the files; two writers would break the chain.
        if thread is None or not thread.is_alive():
            self._write(closing=True)
        else:
            self._hangs()

    def _start(self) -> None:
        with self._starting:
            if self._thread is not None or self._ended:
                return
            # Created again: gevent's monkey patching may have replaced queues and locks since `__init__`, and
            # the thread that is started now has to wait on those.
            self._queue, self._hurry = queue.SimpleQueue(), Event()
            thread = Thread(target=self._run, name="otel-residency-ledger", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                self._process.failed("starting the ledger", error)
                return
            self._thread = thread

    def _open(self) -> "Journal":
        if self._journal is None:
            from otel_residency.ledger.journal import Journal  # noqa: PLC0415 - as above

            settings = self._settings
            self._journal = Journal(settings.path, settings.rotate_bytes, self._process, self._signer())
        return self._journal

    def _signer(self) -> "Sign | None":
        """A function that signs checkpoints, or `None`. A ledger without signatures is better than none."""
        try:
            pem = self._key()
            if pem is None:
                return None
            from otel_residency.records.signing import signer  # noqa: PLC0415 - only with a key

            return signer(pem)
        except PolicyError as error:
            if self._settings.required:
                raise
            _log.error("the ledger %s is not signed: %s", self._settings.path, error)
            return None

    def _wake(self) -> None:
        self._hurry.set()
        self._queue.put(None)

    def _run(self) -> None:
        while True:
            self._wait()
            if self._ended:  # `close` writes the rest
                return
            # Taken before writing: who asks while this writes waits for the next round.
            flushes = [self._flushes.popleft() for _ in range(len(self._flushes))]
            self._hurry.clear()
            self._write(check=bool(flushes))
            for done in flushes:
                done.set()

    def _wait(self) -> None:
        """Wait for a record and a while for more, or until a checkpoint or another attempt is due."""
        # What woke this thread may have been taken out of the queue while it wrote.
        if self._flushes or self._ended:
            return
        due = self._journal.due_in if self._journal is not None else None
        try:
            first = self._queue.get(timeout=RETRY if self._trouble is not None else due)
        except queue.Empty:
            return
        if first is not None:
            self._received.append(first)
            if not self._flushes and not self._ended:
                # A while, so that calls which end together are one write and one lock of the file.
                self._hurry.wait(GATHER if self._trouble is None else RETRY)

    def _write(self, *, closing: bool = False, check: bool = False) -> None:
        # Another thread may hang in here.
        if not self._writing.acquire(timeout=0 if isinstance(self._trouble, _HangingError) else PATIENCE):
            self._hangs()
            return
        try:
            ended = self._journal is None or self._journal.closed
            idle = ended and not self._received and self._queue.empty()
            if idle and not check and (closing or self._trouble is None):
                return
            self._guarded(lambda: self._write_all(closing=closing, check=check))
            if closing and self._trouble is not None:
                self._give_up()
        finally:
            self._writing.release()

    def _write_all(self, *, closing: bool, check: bool) -> None:
        journal = self._open()
        journal.write()
        if self._received or not self._queue.empty():
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
        if check or self._trouble is not None:
            journal.check_files()
        if closing:
            journal.close()

    def _taken(self) -> "list[RecordedCall]":
        calls = list(self._received)
        self._received.clear()
        while len(calls) < _BATCH:
            try:
                call = self._queue.get_nowait()
            except queue.Empty:
                break
            if call is not None:
                calls.append(call)
        return calls

    def _give_up(self) -> None:
        """Count the records that were never written."""
        lost = self._journal.waiting if self._journal is not None else 0
        while calls := self._taken():
            lost += len(calls)
        counters().records.add(((names.LEDGER_OUTCOME, names.FAILED),), lost)

    def _guarded(self, work: Callable[[], object]) -> None:
        """Do `work`. If it fails, log it once, and once more when it works again."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - no error here reaches the application
            self._fail(error)
        else:
            before, self._trouble = self._trouble, None
            if before is not None:
                lost = self._dropped
                _log.warning(
                    "the ledger %s is written again; %d records were lost", self._settings.path, lost
                )

    def _hangs(self) -> None:
        self._fail(_HangingError(errno.ETIMEDOUT, "the disk does not answer"))

    def _fail(self, error: Exception) -> None:
        before, self._trouble = self._trouble, error
        if before is None:
            self._log_error(error)

    def _log_error(self, error: Exception) -> None:
        if isinstance(error, OSError):
            _log.error("the ledger %s can't be written: %s", self._settings.path, error.strerror)
        elif isinstance(error, PolicyError):  # its message has no content
            _log.error("%s", error)
        else:
            self._process.failed("the ledger", error)
