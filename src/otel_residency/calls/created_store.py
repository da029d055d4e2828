"""The file that outlives a process: hashed ids of things that the vendor keeps, and the region of each.

Many processes may share it. It is written by a thread of its own.
"""

import atexit
import os
import stat
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from otel_residency.errors import PolicyError
from otel_residency.runtime.background import Reaper

if TYPE_CHECKING:
    from sqlite3 import Connection

Failed = Callable[[str, BaseException | None], None]
ROWS = 500_000
"""Rows that are kept, about 30 MB; the oldest is dropped first."""
_WAITING = 65_536
"""Rows that may wait to be written; more are not."""
_MAKE = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "CREATE TABLE IF NOT EXISTS otel_residency_state (id BLOB UNIQUE NOT NULL, region TEXT NOT NULL)",
)
_NO_TABLE = "SQLITE_ERROR"
"""What SQLite says of a statement that is right where there is no table: nothing has been written yet."""
_READ = "SELECT region FROM otel_residency_state WHERE id = ?"
_WRITE = "INSERT OR REPLACE INTO otel_residency_state (id, region) VALUES (?, ?)"
_DROP = """
DELETE FROM otel_residency_state WHERE rowid <= (SELECT max(rowid) FROM otel_residency_state) - ?
"""


class _Door:
    """The way to the file that was asked for last: one connection, for one thread at a time.

    A connection must not be carried over a fork, nor may SQLite be at work then: the child would have its
    locks and nobody who gives them back.
    """

    def __init__(self, patience: float, *first: str) -> None:
        """Wait `patience` seconds for another process that holds the file, and run `first` once opened."""
        self._patience = patience
        self._first = first
        self._lock = RLock()  # a signal's handler may call the vendor while its thread is at it
        self._connection: Connection | None = None
        self._leads_to: tuple[int, int] | None = None
        if hasattr(os, "register_at_fork"):
            release = self._lock.release
            os.register_at_fork(before=self._hold_shut, after_in_parent=release, after_in_child=release)

    @contextmanager
    def opened(self, path: Path) -> "Iterator[Connection]":
        """A connection to the file at `path`, which is there; anew after a failure."""
        with self._lock:
            status = path.stat()
            if os.name == "posix" and (not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077):
                raise PolicyError(
                    f"state {path}: is open to others than its owner; chmod 600 it, or name another file"
                )
            place = (status.st_dev, status.st_ino)
            if self._connection is None or self._leads_to != place:
                self._shut()
                self._connection, self._leads_to = self._open(path), place
            try:
                yield self._connection
            except BaseException:
                self._shut()
                raise

    def wait(self) -> None:
        """Return when nobody is at it."""
        with self._lock:
            pass

    def _open(self, path: Path) -> "Connection":
        import sqlite3  # noqa: PLC0415 - not every Python has it, and few processes need it

        uri = f"{path.as_uri()}?mode=rw"
        connection = sqlite3.connect(
            uri, self._patience, isolation_level=None, check_same_thread=False, uri=True
        )
        try:
            for statement in self._first:
                connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        return connection

    def _shut(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _hold_shut(self) -> None:
        self._lock.acquire()
        self._shut()


_writer = Reaper("otel-residency-state")
_reading, _writing = _Door(0.5), _Door(2.0, *_MAKE)


class CreatedStore:
    """Regions by hashed id, in a file. What fails is told once, and counts as not known."""

    def __init__(self, path: str, failed: Failed) -> None:
        """Use the file at `path`, made when something is first written; `failed` is told of failures."""
        self._path = Path(path).absolute()
        self._failed = failed
        self._waiting: deque[tuple[bytes, str]] = deque(maxlen=_WAITING)
        self._announced_in = 0
        """The process that has told its writer of what waits."""
        atexit.register(self.flush)

    def put(self, key: bytes, region: str) -> None:
        """Have a row written soon."""
        self._waiting.append((key, region))
        process = os.getpid()
        if self._announced_in != process:
            self._announced_in = process
            _writer.prepare()
            _writer.submit(self.flush)

    def region_of(self, key: bytes) -> str | None:
        """The region that stands there for `key`."""
        try:
            with _reading.opened(self._path) as connection:
                row = connection.execute(_READ, (key,)).fetchone()
        except FileNotFoundError:
            return None
        except Exception as error:
            if getattr(error, "sqlite_errorname", None) != _NO_TABLE:
                self._failed("reading the store of state", self._told(error))
            return None
        return str(row[0]) if row else None

    def flush(self) -> None:
        """Write what waits, or see to it that another thread has."""
        self._announced_in = 0
        try:
            if self._waiting:
                self._write()
            else:
                _writing.wait()
        except Exception as error:
            self._failed("writing the store of state", self._told(error))

    def _write(self) -> None:
        # For its owner alone. SQLite gives the files beside it the same mode.
        with suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        with _writing.opened(self._path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_WRITE, self._taken())
            connection.execute(_DROP, (ROWS,))
            connection.execute("COMMIT")

    def _taken(self) -> Iterator[tuple[bytes, str]]:
        while self._waiting:
            yield self._waiting.popleft()

    def _told(self, error: Exception) -> Exception:
        """The failure as one to be logged: the messages of SQLite and the system hold no id."""
        return error if isinstance(error, PolicyError) else PolicyError(f"state {self._path}: {error}")
