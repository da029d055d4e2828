"""A file of lines that many processes append to: each time all of their lines, or none."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from otel_residency.errors import PolicyError
from otel_residency.records.files import rotated_name
from otel_residency.runtime.private_file import READ, open_private
from otel_residency.runtime.shown_path import shown_path

if sys.platform == "win32":  # pragma: no cover - use a directory there, so that each process has its own file

    def _lock(descriptor: int) -> None:
        """Do nothing: there is no `flock` on Windows."""

    _unlock = _lock
else:
    from fcntl import LOCK_EX, LOCK_UN, flock

    def _lock(descriptor: int) -> None:
        # `flock` and not `fcntl` locks: those are the process's, and end when it closes any descriptor of the
        # file.
        flock(descriptor, LOCK_EX)

    def _unlock(descriptor: int) -> None:
        flock(descriptor, LOCK_UN)


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
            PolicyError: other users can write to it.
        """
        if self._descriptor is None:
            self._descriptor = open_private(self._path, allowed=READ)
            if self._descriptor is None:
                raise PolicyError(
                    f"ledger {shown_path(self._path)}: other users can write to it; "
                    "chmod 600 it, or set another path"
                )

    def append(self, lines: bytes) -> None:
        """Append whole lines, each with its end: all or none of them.

        Raises:
            OSError: they can't be written.
            PolicyError: as above.
        """
        descriptor = self._locked()
        try:
            size = os.fstat(descriptor).st_size
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
        finally:
            _unlock(descriptor)

    def close(self) -> None:
        """Close the file. In a forked process this leaves the file of its parent open."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _locked(self) -> int:
        """The descriptor, locked. A file that was rotated before the lock was free is opened anew."""
        while True:
            self.open()
            assert self._descriptor is not None  # noqa: S101
            _lock(self._descriptor)
            if self._is_current(self._descriptor):
                return self._descriptor
            self.close()  # also unlocks it

    def _is_current(self, descriptor: int) -> bool:
        try:
            # Device and inode: a file that was rotated by another program has another one at its path, or
            # none.
            return os.path.samestat(os.fstat(descriptor), Path(self._path).stat())
        except FileNotFoundError:
            return False
