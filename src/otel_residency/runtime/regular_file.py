"""How files are read: they may be links, as ConfigMaps and Secrets are, and opening one never waits."""

import os
import stat
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
"""`O_NONBLOCK`: without it, `open` waits for the other end of a pipe."""


def open_regular(path: str | Path, *, trusted: bool = False) -> BinaryIO:
    """Open a file to be read.

    Args:
        path: of the file.
        trusted: what it says is relied upon, so that everybody must not be able to write to it.

    Raises:
        OSError: it can't be read, is no regular file, or everybody can write to it.
    """
    descriptor = os.open(path, _FLAGS)
    try:
        file = open(descriptor, "rb")  # noqa: PTH123, SIM115 - of a descriptor
    except OSError:
        # A directory: `open` fails, and does not close a descriptor that it was given.
        os.close(descriptor)
        raise
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode) and not (trusted and os.name == "posix" and mode & stat.S_IWOTH):
        return file
    file.close()
    raise OSError(
        None, "everybody can write to it" if stat.S_ISREG(mode) else "it is not a regular file", str(path)
    )


def read_bytes(path: str | Path, *, trusted: bool = False) -> bytes:
    """The content of a file; as `open_regular`."""
    with open_regular(path, trusted=trusted) as file:
        return file.read()


def read_text(path: str | Path, *, trusted: bool = False, errors: str = "strict") -> str:
    """The content of a file in UTF-8; as `open_regular`, and raises `UnicodeDecodeError`."""
    with TextIOWrapper(open_regular(path, trusted=trusted), encoding="utf-8", errors=errors) as file:
        return file.read()
