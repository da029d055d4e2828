"""Reads files that are plain, gzip or zstd: recognised by their first bytes, not by their name."""

import gzip
import zlib
from pathlib import Path
from typing import IO, Any, BinaryIO

from otel_residency.errors import AuditError
from otel_residency.runtime.regular_file import open_regular

NOT_A_FILE = "it is not a regular file; save its content in a file first"
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def open_records(path: Path) -> BinaryIO:
    """Open a file of records as it is; each of them is opened by this.

    Raises:
        OSError: it can't be read, or is no regular file: two readers of a pipe would each get a part of it.
    """
    try:
        return open_regular(path)
    except OSError:
        if path.exists() and not path.is_file():
            raise OSError(None, NOT_A_FILE, str(path)) from None
        raise


def decompressed(file: BinaryIO, path: Path) -> IO[bytes]:
    """The content of the file `path`, which is open at its start.

    Raises:
        AuditError: what is needed to read it is not installed.
    """
    kind = file.peek(4)[:4] if hasattr(file, "peek") else b""
    if kind.startswith(_GZIP):
        return gzip.open(file)  # type: ignore[return-value] # it reads bytes
    if kind == _ZSTD:
        return _zstd(str(path)).open(file)  # type: ignore[no-any-return]
    return file


def is_compressed(path: Path) -> bool:
    """Whether a file is compressed with gzip or zstd.

    Raises:
        OSError: it can't be read.
        AuditError: what is needed to read it is not installed.
    """
    with open_records(path) as file:
        return decompressed(file, path) is not file


def broken() -> tuple[type[Exception], ...]:
    """The exceptions that reading raises where a compressed file is incomplete or damaged."""
    of_gzip = (gzip.BadGzipFile, EOFError, zlib.error)
    try:
        return (*of_gzip, _zstd("").ZstdError)
    except AuditError:
        return of_gzip


def _zstd(path: str) -> Any:
    """The backport of `compression.zstd`, which is in the standard library since Python 3.14.

    Other packages for zstd end without an error where a file was cut.
    """
    try:
        from backports import zstd  # noqa: PLC0415 - needed for such a file only
    except ImportError:
        fix = "to read it install backports.zstd: pip install 'otel-residency[audit]'"
        raise AuditError(f"{path}: {fix}") from None
    return zstd
