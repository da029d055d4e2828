"""What the probe looks at of the ledger: it opens what is there, and neither makes nor writes anything."""

import os
import stat
from pathlib import Path
from shutil import disk_usage

from otel_residency.cli.doctor.report import Key, Ledger, Place
from otel_residency.core.policy import Policy
from otel_residency.errors import PolicyError
from otel_residency.records.files import CHECKPOINTS, SHARED_CHECKPOINTS
from otel_residency.records.signing import signer
from otel_residency.settings.load import ledger_key_path, read_ledger_key

_APPEND = os.O_RDWR | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
"""As the ledger opens a file, but for making it."""


def look_at_ledger(policy: Policy) -> Ledger | None:
    """The places that a ledger of this policy is written to; `None` if it names none."""
    told = policy.ledger.path
    if not told:
        return None
    place, there = Path(told), _status(Path(told))
    if told.endswith(os.sep) or (there is not None and stat.S_ISDIR(there.st_mode)):
        written, beside = _folder(place), _file(place / SHARED_CHECKPOINTS)
        begun = os.access(place, os.R_OK) and any(place.glob("*.jsonl*"))
        if not written.exists:
            beside = beside._replace(error=None)
    else:
        written, beside = _file(place), _file(Path(told + CHECKPOINTS))
        begun = written.size > 0
    return Ledger(written, beside, _seen(place.parent), begun, disk_usage(_nearest(place)).free, _key(policy))


def _file(path: Path) -> Place:
    try:
        descriptor = os.open(path, _APPEND)
    except FileNotFoundError:
        return Place(str(path), exists=False, error=_why_not_made(path.parent))
    except OSError as error:
        return _seen(path, error.strerror)
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)
    return _seen(path, None if regular else "It is no regular file")


def _folder(path: Path) -> Place:
    seen = _seen(path)
    return seen._replace(error=_why_not_made(path if seen.exists else _nearest(path)))


def _seen(path: Path, error: str | None = None) -> Place:
    status = _status(path)
    if status is None:
        return Place(str(path), exists=False, error=error)
    return Place(
        str(path),
        error=error,
        folder=stat.S_ISDIR(status.st_mode),
        mode=stat.S_IMODE(status.st_mode),
        owner=status.st_uid,
        size=status.st_size,
    )


def _why_not_made(folder: Path) -> str | None:
    """Why no file can be made there; `None` if one can."""
    status = _status(folder)
    if status is None or not stat.S_ISDIR(status.st_mode):
        return "No such directory"
    return None if os.access(folder, os.W_OK | os.X_OK) else "Permission denied"


def _nearest(path: Path) -> Path:
    """The path itself, or the first folder above it that is there."""
    return next(each for each in (path, *path.absolute().parents) if _status(each) is not None)


def _status(path: Path) -> os.stat_result | None:
    """What is known of a path; `None` if nothing is there, or it stands where one may not look."""
    try:
        return path.stat()
    except OSError:
        return None


def _key(policy: Policy) -> Key | None:
    path = ledger_key_path(policy)
    mode = _seen(Path(path)).mode if path else 0
    try:
        pem = read_ledger_key(policy)
        if pem is None:
            return None
        signer(pem)
    except PolicyError as error:
        return Key(path, str(error), mode)
    return Key(path, None, mode)
