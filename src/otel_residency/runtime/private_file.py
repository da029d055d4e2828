"""How files are written: they are regular, belong to this user alone, and have no other name."""

import os
import stat
from pathlib import Path

from otel_residency.errors import PolicyError

READ = 0o044
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
"""Without it, `open` waits for the other end of a pipe."""
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


def open_private(path: str, *, what: str, allowed: int = 0, mode: int = 0o600) -> int:
    """Open a file to be appended to, and read; it is created if it is not there.

    Args:
        path: of the file.
        what: names the file in errors, such as `ledger`.
        allowed: bits of the mode that group and others may have, such as `READ`.
        mode: of a file that is created.

    Returns:
        The descriptor.

    Raises:
        OSError: it can't be opened.
        PolicyError: it is a link or no regular file, belongs to another user, or others may do more.
    """
    # Checked before, for a message that says what it is: `open` fails on a link with ELOOP or EMLINK.
    if os.path.islink(path):  # noqa: PTH114 - before `Path` fails on a name that it can't have
        raise PolicyError(f"{what} {path}: is a link; name the file itself")
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | _NONBLOCK | _NOFOLLOW
    descriptor = os.open(path, flags, mode)
    try:
        # Of the open descriptor: between a check of the path and `open` somebody could put another file
        # there.
        check_private(os.fstat(descriptor), path, what=what, allowed=allowed)
    except PolicyError:
        os.close(descriptor)
        raise
    return descriptor


def check_private(status: os.stat_result, path: str, *, what: str, allowed: int = 0) -> None:
    """Check the status of a file that is to be written; the arguments are those of `open_private`.

    Raises:
        PolicyError: it must not be written.
    """
    fault = _fault(status, allowed) if os.name == "posix" else None
    if fault is not None:
        raise PolicyError(f"{what} {path}: {fault}, or set another path")


def _fault(status: os.stat_result, allowed: int) -> str | None:
    mode = status.st_mode
    writable = "other users can write to it" if allowed else "is open to others than its owner"
    # All that the system refuses to most users it lets the superuser do.
    faults = (
        (stat.S_ISLNK(mode), "is a link; name the file itself"),
        (not stat.S_ISREG(mode), "is no regular file; remove it"),
        (status.st_uid != os.geteuid(), f"belongs to user {status.st_uid}; make the service's its owner"),
        (status.st_nlink > 1, "has another name, a hard link; remove one of them"),
        (not mode & stat.S_IWUSR, "is read-only; chmod 600 it"),
        (mode & 0o077 & ~allowed, f"{writable}; chmod 600 it"),
    )
    return next((text for found, text in faults if found), None)


def write_private(path: str | Path, text: str, *, what: str) -> None:
    """Write a file anew, for all to read; raises as `open_private` does."""
    with open(open_private(str(path), what=what, allowed=READ, mode=0o644), "wb") as file:
        file.truncate(0)
        file.write(text.encode())
