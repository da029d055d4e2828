"""Files that are created for their owner alone, and refused where others could do more than they may."""

import os
import stat

READ = 0o044


def open_private(path: str, *, allowed: int) -> int | None:
    """Open a file to be appended to, and read.

    Args:
        path: of a file, created if it is not there.
        allowed: bits of the mode that group and others may have, such as `READ`.

    Returns:
        The descriptor; `None` if it is no regular file, or others may do more.

    Raises:
        OSError: it can't be opened.
    """
    # Without waiting: a pipe that nobody reads would hold up the application.
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags, 0o600)
    # Of the open descriptor: between a check of the path and `open` somebody could put another file there.
    mode = os.fstat(descriptor).st_mode
    if os.name == "posix" and (not stat.S_ISREG(mode) or mode & 0o077 & ~allowed):
        os.close(descriptor)
        return None
    return descriptor
