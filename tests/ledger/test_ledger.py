"""The ledger of real threads and processes: each call once, however they end, with an intact hash chain."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from otel_residency.audit.verify import Verification, verify
from otel_residency.ledger import ledger as room
from otel_residency.records.files import find_ledgers
from otel_residency.records.record import Record, read_policy
from otel_residency.telemetry import names
from otel_residency.telemetry.emitter import counters
from tests.audit.lines import read_record
from tests.ledger.calls import call, ledger

ROOT = Path(__file__).parent.parent.parent
FORK = get_context("fork")


def read(path: Path) -> list[Record]:
    """All records of the ledger at `path`."""
    return [read_record(line) for file in find_ledgers([path]) for line in file.read_bytes().splitlines()]


def models(path: Path) -> Counter[str]:
    """How often each model was recorded."""
    facts = [record.facts for record in read(path) if record.event == names.EVENT_CALL]
    return Counter(each.model for each in facts if each is not None and each.model)


def checked(path: Path) -> Verification:
    """The result of verification."""
    return verify(find_ledgers([path]), {})


@pytest.fixture
def outcomes() -> Callable[[], dict[str, int]]:
    """Counts the records of each outcome since the test began."""
    observe = counters().records.observer()

    def counts() -> dict[str, int]:
        points = observe(None)  # type: ignore[arg-type]
        return {str((point.attributes or {})[names.LEDGER_OUTCOME]): int(point.value) for point in points}

    return counts


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is."""
    return tmp_path / "ledger.jsonl"


def test_a_ledger_begins_with_the_policy_and_ends_with_a_checkpoint(path: Path) -> None:
    """Each writer records the policy of its calls; the first checkpoint comes with the first records."""
    made = ledger(path)
    made.record(call())
    assert made.flush()
    made.record(call())
    made.close()
    records = read(path)
    assert [record.event for record in records] == [
        names.EVENT_POLICY,
        names.EVENT_CALL,
        names.EVENT_CHECKPOINT,
        names.EVENT_CALL,
        names.EVENT_CHECKPOINT,
    ]
    assert read_policy(records[0].attributes[names.POLICY_DOCUMENT]).require == ("eu",)
    assert {record.resource["service.name"] for record in records} == {"claims"}
    checkpoints = Path(f"{path}.checkpoints").read_bytes().splitlines()
    assert [read_record(line) for line in checkpoints] == [records[2], records[4]]
    assert [record.attributes.get(names.LEDGER_CLOSED) for record in records[2::2]] == [None, True]
    assert checked(path).problems == checked(path).notes == ()


def test_without_a_call_there_is_no_ledger(path: Path) -> None:
    """A process that makes no call writes no file."""
    ledger(path).close()
    assert not path.exists()


def test_every_call_of_many_threads_is_recorded(path: Path, outcomes: Callable[[], dict[str, int]]) -> None:
    """Threads lose nothing, and the chain holds."""
    made = ledger(path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: made.record(call(model=f"m{number % 7}")), range(2000)))
    made.close()
    assert models(path).total() == 2000
    assert outcomes() == {names.WRITTEN: 2000}
    assert checked(path).problems == ()


def test_no_writer_has_many_records_without_a_checkpoint(path: Path) -> None:
    """However many calls wait to be written, there is a checkpoint after every thousand, and a batch."""
    made = ledger(path)
    with made._writing:  # as if the disk took long
        for _ in range(5000):
            made.record(call())
    assert made.flush(60)
    made.close()
    places = [place for place, record in enumerate(read(path)) if record.event == names.EVENT_CHECKPOINT]
    assert max(after - before for before, after in pairwise([0, *places])) <= 1000 + room._BATCH
    assert models(path).total() == 5000
    assert (checked(path).problems, checked(path).notes) == ((), ())


def in_child(made: Any, name: str, count: int) -> None:
    """Record calls in another process, and end it as multiprocessing does: without exit handlers."""
    for _ in range(count):
        made.record(call(model=name))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("shared", [True, False], ids=["one file", "one file each"])
def test_forked_processes_have_separate_chains(tmp_path: Path, path: Path, *, shared: bool) -> None:
    """A fork has a new chain, and what waited in its parent is recorded once, by the parent."""
    place = path if shared else tmp_path / "many/"
    if not shared:
        place.mkdir()
    made = ledger(place)
    made.record(call(model="parent"))
    processes = [FORK.Process(target=in_child, args=(made, f"child{number}", 50)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    made.record(call(model="parent"))
    made.close()
    assert models(place) == {"parent": 2, **{f"child{number}": 50 for number in range(4)}}
    verified = checked(place)
    assert (verified.writers, verified.files) == (5, 1 if shared else 5)
    assert (verified.problems, verified.notes) == ((), ())


def test_files_are_put_aside(path: Path) -> None:
    """A chain goes on over files that were put aside; the verification reads them in their order."""
    made = ledger(path, rotate_bytes=20_000)
    for _ in range(40):
        made.record(call())
        assert made.flush()
    made.close()
    verified = checked(path)
    assert models(path).total() == 40
    assert verified.files > 2
    assert (verified.problems, verified.notes) == ((), ())


def test_a_call_that_ends_after_the_ledger_is_recorded(path: Path) -> None:
    """A stream that is read after the package was switched off, or at the end of the process, is not lost."""
    made = ledger(path)
    made.record(call(model="early"))
    made.close()
    made.record(call(model="late"))
    assert models(path) == {"early": 1, "late": 1}
    assert checked(path).problems == ()


def test_what_does_not_fit_the_queue_is_counted(
    path: Path, monkeypatch: pytest.MonkeyPatch, outcomes: Callable[[], dict[str, int]]
) -> None:
    """Records that do not fit are dropped and counted, and the ledger reports the number."""
    monkeypatch.setattr(room, "WAITING", 5)
    made = ledger(path)
    with made._writing:  # as if the disk took long
        for _ in range(20):
            made.record(call())
        assert not made.available()
    made.close()
    written = models(path).total()
    assert outcomes() == {names.WRITTEN: written, names.DROPPED: 20 - written}
    assert checked(path).dropped == 20 - written > 0


def test_a_record_that_can_not_be_made_is_counted(path: Path, outcomes: Callable[[], dict[str, int]]) -> None:
    """One call that fails to be recorded takes no other with it."""
    failures: list[Any] = []
    made = ledger(path, failures)
    made.record(call()._replace(judgement=None))  # type: ignore[arg-type]
    made.record(call())
    made.close()
    assert outcomes() == {names.WRITTEN: 1, names.FAILED: 1}
    assert [part for part, _ in failures] == ["recording a call"]
    assert checked(path).problems == ()


PROGRAM = """
import sys
from pathlib import Path
from tests.ledger.calls import call, ledger

made = ledger(Path(sys.argv[1]))
made.record(call(model="first"))
made.flush()
made.record(call(model="second"))
{end}
"""


def run(end: str, path: Path) -> "subprocess.Popen[str]":
    """Start a program that records two calls, flushes after the first, and ends so."""
    command = [sys.executable, "-c", PROGRAM.format(end=end), str(path)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    "end",
    [
        "",
        "sys.exit(3)",
        "raise ValueError",
        "import os; os._exit(4)",
        "import signal, os; signal.signal(15, lambda *_: sys.exit()); os.kill(os.getpid(), 15)",
    ],
    ids=["its end", "an exit", "an error", "os._exit", "a handled SIGTERM"],
)
def test_a_process_that_ends_loses_nothing(path: Path, end: str) -> None:
    """What waits is written when the interpreter ends."""
    run(end, path).communicate()
    assert models(path) == {"first": 1, "second": 1}
    assert (checked(path).problems, checked(path).notes) == ((), ())


LATE = """
import atexit, sys
atexit.register(lambda: made.record(call(model="late")))
"""


def test_a_call_that_ends_while_the_interpreter_does_is_recorded(path: Path) -> None:
    """When threads can't be started any more, the record is written where the call ends."""
    program = LATE + PROGRAM.format(end="")
    subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, check=True)
    assert models(path) == {"first": 1, "second": 1, "late": 1}
    assert checked(path).problems == ()


def test_a_killed_process_loses_what_was_not_flushed(path: Path) -> None:
    """`kill -9` loses only what was not written yet; the file is whole, and other processes go on."""
    program = run("print('ready', flush=True); sys.stdin.read()", path)
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    program.kill()
    program.communicate()
    assert models(path)["first"] == 1
    other = ledger(path)
    other.record(call(model="other"))
    other.close()
    verified = checked(path)
    assert models(path)["other"] == 1
    assert verified.problems == ()
    assert [note.what.partition(":")[0] for note in verified.notes] == ["No end marker"]


BUSY = """
import sys
from pathlib import Path
from tests.ledger.calls import call, ledger

made = ledger(Path(sys.argv[1]), rotate_bytes=300_000)
while True:
    for _ in range(100):
        made.record(call())
    made.flush()
    print(flush=True)
"""


@pytest.mark.parametrize("shared", [True, False], ids=["one file", "one file each"])
def test_processes_killed_in_the_middle_write_whole_lines(
    tmp_path: Path, path: Path, *, shared: bool
) -> None:
    """A process that is killed at any moment damages no written line."""
    place = path if shared else tmp_path / "many/"
    if not shared:
        place.mkdir()
    command = [sys.executable, "-c", BUSY, str(place)]
    for _ in range(3):
        programs = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
        for program in programs:
            assert program.stdout is not None
            assert [program.stdout.readline() for _ in range(5)] == [b"\n"] * 5
        for program in programs:
            program.kill()
            program.communicate()
    verified = checked(place)
    assert verified.problems == ()
    assert verified.writers == 6
    assert len([note for note in verified.notes if note.writer]) == 6


CUT = """
import resource, signal, sys
from pathlib import Path
from otel_residency.ledger import journal
from tests.ledger.calls import call, ledger

path, limited, before, more = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
if limited != path:
    journal.CHECKPOINT_RECORDS = 1
made = ledger(path, rotate_bytes=int(limited != path))
for _ in range(before):
    made.record(call())
    made.flush()
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # the kernel kills who writes on after the limit
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
size = limited.stat().st_size if limited.exists() else 0
resource.setrlimit(resource.RLIMIT_FSIZE, (size + more, resource.RLIM_INFINITY))
for _ in range(5):
    made.record(call())
made.flush()
print("not killed")
"""


@pytest.mark.parametrize(
    ("name", "before", "more"),
    [
        # The first record has the texts of policy and catalogue.
        *(("ledger.jsonl", 0, more) for more in (1, 700, 6000, 22_000, 26_000)),
        *(("ledger.jsonl", 2, more) for more in (1, 700, 1500, 2900, 6000)),
        *(("ledger.jsonl.checkpoints", 20, more) for more in (1, 700)),
    ],
)
def test_a_process_killed_within_a_write(path: Path, name: str, before: int, more: int) -> None:
    """The kernel ends it after some bytes of a line: only this line is lost, and others write after it."""
    limited = path.with_name(name)
    command = [sys.executable, "-c", CUT, str(path), str(limited), str(before), str(more)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGXFSZ, b"")
    cut = limited.read_bytes()
    assert cut[-1:] != b"\n"
    other = ledger(path)
    other.record(call(model="other"))
    other.close()
    assert limited.read_bytes().startswith(cut + b"\n")
    verified = checked(path)
    assert verified.problems == ()
    assert "Incomplete line" in " ".join(map(str, verified.notes))
    assert verified.writers == 1 + (before > 0 or b"\n" in cut)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_in_the_middle_of_calls(path: Path) -> None:
    """Threads and forked processes record at once: none waits for a lock of another process."""
    made = ledger(path)
    ended = Event()
    recorded = [0] * 4

    def work(number: int) -> None:
        while not ended.is_set():
            made.record(call(model="thread"))
            recorded[number] += 1
            made.flush()

    with ThreadPoolExecutor(4) as pool:
        threads = [pool.submit(work, number) for number in range(4)]
        for number in range(8):
            child = FORK.Process(target=in_child, args=(made, f"child{number}", 20))
            child.start()
            child.join(60)
            assert child.exitcode == 0
        ended.set()
        for thread in threads:
            thread.result()
    made.close()
    assert models(path) == {"thread": sum(recorded), **{f"child{number}": 20 for number in range(8)}}
    assert (checked(path).problems, checked(path).notes) == ((), ())


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_processes_that_put_files_aside_at_once(path: Path) -> None:
    """Whichever process puts the file aside, each chain continues over all of these files."""

    def work(name: str) -> None:
        made = ledger(path, rotate_bytes=15_000)
        for _ in range(40):
            made.record(call(model=name))
            made.flush()
        made.close()

    processes = [FORK.Process(target=work, args=(f"m{number}",)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert models(path) == {f"m{number}": 40 for number in range(4)}
    verified = checked(path)
    assert verified.files > 10
    assert (verified.problems, verified.notes) == ((), ())


def test_a_file_that_another_process_renames_or_deletes(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A renamed file is continued; the content of a deleted one is reported; a missing folder is awaited."""
    made = ledger(path, required=True)
    for number in range(3):
        made.record(call())
        assert made.flush()
        path.rename(f"{path}.2026010{number}T000000000000Z")
    made.record(call())
    assert made.flush()
    assert (models(path).total(), checked(path).problems) == (4, ())
    away = path.parent.rename(path.parent.with_name("away"))
    made.record(call())
    made.flush()
    assert not made.available()
    away.rename(path.parent)
    made.flush()
    assert made.available()
    assert models(path).total() == 5
    path.unlink()
    made.record(call())
    made.close()
    (problem,) = checked(path).problems
    assert problem.what == "Records 5 to 6 are missing before this one."
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A separate file system with room for a few records."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["/bin/mount", "-t", "tmpfs", "-o", "size=128k,mode=700", "tmpfs", str(place)]
    if os.getuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a file system is not allowed here")
    yield place
    subprocess.run(["/bin/umount", "-l", str(place)], check=True)


def test_a_full_disk_is_reported_and_survived(
    small_disk: Path, caplog: pytest.LogCaptureFixture, outcomes: Callable[[], dict[str, int]]
) -> None:
    """It is logged once; what was written stays whole, what waits is written when there is room again."""
    path = small_disk / "ledger.jsonl"
    made = ledger(path, required=True)
    made.record(call())
    assert made.flush()
    filler = small_disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 512)
    before = path.read_bytes()
    for _ in range(20):
        made.record(call(model="waiting"))
    made.flush()
    made.flush()
    assert not made.available()
    assert path.read_bytes() == before
    assert [record.getMessage() for record in caplog.records] == [
        f"the ledger {path} can't be written: No space left on device"
    ]
    filler.unlink()
    made.flush()
    assert made.available()
    made.close()
    assert models(path) == {"gpt-5.2": 1, "waiting": 20}
    assert outcomes() == {names.WRITTEN: 21}
    assert (checked(path).problems, checked(path).notes) == ((), ())
    assert "written again" in caplog.text


LIMITED = """
import resource, sys, logging
from pathlib import Path
from tests.ledger.calls import call, ledger
from otel_residency.telemetry.emitter import counters

logging.basicConfig(format="%(message)s", stream=sys.stdout)
path = Path(sys.argv[1])
made = ledger(path)
made.record(call())
made.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, resource.RLIM_INFINITY))
for _ in range(5):
    made.record(call())
made.close()
print(sorted((key[0][1], count) for key, count in counters().records._copy().items()))
"""


def test_what_could_not_be_written_in_the_end_is_counted(path: Path) -> None:
    """A process that ends while nothing can be written logs that, and writes whole lines."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        f"the ledger {path} can't be written: File too large",
        "[('failed', 5), ('written', 1)]",
    ]
    assert models(path).total() == 1
    assert checked(path).problems == ()


def test_a_key_that_can_not_be_used(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Records without signatures are better than none; where they are demanded, the ledger is not there."""
    made = ledger(path, key=str(path.parent / "missing.pem"))
    made.record(call())
    assert made.available()
    made.close()
    assert models(path).total() == 1
    assert "is not signed: ledger.key" in caplog.text
    demanded = ledger(path, key=str(path.parent / "missing.pem"), required=True)
    assert not demanded.available()
    demanded.close()


def test_a_directory_that_is_not_there(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where no file can be made, this is logged once, and calls go on."""
    made = ledger(path.parent / "missing" / "ledger.jsonl")
    made.record(call())
    made.record(call())
    made.flush()
    assert not made.available()
    made.close()
    (record,) = caplog.records
    assert record.getMessage().endswith("can't be written: No such file or directory")
