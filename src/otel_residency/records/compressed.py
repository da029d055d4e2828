"""Files as they are, or packed with gzip or zstd: told by what they begin with, and not by their name."""

import gzip
import zlib
from pathlib import Path
from typing import IO, Any

from otel_residency.errors import AuditError

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def decompressed(file: IO[bytes]) -> IO[bytes]:
    """What is in a file that is open at its start.

    Raises:
        AuditError: what is needed to read it is not installed.
    """
    kind = file.peek(4)[:4] if hasattr(file, "peek") else b""
    if kind.startswith(_GZIP):
        return gzip.open(file)  # type: ignore[return-value] # it reads bytes
    if kind == _ZSTD:
        return _zstd(file.name).open(file)  # type: ignore[no-any-return]
    return file


def is_compressed(path: Path) -> bool:
    """Whether a file is compressed in a way that is known.

    Raises:
        OSError: it can't be read.
        AuditError: what is needed to read it is not installed.
    """
    with path.open("rb") as file:
        return decompressed(file) is not file


def broken() -> tuple[type[Exception], ...]:
    """What reading raises where a file is not whole, or not what it was packed as."""
    usual = (gzip.BadGzipFile, EOFError, zlib.error)
    try:
        return (*usual, _zstd("").ZstdError)
    except AuditError:
        return usual


def _zstd(path: str) -> Any:
    """The module that the standard library has since Python 3.14, which tells of a file that is cut."""
    try:
        from backports import zstd  # noqa: PLC0415 - only who has such a file needs it
    except ImportError:
        fix = "to read it install backports.zstd: pip install 'otel-residency[audit]'"
        raise AuditError(f"{path}: {fix}") from None
    return zstd
