"""A file of lines that many processes append to: each time all of their lines, or none."""

import errno
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from otel_residency.records.files import rotated_name
from otel_residency.runtime.private_file import READ, check_private, open_private

LOCK_SECONDS = 0.5
"""Seconds that a lock of another process is waited for."""
ROOM = 1 << 15
"""Bytes that must be free for a call to be made where no call may be without a record. The first record of a
process has the texts of policy and catalogue, some twenty thousand bytes."""
_PAUSE = 0.002

if sys.platform == "win32":  # pragma: no cover - use a directory there, so that each process has its own file

    def _lock(descriptor: int) -> bool:  # noqa: ARG001
        """Do nothing: there is no `flock` on Windows."""
        return True

    def _unlock(descriptor: int) -> None:
        """Do nothing, as above."""

    def _size_limit() -> float:
        return float("inf")
else:
    import fcntl
    from resource import RLIM_INFINITY, RLIMIT_FSIZE, getrlimit

    # Both kinds, since Linux does not let them see each other. Of the other kind the lock of the open file
    # where there is one: a plain `fcntl` lock is the process's, and ends when it closes any descriptor of the
    # file.
    _OFD = getattr(fcntl, "F_OFD_SETLK", None) if sys.platform == "linux" else None

    def _lock(descriptor: int) -> bool:
        """Lock the file, unless another process has."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        try:
            _lock_open_file(descriptor, fcntl.F_WRLCK)
        except OSError as error:
            # Any other error is of a file system that has no such locks.
            if error.errno in (errno.EAGAIN, errno.EACCES):
                fcntl.flock(descriptor, fcntl.LOCK_UN)
                return False
        return True

    def _unlock(descriptor: int) -> None:
        with suppress(OSError):  # as above
            _lock_open_file(descriptor, fcntl.F_UNLCK)
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _lock_open_file(descriptor: int, kind: int) -> None:
        if _OFD is not None:
            # struct flock with offsets of 64 bits: the whole file, and no process.
            fcntl.fcntl(descriptor, _OFD, struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 0, 0))

    def _size_limit() -> float:
        limit = getrlimit(RLIMIT_FSIZE)[0]
        return float("inf") if limit == RLIM_INFINITY else limit


class SharedFile:
    """Appends; while one process does, the others wait."""

    def __init__(self, path: str, rotate_bytes: int = 0) -> None:
        """Write to `path`, and rotate the file once it has `rotate_bytes`, if that is not 0."""
        self._path = path
        self._rotate_bytes = rotate_bytes
        self._descriptor: int | None = None

    def open(self) -> None:
        """Open the file at the path, unless it is open. Another process may rotate it at any time.

        Raises:
            OSError: it can't be opened.
            PolicyError: it is not private, see `open_private`.
        """
        if self._descriptor is None:
            self._descriptor = open_private(self._path, what="ledger", allowed=READ)

    def check(self) -> None:
        """Check that lines can be appended. Nothing is written: what reads along would see it.

        Raises:
            OSError: they can't be.
            PolicyError: as above.
        """
        with self._locked() as (descriptor, status):
            # A file that is open stays writable where the path no longer is.
            if not os.access(self._path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            if hasattr(os, "fstatvfs"):
                disk = os.fstatvfs(descriptor)
                if disk.f_bavail * disk.f_frsize < ROOM:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if status.st_size + ROOM > _size_limit():
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

    def append(self, lines: bytes) -> None:
        """Append whole lines, each with its end: all or none of them.

        Raises:
            OSError: they can't be written.
            PolicyError: as above.
        """
        with self._locked() as (descriptor, status):
            size = status.st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":  # a process was killed while it wrote
                lines = b"\n" + lines
            try:
                written = 0
                while written < len(lines):
                    written += os.write(descriptor, lines[written:])
            except OSError:
                # A part of a line is worse than none: the next process would write behind it
                # (tests/ledger/test_ledger.py, test_a_full_disk_is_reported_and_survived). The lock is still
                # ours, so nobody has written since.
                os.ftruncate(descriptor, size)
                raise
            if 0 < self._rotate_bytes <= size + len(lines):
                with suppress(OSError):  # better a file that is too long than a lost record
                    # Under the lock, and with the file kept open: who waits for the lock sees then that the
                    # path leads elsewhere (tests/ledger/test_ledger.py,
                    # test_processes_that_put_files_aside_at_once).
                    Path(self._path).rename(rotated_name(self._path))

    def close(self) -> None:
        """Close the file. In a forked process this leaves the file of its parent open."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    @contextmanager
    def _locked(self) -> Iterator[tuple[int, os.stat_result]]:
        """The descriptor, locked, and the status. A file that was rotated meanwhile is opened anew."""
        # Tried again and again: a lock that is waited for can't be given up.
        deadline = monotonic() + LOCK_SECONDS
        while True:
            self.open()
            descriptor = self._descriptor
            assert descriptor is not None  # noqa: S101
            if not _lock(descriptor):
                if monotonic() > deadline:
                    raise TimeoutError(errno.ETIMEDOUT, "another program holds a lock on it")
                sleep(_PAUSE)
                continue
            try:
                status = os.fstat(descriptor)
                if self._is_current(status):
                    # Each time: somebody may have opened it to others since.
                    check_private(status, self._path, what="ledger", allowed=READ)
                    yield descriptor, status
                    return
            finally:
                _unlock(descriptor)
            self.close()

    def _is_current(self, status: os.stat_result) -> bool:
        try:
            # Device and inode: a file that was rotated by another program has another one at its path, or
            # none.
            return os.path.samestat(status, Path(self._path).lstat())
        except FileNotFoundError:
            return False
