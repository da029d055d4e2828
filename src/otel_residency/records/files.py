"""The files of a ledger: names of ledgers, rotated files and checkpoint files, and how they are found."""

import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from otel_residency.errors import AuditError
from otel_residency.records.compressed import NOT_A_FILE

CHECKPOINTS = ".checkpoints"
"""The end of the name of a checkpoint file, which repeats the checkpoints of a ledger."""
SHARED_CHECKPOINTS = f"ledger{CHECKPOINTS}"
"""The name of the checkpoint file in a folder of ledgers. It shows that a ledger was deleted, too."""
_ROTATED = re.compile(r"(.+)\.\d{8}T\d{12}Z(?:\.gz|\.zst)?")


class LedgerPaths(NamedTuple):
    """The files that a process writes to."""

    ledger: str
    checkpoints: str


def paths_to_write(path: str, writer: str) -> LedgerPaths:
    """Where a process writes: the file `path`, or a file of its own in the folder `path`.

    Raises:
        OSError: the folder can't be made.
    """
    folder = Path(path)
    if path.endswith(os.sep) or folder.is_dir():
        folder.mkdir(0o700, parents=True, exist_ok=True)
        # One checkpoint file for the folder: a ledger that is deleted as a whole still has its checkpoints
        # there.
        return LedgerPaths(str(folder / f"{writer}.jsonl"), str(folder / SHARED_CHECKPOINTS))
    return LedgerPaths(path, path + CHECKPOINTS)


def rotated_name(path: str) -> str:
    """A name for the ledger `path` when it is rotated; with microseconds, as processes rotate at once."""
    return f"{path}.{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"


def ledger_of(file: Path) -> Path:
    """The path that a ledger is written to, given one of its files, which may have been rotated."""
    rotated = _ROTATED.fullmatch(file.name)
    return file.with_name(rotated[1]) if rotated else file


def checkpoint_file_of(ledger: Path) -> Path:
    """The checkpoint file of one ledger."""
    return Path(f"{ledger}{CHECKPOINTS}")


def checkpoints_of(ledger: Path) -> tuple[Path, ...]:
    """The checkpoint files of a ledger that exist: its own, and that of its folder."""
    both = checkpoint_file_of(ledger), ledger.with_name(SHARED_CHECKPOINTS)
    return tuple(file for file in dict.fromkeys(both) if file.exists())


def find_ledgers(paths: Iterable[Path]) -> list[Path]:
    """The files with records: all files in a folder, a file and what was rotated from it; oldest first.

    `verify` and `report` read the same files: what is verified is what is reported on.

    Raises:
        OSError: a path can't be read.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            files = [file for file in path.rglob("*") if file.is_file()]
        else:
            files = [file for file in path.parent.iterdir() if ledger_of(file) == path and file != path]
            if path.exists() or not files:
                files.append(path)
        found += sorted((file for file in files if not file.name.endswith(CHECKPOINTS)), key=_age)
    return list(dict.fromkeys(found))


def find_readable_ledgers(paths: list[Path]) -> list[Path]:
    """The same, where every path must exist and every file must be readable.

    Raises:
        AuditError: there is no file, or one that can't be read.
    """
    missing = next((path for path in paths if not (path.is_dir() or path.is_file())), None)
    if missing:
        why = f"can't be read: {NOT_A_FILE}" if missing.exists() else "no such file or folder"
        raise AuditError(f"{missing}: {why}")
    found = find_ledgers(paths)
    unreadable = next((path for path in found if not os.access(path, os.R_OK)), None)
    if unreadable:
        raise AuditError(f"{unreadable}: can't be read")
    if not found:
        raise AuditError(f"{', '.join(map(str, paths))}: no file in there")
    return found


def find_checkpoints(paths: Iterable[Path]) -> list[Path]:
    """The checkpoint files in folders; they may be all that is left of a ledger.

    Raises:
        OSError: a path can't be read.
    """
    return sorted(file for path in paths if path.is_dir() for file in path.rglob(f"*{CHECKPOINTS}"))


def _age(file: Path) -> tuple[str, bool, str]:
    """Sorts the rotated files of a ledger before the one that is written to."""
    ledger = ledger_of(file).name
    # By name, since copies have other times; rotated names have the time in them, in an order that sorts.
    return ledger, file.name == ledger, file.name
