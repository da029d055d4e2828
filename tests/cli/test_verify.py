"""The subcommand `verify`, started as an auditor does."""

import re
from pathlib import Path

import pytest

from tests.cli.command import read_document, start
from tests.ledger.calls import call, ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger with one call."""
    path = tmp_path / "ledger.jsonl"
    made = ledger(path)
    made.record(call())
    made.close()
    return path


def test_a_sound_ledger(path: Path) -> None:
    """The exit code is 0, and the line says what was looked at."""
    done = start("verify", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "OK: 3 records, 1 process, 1 file. Hash chain intact. Signatures not checked (pass --key).\n"
    )
    document = read_document(start("verify", "--json", str(path)).stdout)
    assert (document["sound"], document["lines"], document["problems"]) == (True, 3, [])


def test_a_ledger_that_was_changed(path: Path) -> None:
    """The exit code is 1, and it says where, for people and for programs."""
    policy, record, rest = path.read_bytes().split(b"\n", 2)
    path.write_bytes(b"\n".join((policy, record.replace(b"gpt-5.2", b"gpt-5.1"), rest)))
    done = start("verify", str(path))
    assert done.returncode == 1
    first, last = done.stdout.splitlines()
    assert re.fullmatch(
        rf"{path}:3: writer [0-9a-f]{{32}}, record 2: Record 1 \({path}, line 2\) does not match the hash in "
        r"record 2: one of the two was edited\.",
        first,
    )
    assert last == "NOT OK: 3 records, 1 process, 1 file. 1 problem."
    document = read_document(start("verify", "--json", str(path)).stdout)
    (problem,) = document["problems"]
    assert (document["sound"], problem["file"], problem["line"], problem["sequence"]) == (
        False,
        str(path),
        3,
        2,
    )


def test_what_can_not_be_read(path: Path, tmp_path: Path) -> None:
    """The exit code is 2, and one line says what is wrong."""
    empty = tmp_path / "empty"
    empty.mkdir()
    nowhere = str(tmp_path / "nowhere.jsonl")
    for arguments, message in (
        ([nowhere], f"{nowhere}: can't be read: No such file or directory"),
        ([str(empty)], f"no ledger found in: {empty}"),
        ([str(path), "--key", nowhere], f"{nowhere}: can't be read: No such file or directory"),
        ([str(path), "--key", str(path)], f"{path}: not an Ed25519 public key in PEM; make it with: "),
    ):
        done = start("verify", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"otel-residency: {message}")


def test_a_folder_that_was_emptied(path: Path) -> None:
    """Checkpoints without their ledger are a problem, and not nothing to look at."""
    path.unlink()
    done = start("verify", str(path.parent))
    assert done.returncode == 1
    assert "All records of this process are missing." in done.stdout
