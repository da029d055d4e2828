"""Whatever is done to a ledger is found, and said where; what nobody did is not blamed on anybody."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from otel_residency.audit.chain import digest, read_link
from otel_residency.audit.signing import checker
from otel_residency.audit.verify import Problem, Verified, ledger_files, verify
from otel_residency.ledger import journal
from otel_residency.telemetry import names
from tests.audit.keys import openssl
from tests.ledger.calls import call, ledger

Lines = list[bytes]
CALLS, LINES = 6, 10
"""Of each writer: the policy, the calls, and a checkpoint after the first call, the fourth and the last."""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A private key and its public one."""
    place = tmp_path_factory.mktemp("keys")
    private, public = place / "key.pem", place / "public.pem"
    openssl("genpkey", "-algorithm", "ed25519", "-out", str(private))
    openssl("pkey", "-in", str(private), "-pubout", "-out", str(public))
    return private, public


@pytest.fixture
def written(tmp_path: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A signed ledger of two writers in turn, with checkpoints in between."""
    monkeypatch.setattr(journal, "CHECKPOINT_RECORDS", 3)
    path = tmp_path / "ledger.jsonl"
    for made in (ledger(path, key=str(keys[0])), ledger(path, key=str(keys[0]))):
        for number in range(CALLS):
            made.record(call(model=f"m{number}"))
            assert made.flush()
        made.close()
    return path


def checked(path: Path, *public: Path) -> Verified:
    """What verification says."""
    return verify(ledger_files([path]), dict(checker(key.read_bytes()) for key in public))


def beside(path: Path) -> Path:
    """The file with the checkpoints."""
    return Path(f"{path}.checkpoints")


def change(path: Path, edit: Callable[[Lines], object]) -> None:
    """Edit the lines of a file."""
    lines = path.read_bytes().splitlines(keepends=True)
    edit(lines)
    path.write_bytes(b"".join(lines))


def test_a_ledger_is_as_it_was_written(written: Path, keys: tuple[Path, Path]) -> None:
    """Nothing is found where nothing was done."""
    verified = checked(written, keys[1])
    assert (verified.problems, verified.notes) == ((), ())
    assert (verified.files, verified.writers, verified.lines) == (
        1,
        2,
        len(written.read_bytes().splitlines()),
    )
    assert verified.signed == len(beside(written).read_bytes().splitlines()) == 2 * 3


@pytest.mark.parametrize("number", range(LINES))
def test_a_changed_record_is_found(written: Path, number: int) -> None:
    """Of every line any change is told, with its file, its line, its writer and its sequence."""
    lines = written.read_bytes().splitlines(keepends=True)
    link = read_link(lines[number].rstrip())
    assert link is not None
    change(written, lambda lines: lines.__setitem__(number, lines[number].replace(b"claims", b"Claims")))
    problems = {problem.line: problem for problem in checked(written).problems}
    if number < LINES - 1:
        before = f"record {link.sequence} at {written}:{number + 1}"
        what = f"{before} was changed, or what this one says of it"
        assert problems[number + 2] == Problem(str(written), number + 2, link.writer, link.sequence + 1, what)
    assert bool(problems.keys() - {number + 2}) == (link.event == names.EVENT_CHECKPOINT)


@pytest.mark.parametrize("number", range(LINES))
def test_a_removed_record_is_found(written: Path, number: int) -> None:
    """Where a record is missing, its number is told, be it the first, one in the middle or the last."""
    link = read_link(written.read_bytes().splitlines()[number])
    assert link is not None
    change(written, lambda lines: lines.pop(number))
    told = [each.what for each in checked(written).problems if each.writer == link.writer]
    missing = f"record {link.sequence} is missing before it"
    cut = f"cut here: {beside(written)} has record {link.sequence}"
    assert told[0] == (cut if number == LINES - 1 else missing)


@pytest.mark.parametrize("number", range(LINES - 1))
def test_records_in_another_order_are_found(written: Path, number: int) -> None:
    """Two records that changed places are told of at both."""

    def swap(lines: Lines) -> None:
        lines[number : number + 2] = reversed(lines[number : number + 2])

    change(written, swap)
    problems = checked(written).problems
    assert [problem.line for problem in problems][:2] == [number + 1, number + 2]
    assert "stands behind record" in problems[1].what


@pytest.mark.parametrize("number", range(LINES))
def test_a_repeated_record_is_found(written: Path, number: int) -> None:
    """A record that stands twice is told of where it stands again."""
    change(written, lambda lines: lines.append(lines[number]))
    assert [problem.line for problem in checked(written).problems] == [2 * LINES + 1]
    change(written, lambda lines: lines.insert(number + 1, lines[number]))
    assert [problem.line for problem in checked(written).problems] == [number + 2, 2 * LINES + 2]


@pytest.mark.parametrize("left", range(LINES))
def test_a_cut_is_found(written: Path, left: int) -> None:
    """Whatever is left of a ledger, the checkpoints beside it say that there was more."""
    whole = written.read_bytes().splitlines(keepends=True)
    written.write_bytes(b"".join(whole[:left]))
    problems = checked(written).problems
    assert any("cut here" in problem.what for problem in problems) == bool(left)
    assert sum("every record of this writer is missing" in problem.what for problem in problems) == 1 + (
        not left
    )
    written.write_bytes(b"".join(whole[:left]) + whole[left][:-20])
    verified = checked(written)
    assert verified.problems
    assert [note.line for note in verified.notes if "a line without its end" in note.what] == [left + 1]


def rewritten(lines: Lines) -> Lines:
    """The lines as one would write them who knows how: each says the right thing of the one before it."""
    heads: dict[str, tuple[str, str]] = {}
    for number, line in enumerate(lines):
        link = read_link(line.rstrip())
        assert link is not None
        old, new = heads.get(link.writer, ("-", "-"))
        lines[number] = line.replace(old.encode(), new.encode())
        heads[link.writer] = digest(line.rstrip()), digest(lines[number].rstrip())
        if number == 1:
            lines[1] = line.replace(b'"eligible"', b'"conditional"').replace(b"m0", b"m1")
            heads[link.writer] = digest(line.rstrip()), digest(lines[1].rstrip())
    return lines


def test_a_chain_made_anew_is_found_by_the_checkpoints_beside(written: Path) -> None:
    """Who changes a record and every hash after it has not changed the other file."""
    change(written, rewritten)
    problems = checked(written).problems
    assert {problem.what for problem in problems} == {
        f"the checkpoint is another one than in {beside(written)}"
    }


def test_a_chain_made_anew_is_found_by_signatures(written: Path, keys: tuple[Path, Path]) -> None:
    """Who changes both files has no key: signatures find it, and only they do."""
    change(written, rewritten)
    lines = written.read_bytes().splitlines(keepends=True)
    beside(written).write_bytes(b"".join(line for line in lines if names.EVENT_CHECKPOINT.encode() in line))
    assert checked(written).problems == ()
    problems = checked(written, keys[1]).problems
    assert {problem.what for problem in problems} == {
        "the signature of the checkpoint is wrong",
        "no record of this writer is signed",
    }


def test_a_made_up_writer_is_found_by_signatures(
    written: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    """Records of a writer without our key are none of ours, whether they have another one or none."""
    made = ledger(written)
    made.record(call())
    made.close()
    assert {problem.what for problem in checked(written, keys[1]).problems} == {
        "the checkpoint is not signed",
        "no record of this writer is signed",
    }
    openssl("genpkey", "-algorithm", "ed25519", "-out", str(tmp_path / "other.pem"))
    other = ledger(tmp_path / "other.jsonl", key=str(tmp_path / "other.pem"))
    other.record(call())
    other.close()
    problems = checked(tmp_path / "other.jsonl", keys[1]).problems
    assert re.fullmatch("signed with another key: [0-9a-f]{16}", problems[0].what)


def test_what_is_no_record_is_found(written: Path) -> None:
    """Lines that were put in are quoted; an empty one does no harm."""
    change(written, lambda lines: lines.insert(3, b'{"verdict": "eligible"}\n'))
    change(written, lambda lines: lines.insert(5, b"\xff\xfe\n"))
    change(written, lambda lines: lines.insert(7, b"\n"))
    problems = checked(written).problems
    assert [(problem.line, problem.what[:36]) for problem in problems] == [
        (4, "no record of a ledger stands here: '"),
        (6, "no record of a ledger stands here: '"),
    ]
    assert '{"verdict": "eligible"}' in str(problems[0])


def test_the_checkpoints_beside_are_looked_at_too(written: Path) -> None:
    """It is told where they were changed or removed; only the last one may be missing, by a crash."""
    change(beside(written), lambda lines: lines.pop(1))
    assert [problem.what for problem in checked(written).problems] == [
        f"the checkpoint is missing in {beside(written)}"
    ]
    change(beside(written), lambda lines: lines.pop())
    assert len(checked(written).problems) == 2
    change(beside(written), lambda lines: lines.append(b"?\n"))
    assert checked(written).problems[0].file == str(beside(written))
    beside(written).unlink()
    (problem,) = checked(written).problems
    assert "is missing: whether the ledger was cut at its end" in problem.what


@pytest.fixture
def aside(tmp_path: Path) -> Path:
    """A ledger in several files."""
    path = tmp_path / "ledger.jsonl"
    made = ledger(path, rotate_bytes=4000)
    for _ in range(8):
        made.record(call())
        assert made.flush()
    made.close()
    return path


def test_a_file_put_aside_that_is_missing_is_found(aside: Path) -> None:
    """The first file of a chain, or one in the middle, can't be taken away; a packed one is read."""
    first, second, *_ = files = ledger_files([aside])
    assert len(files) > 3
    packed = Path(f"{second}.gz")
    packed.write_bytes(gzip.compress(second.read_bytes()))
    text = second.read_bytes()
    second.unlink()
    assert checked(aside).problems == ()
    packed.write_bytes(packed.read_bytes()[:-100])
    problem = checked(aside).problems[0]
    assert (problem.file, problem.what) == (str(packed), "can't be unpacked any further")
    packed.unlink()
    (problem,) = checked(aside).problems
    assert re.fullmatch("records? .* missing before it", problem.what)
    second.write_bytes(text)
    first.unlink()
    problem = checked(aside).problems[0]
    assert re.fullmatch("records? 0.* missing before it", problem.what)
    assert problem.line == 1


def test_a_process_whose_file_is_gone_is_found(tmp_path: Path) -> None:
    """In a directory the checkpoints of all processes stand in one file, which knows of each."""
    place = tmp_path / "ledgers"
    place.mkdir()
    for _ in range(2):
        made = ledger(place)
        made.record(call())
        made.close()
    assert checked(place).problems == ()
    gone = ledger_files([place])[0]
    gone.unlink()
    (problem,) = checked(place).problems
    assert (problem.file, problem.writer) == (str(place / "ledger.checkpoints"), gone.stem)
    assert problem.what == "every record of this writer is missing"


def test_of_very_many_problems_the_first_are_told(written: Path) -> None:
    """However much is wrong, memory is bounded."""
    with written.open("ab") as file:
        file.writelines(b"?\n" for _ in range(3000))
    verified = checked(written)
    assert (len(verified.problems), verified.unknown) == (1000, 2000)
