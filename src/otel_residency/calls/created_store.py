"""The SQLite file with the regions of stored things by hashed id, which many processes may share.

A thread of its own writes it.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from otel_residency.errors import PolicyError
from otel_residency.runtime.background import BackgroundThread
from otel_residency.runtime.private_file import check_private
from otel_residency.runtime.runtime import runtime
from otel_residency.runtime.shown_path import shown_path

if TYPE_CHECKING:
    from sqlite3 import Connection

Failed = Callable[[str, BaseException | None], None]
ROWS = 500_000
"""Rows that are kept, about 30 MB; the oldest is dropped first."""
_WAITING = 65_536
"""Rows that may wait to be written; more are not."""
_MAKE = (
    # Readers go on while another process writes (tests/calls/test_created_store.py,
    # test_another_that_writes_does_not_keep_one_from_reading).
    "PRAGMA journal_mode = WAL",
    # Safe against a crash of the process with WAL; only a power cut may lose the last rows, which then are
    # unknown.
    "PRAGMA synchronous = NORMAL",
    "CREATE TABLE IF NOT EXISTS otel_residency_state (id BLOB UNIQUE NOT NULL, region TEXT NOT NULL)",
)
_BESIDE = ("-wal", "-shm", "-journal")
_NO_TABLE = "SQLITE_ERROR"
"""What SQLite says of a statement that is right where there is no table: nothing has been written yet."""
_READ = "SELECT region FROM otel_residency_state WHERE id = ?"
# REPLACE deletes the old row and adds a new one with the highest `rowid`, so rows are dropped in the order of
# their last writing.
_WRITE = "INSERT OR REPLACE INTO otel_residency_state (id, region) VALUES (?, ?)"
_DROP = """
DELETE FROM otel_residency_state WHERE rowid <= (SELECT max(rowid) FROM otel_residency_state) - ?
"""


class _Connector:
    """The connection to the file that was used last, for one thread at a time.

    A connection must not be carried over a fork (SQLite, "How to corrupt", 2.6), nor may SQLite be at work
    then: the child would inherit locks that no thread of it releases. So a fork waits for the lock and closes
    it.
    """

    def __init__(self, patience: float, *first: str) -> None:
        """Wait `patience` seconds for a locked file, and run the statements `first` on opening."""
        self._patience = patience
        self._first = first
        self._lock = RLock()  # a signal handler may make a call while its thread is in here
        self._connection: Connection | None = None
        self._file: tuple[int, int] | None = None
        runtime.at_fork(self._release, before=self._lock_and_close, in_parent=self._release)

    @contextmanager
    def connected(self, path: Path) -> "Iterator[Connection]":
        """A connection to the file at `path`, which is there; anew after a failure."""
        with self._lock:
            # Whoever can write to it could say that things are in the region
            # (test_a_file_that_other_users_can_open_is_not_used). Not opened for that: closing it would end
            # the locks of SQLite (SQLite, "How to corrupt", 2.2).
            status = path.lstat()
            check_private(status, str(path), what="state")
            for beside in _BESIDE:  # SQLite reads what they hold into the file
                with suppress(FileNotFoundError):
                    name = f"{path}{beside}"
                    check_private(os.lstat(name), name, what="state")
            # A file that was deleted or replaced has another inode; the open connection would go on with the
            # old one.
            place = (status.st_dev, status.st_ino)
            if self._connection is None or self._file != place:
                self._close()
                self._connection, self._file = self._open(path), place
            try:
                yield self._connection
            except BaseException:
                self._close()
                raise

    def wait(self) -> None:
        """Return when no other thread is using the connection."""
        with self._lock:
            pass

    def _open(self, path: Path) -> "Connection":
        import sqlite3  # noqa: PLC0415 - not every Python has it, and few processes need it

        # `rw` and not `rwc`: SQLite would create the file with the mode of the umask.
        uri = f"{path.as_uri()}?mode=rw"
        # `isolation_level=None`, else the module of Python 3.11 begins transactions itself. The lock stands
        # in for the check of the thread, and a fork may close in another thread than the one that opened.
        connection = sqlite3.connect(
            uri, timeout=self._patience, isolation_level=None, check_same_thread=False, uri=True
        )
        try:
            for statement in self._first:
                connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        return connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _lock_and_close(self) -> None:
        self._lock.acquire()
        self._close()

    def _release(self) -> None:
        self._lock.release()


class _Connections:
    """The thread that writes and the two connections, which all stores of a process share."""

    def __init__(self) -> None:
        self.thread = BackgroundThread("otel-residency-state")
        self.reading = _Connector(0.5)
        self.writing = _Connector(2.0, *_MAKE)


class CreatedStore:
    """Regions by hashed id, in a file. A failure is logged once, and counts as an unknown region."""

    def __init__(self, path: str, failed: Failed) -> None:
        """Use the file at `path`, created at the first write; `failed` logs failures."""
        self._path = Path(path).absolute()
        self._failed = failed
        self._waiting: deque[tuple[bytes, str]] = deque(maxlen=_WAITING)
        self._scheduled_in = 0
        """Id of the process that has scheduled a flush, so that a forked one schedules its own."""
        self._connections = runtime.part(_Connections)
        runtime.at_exit(self.flush, always=True)

    def put(self, key: bytes, region: str) -> None:
        """Have a row written soon."""
        self._waiting.append((key, region))
        process = os.getpid()
        # By process id: a fork copies the mark, but not the thread that was to write.
        if self._scheduled_in != process:
            self._scheduled_in = process
            self._connections.thread.prepare()
            self._connections.thread.submit(self.flush)

    def region_of(self, key: bytes) -> str | None:
        """The region that stands there for `key`."""
        try:
            with self._connections.reading.connected(self._path) as connection:
                row = connection.execute(_READ, (key,)).fetchone()
        except FileNotFoundError:
            return None
        except Exception as error:
            # A file of another process that has not made the table yet is no failure.
            if getattr(error, "sqlite_errorname", None) != _NO_TABLE:
                self._failed("reading the store of state", _loggable(self._path, error))
            return None
        return str(row[0]) if row else None

    def flush(self) -> None:
        """Write the rows that wait, or wait until another thread has written them."""
        self._scheduled_in = 0
        try:
            if self._waiting:
                self._write()
            else:
                self._connections.writing.wait()
        except Exception as error:
            self._failed("writing the store of state", _loggable(self._path, error))

    def _write(self) -> None:
        # For its owner alone. SQLite gives the files beside it the same mode.
        with suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        with self._connections.writing.connected(self._path) as connection:
            # The lock for writing at once: a deferred transaction of SQLite that meets another writer later
            # may fail without waiting.
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_WRITE, self._take())
            connection.execute(_DROP, (ROWS,))
            connection.execute("COMMIT")

    def _take(self) -> Iterator[tuple[bytes, str]]:
        while self._waiting:
            yield self._waiting.popleft()


def _loggable(path: Path, error: Exception) -> Exception:
    """The failure as an error whose message is logged: messages of SQLite and the system hold no id."""
    if isinstance(error, PolicyError):
        return error
    # The message of an `OSError` has the path as it is.
    return PolicyError(f"state {shown_path(path)}: {getattr(error, 'strerror', None) or error}")
