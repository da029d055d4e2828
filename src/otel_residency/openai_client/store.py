"""The file that outlives a process: hashed ids of things that the vendor keeps, and the region of each.

Many processes may share it. It is written by a thread of its own, and opened anew each time: a connection
that is carried over a fork would break it.
"""

import atexit
import os
import stat
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from otel_residency.errors import PolicyError
from otel_residency.openai_client.reaper import Reaper

if TYPE_CHECKING:
    from sqlite3 import Connection

Failed = Callable[[str, BaseException | None], None]
ROWS = 500_000
"""Rows that are kept, about 30 MB; the oldest is dropped first."""
_WAITING = 65_536
"""Rows that may wait to be written; more are not."""
_PATIENCE_READING, _PATIENCE_WRITING = 0.1, 2.0
"""Seconds for which another process may hold the file."""
_TABLE = "CREATE TABLE IF NOT EXISTS otel_residency_state (id BLOB UNIQUE NOT NULL, region TEXT NOT NULL)"
_READ = "SELECT region FROM otel_residency_state WHERE id = ?"
_WRITE = "INSERT OR REPLACE INTO otel_residency_state (id, region) VALUES (?, ?)"
_DROP = """
DELETE FROM otel_residency_state WHERE rowid <= (SELECT max(rowid) FROM otel_residency_state) - ?
"""

_writer = Reaper("otel-residency-state")
_reading, _writing = Lock(), Lock()
if hasattr(os, "register_at_fork"):
    # No fork while SQLite is at work: the child would inherit its locks and nobody who gives them back.
    for _lock in (_reading, _writing):
        os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


class Store:
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
            if not self._path.exists():
                return None
            with _reading, self._opened(_PATIENCE_READING) as connection:
                row = connection.execute(_READ, (key,)).fetchone()
        except Exception as error:
            self._failed("reading the store of state", self._told(error))
            return None
        return str(row[0]) if row else None

    def flush(self) -> None:
        """Write what waits, in this thread."""
        self._announced_in = 0
        try:
            with _writing:
                rows = list(self._taken())
                if rows:
                    self._write(rows)
        except Exception as error:
            self._failed("writing the store of state", self._told(error))

    def _taken(self) -> Iterator[tuple[bytes, str]]:
        while self._waiting:
            yield self._waiting.popleft()

    def _write(self, rows: list[tuple[bytes, str]]) -> None:
        # For its owner alone. SQLite gives the files beside it the same mode.
        with suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        with self._opened(_PATIENCE_WRITING) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_WRITE, rows)
            connection.execute(_DROP, (ROWS,))
            connection.execute("COMMIT")

    @contextmanager
    def _opened(self, patience: float) -> "Iterator[Connection]":
        import sqlite3  # noqa: PLC0415 - not every Python has it, and few processes need it

        mode = self._path.stat().st_mode
        if os.name == "posix" and (not stat.S_ISREG(mode) or mode & 0o077):
            raise PolicyError(
                f"state {self._path}: is open to others than its owner; chmod 600 it, or name another file"
            )
        place = f"{self._path.as_uri()}?mode=rw"
        with closing(sqlite3.connect(place, patience, isolation_level=None, uri=True)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(_TABLE)
            yield connection

    def _told(self, error: Exception) -> Exception:
        """The failure as one to be logged: the messages of SQLite and the system hold no id."""
        return error if isinstance(error, PolicyError) else PolicyError(f"state {self._path}: {error}")
