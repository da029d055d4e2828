"""Reads files that are plain, gzip or zstd: recognised by their first bytes, not by their name."""

import gzip
import zlib
from pathlib import Path
from typing import IO, Any

from otel_residency.errors import AuditError

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def decompressed(file: IO[bytes]) -> IO[bytes]:
    """The content of a file that is open at its start.

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
    """Whether a file is compressed with gzip or zstd.

    Raises:
        OSError: it can't be read.
        AuditError: what is needed to read it is not installed.
    """
    with path.open("rb") as file:
        return decompressed(file) is not file


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
