"""The file of stored things: for its owner alone, bounded, shared by processes, and no harm when broken."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from otel_residency.calls import created_store as store
from otel_residency.calls.created_store import CreatedStore
from otel_residency.calls.state import State
from otel_residency.runtime.runtime import runtime
from otel_residency.settings.load import Settings

ROOT = Path(__file__).parents[2]
KEY = b"0123456789abcdef"


class Failures(list[str]):
    """What a store failed in, as it is told."""

    def __call__(self, part: str, error: BaseException | None) -> None:
        """Take a failure down."""
        self.append(f"{part}: {error}")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that is not there yet."""
    return tmp_path / "state.sqlite"


def written(file: Path, **rows: str) -> Failures:
    """Write rows to a store of that file: what failed."""
    failures = Failures()
    made = CreatedStore(str(file), failures)
    for name, region in rows.items():
        made.put(name.encode(), region)
    made.flush()
    return failures


def read(file: Path, name: str) -> str | None:
    """What a new store of that file says."""
    failures = Failures()
    region = CreatedStore(str(file), failures).region_of(name.encode())
    assert failures == []
    return region


def test_what_was_written_is_read(file: Path) -> None:
    """Another store of the same file knows it, and the latest word counts."""
    assert read(file, "a") is None
    assert written(file, a="eu", b="us") == []
    assert written(file, b="gb") == []
    assert [read(file, name) for name in "abc"] == ["eu", "gb", None]


@pytest.mark.skipif(os.name != "posix", reason="modes of files are those of POSIX")
def test_it_is_for_its_owner_alone(file: Path) -> None:
    """Nobody else can read it, nor the files that SQLite puts beside it."""
    written(file, a="eu")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("SELECT * FROM otel_residency_state").fetchall()
        written(file, b="us")
        assert {each.stat().st_mode & 0o777 for each in file.parent.iterdir()} == {0o600}


@pytest.mark.skipif(os.name != "posix", reason="modes of files are those of POSIX")
def test_a_file_that_other_users_can_open_is_not_used(file: Path) -> None:
    """What others may have written is not believed."""
    written(file, a="eu")
    file.chmod(0o644)
    failures = Failures()
    assert CreatedStore(str(file), failures).region_of(b"a") is None
    assert "is open to others than its owner; chmod 600 it, or set another path" in failures[0]
    assert "is open to others" in written(file, a="us")[0]


def test_the_oldest_row_is_dropped(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds so many rows and no more; one that is written again is new."""
    monkeypatch.setattr(store, "ROWS", 2)
    written(file, a="eu", b="us")
    written(file, a="eu")
    written(file, c="gb")
    assert [read(file, name) for name in "abc"] == ["eu", None, "gb"]


@pytest.mark.parametrize("content", [b"", b"not a database" * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_broken_file_counts_as_none(file: Path, *, content: bytes) -> None:
    """Whatever stands in it, nothing is raised; an empty file is a new one."""
    file.touch(mode=0o600)
    file.write_bytes(content)
    failures = Failures()
    made = CreatedStore(str(file), failures)
    assert made.region_of(b"a") is None
    made.put(b"a", "eu")
    made.flush()
    assert len(set(failures)) == (2 if content else 0)
    assert all(str(file) in failure for failure in failures)


@pytest.mark.parametrize("place", ["nowhere/state.sqlite", "."])
def test_a_place_that_can_not_be_written_counts_as_none(tmp_path: Path, *, place: str) -> None:
    """A directory that is not there, or a directory in its place, is told of and raises nothing."""
    (failure,) = set(written(tmp_path / place, a="eu"))
    assert failure.startswith("writing the store of state: state ")


def test_failures_are_logged_once(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log names the file and the cause, once for reading and once for writing."""
    file.touch(mode=0o600)
    file.write_bytes(b"not a database" * 100)
    state = State(Settings(policy=Settings().policy._replace(state=str(file))))
    for name in ("a", "b"):
        assert state.created_objects.region_of(name) is None
    assert caplog.messages == [
        f"otel-residency failed in reading the store of state: state {file}: file is not a database"
    ]


def test_another_that_writes_does_not_keep_one_from_reading(file: Path) -> None:
    """What was there before is read while another process is at it."""
    written(file, a="eu")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM otel_residency_state")
        assert read(file, "a") == "eu"
        other.execute("ROLLBACK")


def test_another_that_never_lets_go_is_not_waited_for(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be written is dropped, and told of."""
    connections = runtime.part(store._Connections)
    monkeypatch.setattr(connections, "writing", store._Connector(0, *store._MAKE))
    written(file, a="eu")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        failures = written(file, b="eu")
        assert {*failures} == {f"writing the store of state: state {file}: database is locked"}
    assert read(file, "b") is None


def test_a_call_from_a_signal_s_handler_reads_it_too(file: Path) -> None:
    """Whoever is at it may be interrupted by a call in the same thread: that one does not wait for ever."""
    written(file, a="eu")
    found: list[str | None] = []

    def interrupted() -> None:
        with runtime.part(store._Connections).reading.connected(file):
            found.append(read(file, "a"))

    thread = Thread(target=interrupted, daemon=True)
    thread.start()
    thread.join(20)
    assert found == ["eu"]


WRITES = """
import sys
from otel_residency.calls.created_store import CreatedStore
from tests.calls.test_created_store import Failures
failures = Failures()
made = CreatedStore(sys.argv[1], failures)
for number in range(500):
    made.put(f"{sys.argv[2]}-{number}".encode(), "eu")
    made.region_of(b"none")
made.flush()
sys.exit("; ".join(failures) or 0)
"""
FORKS = """
import os, sys
from otel_residency.calls.created_store import CreatedStore
from tests.calls.test_created_store import Failures
failures = Failures()
made = CreatedStore(sys.argv[1], failures)
children = []
for number in range(8):
    made.put(f"parent-{number}".encode(), "eu")
    child = os.fork()
    if not child:
        made.put(f"child-{number}".encode(), "us")
        sys.exit("; ".join(failures) or 0)
    children.append(child)
ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
sys.exit("; ".join(failures) or any(ended))
"""


def start(program: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a program that uses a store."""
    # From Python 3.12 on a fork of a process with threads warns, which is what one test does.
    return subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_many_processes_share_it(file: Path) -> None:
    """What each of them writes is there when they are done, and none of them failed."""
    written(file, x="eu")
    running = [start(WRITES, str(file), name) for name in "abc"]
    assert [(each.communicate(timeout=60)[1], each.returncode) for each in running] == [("", 0)] * 3
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM otel_residency_state").fetchone() == (1501,)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forks_at_any_moment_do_no_harm(file: Path) -> None:
    """A child of a process that is writing writes too, and neither waits for the other for ever."""
    running = start(FORKS, str(file))
    assert (running.communicate(timeout=60)[1], running.returncode) == ("", 0)
    found = [(read(file, f"parent-{number}"), read(file, f"child-{number}")) for number in range(8)]
    assert found == [("eu", "us")] * 8
