"""No record, no call: what keeps a record from its file is found before the call, within a bounded time."""

import fcntl
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from otel_residency.ledger import ledger as room
from otel_residency.ledger import shared_file
from tests.ledger.calls import call, ledger

LOCK = """
import fcntl, sys
file = open(sys.argv[1], "r+b")
{lock}
print("locked", flush=True)
sys.stdin.read()
"""
LOCKS = {
    "flock": "fcntl.flock(file, fcntl.LOCK_EX)",
    "shared flock": "fcntl.flock(file, fcntl.LOCK_SH)",
    "lockf": "fcntl.lockf(file, fcntl.LOCK_EX)",
    "a byte": "fcntl.lockf(file, fcntl.LOCK_EX, 1)",
}


@contextmanager
def locked(path: Path, how: str = "flock") -> Iterator[None]:
    """Another process holds a lock on the file."""
    command = [sys.executable, "-c", LOCK.format(lock=LOCKS[how]), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        yield
        process.communicate()


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are not waited for long."""
    monkeypatch.setattr(shared_file, "LOCK_SECONDS", 0.05)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is."""
    folder = tmp_path / "ledgers"
    folder.mkdir()
    return folder / "ledger.jsonl"


def count(path: Path) -> int:
    """The calls in the file."""
    return path.read_bytes().count(b'"residency.call"')


@pytest.mark.parametrize("name", ["ledger.jsonl", "ledger.jsonl.checkpoints"])
@pytest.mark.parametrize("how", LOCKS)
def test_a_lock_of_another_program(path: Path, how: str, name: str) -> None:
    """Whatever lock it is, nothing is written while it is held; what waited is written afterwards."""
    made = ledger(path, required=True)
    made.record(call())
    assert made.available()
    before = path.read_bytes()
    with locked(path.with_name(name), how):
        assert not made.available()
        if name == path.name:
            made.record(call())
            made.flush()
            assert path.read_bytes() == before
    made.flush()
    assert made.available()
    made.close()


def test_a_lock_that_was_there_first(path: Path) -> None:
    """The first call of a process is refused like any other, and nothing is written."""
    path.touch(0o600)
    made = ledger(path, required=True)
    with locked(path):
        assert not made.available()
    assert path.read_bytes() == b""
    made.close()


def test_a_process_ends_although_the_file_is_locked(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the end of the process nor a call after it waits for the lock; what was lost is logged."""
    made = ledger(path)
    made.record(call())
    made.flush()
    with locked(path):
        made.record(call())
        made.close()
        made.record(call())
    assert count(path) == 1
    assert "another program holds a lock on it" in caplog.text


def read_only(path: Path) -> None:
    """Make it read-only."""
    path.chmod(0o400)


def link(path: Path) -> None:
    """Replace it by a link to it."""
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def hard_link(path: Path) -> None:
    """Give it a second name."""
    path.with_name("elsewhere").hardlink_to(path)


def of_another_user(path: Path) -> None:
    """Give it to another user."""
    if os.getuid():
        pytest.skip("only the superuser can give a file away")
    os.chown(path, 1234, -1)


def open_to_others(path: Path) -> None:
    """Let its group write."""
    path.chmod(0o620)


def without_folder(path: Path) -> None:
    """Move the folder away."""
    path.parent.rename(path.parent.with_name("away"))


def pipe(path: Path) -> None:
    """Replace it by a pipe."""
    path.rename(path.with_name("elsewhere"))
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize(
    "change", [read_only, link, hard_link, of_another_user, open_to_others, without_folder, pipe]
)
@pytest.mark.parametrize("name", ["ledger.jsonl", "ledger.jsonl.checkpoints"])
def test_a_file_that_must_not_be_written(path: Path, change: Callable[[Path], None], name: str) -> None:
    """A file that becomes another's, a link, or read-only is not written, by the superuser neither."""
    made = ledger(path, required=True)
    made.record(call())
    assert made.available()
    changed = path.with_name(name)
    before = changed.read_bytes()
    change(changed)
    assert not made.available()
    made.record(call())
    made.flush()
    files = [file for file in path.parent.parent.rglob("*") if file.is_file() and not file.is_symlink()]
    assert before in [file.read_bytes() for file in files]
    made.close()


def test_a_limit_of_the_size_of_files(path: Path) -> None:
    """A file that may not grow by another record is no place for one."""
    made = ledger(path, required=True)
    made.record(call())
    assert made.available()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, hard))
    try:
        assert not made.available()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    made.flush()
    assert made.available()
    made.close()


def test_a_disk_that_hangs(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A call waits no longer than it may, the next ones do not wait, and the end of the process neither."""
    monkeypatch.setattr(room, "ANSWER", 0.05)
    monkeypatch.setattr(room, "PATIENCE", 0.05)
    hangs, go_on = Event(), Event()

    def emit(*_: Any) -> None:
        hangs.set()
        go_on.wait()

    made = ledger(path, required=True)
    made._process = made._process._replace(emit=emit)
    thread = writing(made, hangs)
    assert not made.available()
    monkeypatch.setattr(room, "ANSWER", 600)
    assert not made.available()
    made.close()
    made.record(call())
    assert [record.getMessage() for record in caplog.records] == [
        f"the ledger {path} can't be written: the disk does not answer"
    ]
    go_on.set()
    thread.join()


def writing(made: Any, begun: Event) -> Thread:
    """Record a call, and return the thread once it writes."""
    made.record(call())
    begun.wait()
    thread: Thread = made._thread
    return thread


@pytest.mark.parametrize("what", ["close", "flush"])
def test_what_is_asked_for_while_the_thread_writes(
    path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The thread takes what wakes it for no record, and does what it was woken for."""
    monkeypatch.setattr(room, "PATIENCE", 600)
    begun, go_on = Event(), Event()

    def emit(*_: Any) -> None:
        begun.set()
        go_on.wait()

    made = ledger(path)
    made._process = made._process._replace(emit=emit)
    writing(made, begun)
    asking = Thread(target=getattr(made, what), daemon=True)
    asking.start()
    made._hurry.wait()
    while made._queue.empty():
        pass
    go_on.set()
    asking.join(30)
    assert not asking.is_alive()
    made.close()
    assert count(path) == 1


def test_a_lock_of_this_package_keeps_others_out(path: Path) -> None:
    """A program that takes locks of the other kind sees those of this package."""
    file = shared_file.SharedFile(str(path))
    with file._locked(), path.open("r+b") as other:
        for lock in (fcntl.flock, fcntl.lockf):
            script = f"import fcntl, sys; fcntl.{lock.__name__}(open(sys.argv[1], 'r+b'), 6)"
            done = subprocess.run(
                [sys.executable, "-c", script, other.name], capture_output=True, check=False
            )
            assert b"BlockingIOError" in done.stderr
    file.close()
