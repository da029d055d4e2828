"""Inspects the files of a ledger. Opens those that exist; creates and writes nothing."""

import os
import stat
from pathlib import Path
from shutil import disk_usage

from otel_residency.cli.doctor.probe_report import LedgerKey, LedgerPath, LedgerState
from otel_residency.core.policy import Policy
from otel_residency.errors import PolicyError
from otel_residency.records.files import CHECKPOINTS, SHARED_CHECKPOINTS
from otel_residency.records.signing import signer
from otel_residency.runtime.shown_path import shown_path
from otel_residency.settings.ledger_key import ledger_key_path, read_ledger_key

_APPEND = os.O_RDWR | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
"""As the ledger opens a file, without creating it."""


def read_ledger_state(policy: Policy) -> LedgerState | None:
    """The state of the ledger that the policy names; `None` if it names none."""
    name = policy.ledger.path
    if not name:
        return None
    path, status = Path(name), _status(Path(name))
    if name.endswith(os.sep) or (status is not None and stat.S_ISDIR(status.st_mode)):
        written, checkpoints = _folder(path), _file(path / SHARED_CHECKPOINTS)
        has_records = os.access(path, os.R_OK) and any(path.glob("*.jsonl*"))
        if not written.exists:
            checkpoints = checkpoints._replace(error=None)
    else:
        written, checkpoints = _file(path), _file(Path(name + CHECKPOINTS))
        has_records = written.size > 0
    return LedgerState(
        written=written,
        checkpoints=checkpoints,
        folder=_existing(path.parent),
        has_records=has_records,
        free=disk_usage(_nearest(path)).free,
        key=_key(policy),
    )


def _file(path: Path) -> LedgerPath:
    try:
        descriptor = os.open(path, _APPEND)
    except FileNotFoundError:
        return LedgerPath(path=shown_path(path), exists=False, error=_creation_error(path.parent))
    except OSError as error:
        return _existing(path, error.strerror)
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if path.is_symlink():
        return _existing(path, "It is a link")
    if not stat.S_ISREG(status.st_mode):
        return _existing(path, "It is not a regular file")
    return _existing(path, "It has another name, a hard link" if status.st_nlink > 1 else None)


def _folder(path: Path) -> LedgerPath:
    folder = _existing(path)
    return folder._replace(error=_creation_error(path if folder.exists else _nearest(path)))


def _existing(path: Path, error: str | None = None) -> LedgerPath:
    status = _status(path)
    if status is None:
        return LedgerPath(path=shown_path(path), exists=False, error=error)
    return LedgerPath(
        path=shown_path(path),
        error=error,
        folder=stat.S_ISDIR(status.st_mode),
        mode=stat.S_IMODE(status.st_mode),
        owner=status.st_uid,
        size=status.st_size,
    )


def _creation_error(folder: Path) -> str | None:
    """Why no file can be created there; `None` if one can."""
    status = _status(folder)
    if status is None or not stat.S_ISDIR(status.st_mode):
        return "No such directory"
    return None if os.access(folder, os.W_OK | os.X_OK) else "Permission denied"


def _nearest(path: Path) -> Path:
    """The path itself, or the nearest parent that exists."""
    return next(each for each in (path, *path.absolute().parents) if _status(each) is not None)


def _status(path: Path) -> os.stat_result | None:
    """Status of a path; `None` if it doesn't exist or its folder can't be searched."""
    try:
        return path.stat()
    except OSError:
        return None


def _key(policy: Policy) -> LedgerKey | None:
    path = ledger_key_path(policy)
    mode = _existing(Path(path)).mode if path else 0
    shown = shown_path(path) if path else path
    try:
        pem = read_ledger_key(policy)
        if pem is None:
            return None
        signer(pem)
    except PolicyError as error:
        return LedgerKey(shown, str(error), mode)
    return LedgerKey(shown, None, mode)
