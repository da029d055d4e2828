"""A file that many processes append to: whole lines, all or nothing, for its owner alone."""

import os
import stat
from multiprocessing import get_context
from pathlib import Path

import pytest

from otel_residency.errors import PolicyError
from otel_residency.ledger.shared_file import SharedFile

LINES = 300
FORK = get_context("fork")


def write_many(path: Path, letter: str, rotate_bytes: int) -> None:
    """Append lines of one letter, two at a time."""
    file = SharedFile(str(path), rotate_bytes)
    line = (letter * 500 + "\n").encode()
    for _ in range(LINES):
        file.append(line + line)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("rotate_bytes", [0, 20_000])
def test_processes_share_a_file(tmp_path: Path, rotate_bytes: int) -> None:
    """Every line is there, whole, whoever rotates the file meanwhile."""
    path = tmp_path / "ledger.jsonl"
    letters = "abcd"
    processes = [FORK.Process(target=write_many, args=(path, letter, rotate_bytes)) for letter in letters]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    files = list(tmp_path.iterdir())
    lines = sorted(line for file in files for line in file.read_text(encoding="utf-8").splitlines())
    assert lines == [letter * 500 for letter in letters for _ in range(2 * LINES)]
    assert (len(files) > 1) == bool(rotate_bytes)
    assert all(file.stat().st_size < rotate_bytes + 2000 for file in files) or not rotate_bytes


def test_a_line_that_was_cut_is_ended_first(tmp_path: Path) -> None:
    """What a killed process left without an end does not run into the next line."""
    path = tmp_path / "ledger.jsonl"
    file = SharedFile(str(path))
    file.append(b"one\n")
    with path.open("ab") as other:
        other.write(b"tw")
    file.append(b"three\n")
    assert path.read_bytes() == b"one\ntw\nthree\n"


def test_a_file_that_another_process_put_aside_is_begun_anew(tmp_path: Path) -> None:
    """A program that rotates logs, or somebody who deletes the file, does not lose later lines."""
    path = tmp_path / "ledger.jsonl"
    file = SharedFile(str(path))
    file.append(b"one\n")
    path.rename(tmp_path / "aside")
    file.append(b"two\n")
    path.unlink()
    file.append(b"three\n")
    assert path.read_bytes() == b"three\n"


def test_only_the_owner_may_write(tmp_path: Path) -> None:
    """A new file is its owner's alone; one that others can write to is refused, one they can read is not."""
    path = tmp_path / "ledger.jsonl"
    SharedFile(str(path)).append(b"one\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    SharedFile(str(path)).append(b"two\n")
    path.chmod(0o620)
    with pytest.raises(PolicyError, match=r"ledger .*ledger\.jsonl: other users can write to it; chmod 600"):
        SharedFile(str(path)).append(b"three\n")
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(PolicyError):
        SharedFile(str(tmp_path / "pipe")).append(b"four\n")
