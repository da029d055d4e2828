"""Every change to a ledger is found and located; a sound ledger has no problem."""

import gzip
import json
import re
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from backports import zstd
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from otel_residency.audit.problems import LedgerProblem
from otel_residency.audit.read import ReadTask, read_part
from otel_residency.audit.verify import Verification, verify
from otel_residency.errors import AuditError
from otel_residency.ledger import journal
from otel_residency.records import line as line_module
from otel_residency.records.chain import Chain, digest
from otel_residency.records.compressed import decompressed
from otel_residency.records.files import find_checkpoints, find_ledgers
from otel_residency.records.line import is_cut
from otel_residency.records.record import Record
from otel_residency.records.signing import checker
from otel_residency.telemetry import names
from tests.audit.keys import openssl
from tests.audit.lines import read_link
from tests.ledger.calls import call, ledger

Lines = list[bytes]
Edit = Callable[[bytes], bytes]
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


def checked(path: Path, *public: Path) -> Verification:
    """The result of verification."""
    keys = dict(checker(key.read_bytes()) for key in public)
    return verify(find_ledgers([path]), keys, checkpoints=find_checkpoints([path]))


def checkpoint_file(path: Path) -> Path:
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
    assert verified.signed == len(checkpoint_file(written).read_bytes().splitlines()) == 2 * 3


@pytest.mark.parametrize("number", range(LINES))
def test_a_changed_record_is_found(written: Path, number: int) -> None:
    """Each change of each line is reported with its file, line, writer and sequence number."""
    lines = written.read_bytes().splitlines(keepends=True)
    link = read_link(lines[number].rstrip())
    assert link is not None
    change(written, lambda lines: lines.__setitem__(number, lines[number].replace(b"claims", b"Claims")))
    problems = {problem.line: problem for problem in checked(written).problems}
    if number < LINES - 1:
        record = f"Record {link.sequence} ({written}, line {number + 1})"
        what = f"{record} does not match the hash in record {link.sequence + 1}: one of the two was edited."
        assert problems[number + 2] == LedgerProblem(
            str(written), number + 2, link.writer, link.sequence + 1, what
        )
    assert bool(problems.keys() - {number + 2}) == (link.event == names.EVENT_CHECKPOINT)


def test_a_first_record_that_names_one_before_it_is_found(written: Path) -> None:
    """Where a chain begins there is no record to name, and the message names none."""
    change(written, lambda lines: lines.__setitem__(0, lines[0].replace(b"0" * 64, b"1" * 64)))
    first, second = checked(written).problems
    assert (first.line, first.sequence) == (1, 0)
    assert first.what == "The first record has the hash of another one before it: it was edited."
    assert second.what.startswith(f"Record 0 ({written}, line 1) does not match the hash in record 1:")


@pytest.mark.parametrize("number", range(LINES))
def test_a_removed_record_is_found(written: Path, number: int) -> None:
    """The number of a missing record is reported: the first, one in the middle, or the last."""
    link = read_link(written.read_bytes().splitlines()[number])
    assert link is not None
    change(written, lambda lines: lines.pop(number))
    problem_texts = [each.what for each in checked(written).problems if each.writer == link.writer]
    missing = f"Record {link.sequence} is missing before this one."
    cut = f"The ledger was cut here: {checkpoint_file(written)} has a copy of record {link.sequence}."
    assert problem_texts[0] == (cut if number == LINES - 1 else missing)


@pytest.mark.parametrize("number", range(LINES - 1))
def test_records_in_another_order_are_found(written: Path, number: int) -> None:
    """Two records that changed places are reported at both places."""

    def swap(lines: Lines) -> None:
        lines[number : number + 2] = reversed(lines[number : number + 2])

    change(written, swap)
    problems = checked(written).problems
    assert [problem.line for problem in problems][:2] == [number + 1, number + 2]
    assert "it was moved, added or repeated." in problems[1].what


@pytest.mark.parametrize("number", range(LINES))
def test_a_repeated_record_is_found(written: Path, number: int) -> None:
    """A record that occurs twice is reported where it is repeated."""
    change(written, lambda lines: lines.append(lines[number]))
    assert [problem.line for problem in checked(written).problems] == [2 * LINES + 1]
    change(written, lambda lines: lines.insert(number + 1, lines[number]))
    assert [problem.line for problem in checked(written).problems] == [number + 2, 2 * LINES + 2]


@pytest.mark.parametrize("left", range(LINES))
def test_a_cut_is_found(written: Path, left: int) -> None:
    """However much of a ledger remains, the file of checkpoints shows that there was more."""
    whole = written.read_bytes().splitlines(keepends=True)
    written.write_bytes(b"".join(whole[:left]))
    problems = checked(written).problems
    assert any("The ledger was cut here" in problem.what for problem in problems) == bool(left)
    assert sum("All records of this process are missing." in problem.what for problem in problems) == 1 + (
        not left
    )
    written.write_bytes(b"".join(whole[:left]) + whole[left][:-20])
    verified = checked(written)
    assert verified.problems
    assert [note.line for note in verified.notes if "Incomplete line" in note.what] == [left + 1]


def rewritten(lines: Lines) -> Lines:
    """The lines of a forger who knows the format: each has the right hash of the one before it."""
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


def test_a_chain_made_anew_is_found_by_the_checkpoint_file(written: Path) -> None:
    """Who changes a record and every hash after it has not changed the other file."""
    change(written, rewritten)
    problems = checked(written).problems
    assert {problem.what for problem in problems} == {
        f"The checkpoint differs from its copy in {checkpoint_file(written)}."
    }


def test_a_chain_made_anew_is_found_by_signatures(written: Path, keys: tuple[Path, Path]) -> None:
    """Who changes both files has no key: signatures find it, and only they do."""
    change(written, rewritten)
    lines = written.read_bytes().splitlines(keepends=True)
    checkpoint_file(written).write_bytes(
        b"".join(line for line in lines if names.EVENT_CHECKPOINT.encode() in line)
    )
    assert checked(written).problems == ()
    problems = checked(written, keys[1]).problems
    assert {problem.what for problem in problems} == {
        "The signature of the checkpoint is invalid.",
        "No checkpoint of this process is signed.",
    }


def test_a_made_up_writer_is_found_by_signatures(
    written: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    """Records of a writer without our key are none of ours, whether they have another one or none."""
    made = ledger(written)
    made.record(call())
    made.close()
    assert {problem.what for problem in checked(written, keys[1]).problems} == {
        "The checkpoint is not signed.",
        "No checkpoint of this process is signed.",
    }
    openssl("genpkey", "-algorithm", "ed25519", "-out", str(tmp_path / "other.pem"))
    other = ledger(tmp_path / "other.jsonl", key=str(tmp_path / "other.pem"))
    other.record(call())
    other.close()
    problems = checked(tmp_path / "other.jsonl", keys[1]).problems
    assert re.fullmatch(r"The checkpoint is signed with another key: [0-9a-f]{16}\.", problems[0].what)


def test_what_is_no_record_is_found(written: Path) -> None:
    """Lines that were put in are named, and not quoted: they may be content. An empty one does no harm."""
    change(written, lambda lines: lines.insert(3, b'{"verdict": "eligible"}\n'))
    change(written, lambda lines: lines.insert(5, b"\xff\xfe\n"))
    change(written, lambda lines: lines.insert(7, b"\n"))
    problems = checked(written).problems
    assert [(problem.line, problem.what) for problem in problems] == [
        (4, "Not a record of a ledger: no OTLP document."),
        (6, "Not a record of a ledger: not UTF-8."),
    ]


def test_the_checkpoint_file_is_checked_too(written: Path) -> None:
    """A change or removal is reported; only the last checkpoint may be missing, after a crash."""
    change(checkpoint_file(written), lambda lines: lines.pop(1))
    assert [problem.what for problem in checked(written).problems] == [
        f"The checkpoint has no copy in {checkpoint_file(written)}."
    ]
    change(checkpoint_file(written), lambda lines: lines.pop())
    assert len(checked(written).problems) == 2
    change(checkpoint_file(written), lambda lines: lines.append(b"?\n"))
    assert checked(written).problems[0].file == str(checkpoint_file(written))
    checkpoint_file(written).unlink()
    (problem,) = checked(written).problems
    assert "The checkpoint file is missing: without it a cut" in problem.what


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
    first, second, *_ = files = find_ledgers([aside])
    assert len(files) > 3
    packed = Path(f"{second}.gz")
    packed.write_bytes(gzip.compress(second.read_bytes()))
    text = second.read_bytes()
    second.unlink()
    assert checked(aside).problems == ()
    packed.write_bytes(packed.read_bytes()[:-100])
    problem = checked(aside).problems[0]
    assert (problem.file, problem.what) == (str(packed), "The file can't be decompressed any further.")
    packed.unlink()
    (problem,) = checked(aside).problems
    assert re.fullmatch(r"Records? .* missing before this one\.", problem.what)
    second.write_bytes(text)
    first.unlink()
    problem = checked(aside).problems[0]
    assert re.fullmatch(r"Records? 0.* missing before this one\.", problem.what)
    assert problem.line == 1


def test_a_process_whose_file_is_gone_is_found(tmp_path: Path) -> None:
    """In a directory one file has the checkpoints of all processes, so a missing file is noticed."""
    place = tmp_path / "ledgers"
    place.mkdir()
    for _ in range(2):
        made = ledger(place)
        made.record(call())
        made.close()
    assert checked(place).problems == ()
    gone = find_ledgers([place])[0]
    gone.unlink()
    (problem,) = checked(place).problems
    assert (problem.file, problem.writer) == (str(place / "ledger.checkpoints"), gone.stem)
    assert problem.what == "All records of this process are missing."


def test_of_very_many_problems_the_first_are_reported(written: Path) -> None:
    """However much is wrong, memory is bounded."""
    with written.open("ab") as file:
        file.writelines(b"?\n" for _ in range(3000))
    verified = checked(written)
    assert (len(verified.problems), verified.unknown) == (1000, 2000)


class Kept(NamedTuple):
    """A sound ledger of one or several services."""

    place: Path
    """What is verified: a file, or a folder."""
    public: tuple[Path, ...]
    """The key that it is signed with, if it is."""
    files: dict[Path, bytes]
    """Unpacked, and with the checkpoints."""

    def __repr__(self) -> str:
        return f"Kept({self.place})"  # hypothesis warns of long ones

    def restore(self, files: dict[Path, bytes]) -> None:
        """Write these files and delete all others."""
        for path in self.files:
            path.unlink(missing_ok=True)
        for path, text in files.items():
            path.write_bytes(PACK.get(path.suffix, bytes)(text))

    @property
    def ledgers(self) -> list[Path]:
        """The files that hold records."""
        return find_ledgers([self.place])


PACK = {".gz": gzip.compress, ".zst": zstd.compress}
KINDS = ("one", "rotated", "each", "several")


def unpacked(path: Path) -> bytes:
    """What is in a file."""
    with path.open("rb") as file:
        return decompressed(file, path).read()


def kept(folder: Path, kind: str, key: Path | None) -> Path:
    """Leave a ledger of three writers: in one file, with files put aside, in a file each, or several such."""
    problem_texts: dict[str, Any] = {"key": str(key)} if key else {}
    if kind == "rotated":
        problem_texts["rotate_bytes"] = 9000
    for writer in range(3):
        path = folder if kind == "each" else folder / f"ledger{writer if kind == 'several' else ''}.jsonl"
        made = ledger(path, **problem_texts)
        for number in range(5):
            made.record(call(model=f"m{number}"))
            assert made.flush()
        made.close()
    for path, end in zip(sorted(folder.glob("*Z")), (".gz", ".zst"), strict=False):
        path.with_name(path.name + end).write_bytes(PACK[end](path.read_bytes()))
        path.unlink()
    return folder if kind in ("each", "several") else folder / "ledger.jsonl"


@pytest.fixture(scope="module", params=[(kind, signed) for kind in KINDS for signed in (False, True)])
def sound(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, keys: tuple[Path, Path]
) -> Kept:
    """Ledgers of every kind."""
    kind, signed = request.param
    folder = tmp_path_factory.mktemp("sound")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "CHECKPOINT_RECORDS", 3)
        place = kept(folder, kind, keys[0] if signed else None)
    files = {path: unpacked(path) for path in folder.iterdir()}
    return Kept(place, keys[1:] if signed else (), files)


def chains(files: dict[Path, bytes], order: list[Path]) -> defaultdict[str, list[bytes]]:
    """The lines of each writer in their order, and those without a writer."""
    problem_texts = defaultdict(list)
    for path in order:
        for line in filter(bytes.strip, files.get(path, b"").split(b"\n")):
            link = read_link(line)
            problem_texts[link.writer if link is not None else ""].append(line)
    return problem_texts


class Tampering(NamedTuple):
    """A change of files; numbers are places, and begin again after the last one."""

    what: str
    file: int
    place: int
    other_file: int
    other_place: int
    made: Edit

    def do(self, files: dict[Path, bytes], paths: list[Path], keys: Lines) -> None:
        """Do it to `files`, at `paths`; `known` are lines that were in them."""
        path, other_path = paths[self.file % len(paths)], paths[self.other_file % len(paths)]
        text = files.get(path, b"")
        lines = text.splitlines(keepends=True)
        if not lines:
            return
        byte, line, other = self.place % len(text), self.place % len(lines), self.other_place % len(lines)
        if self.what == "drop":
            del files[path]
            return
        if self.what == "change":
            files[path] = text[:byte] + bytes([self.other_place % 256]) + text[byte + 1 :]
            return
        if self.what == "cut":
            files[path] = text[:byte]
            return
        taken = lines[line]
        if self.what == "delete":
            del lines[line : line + self.other_file % len(lines) + 1]
        elif self.what == "swap":
            lines[line], lines[other] = lines[other], lines[line]
        elif self.what == "put":
            lines.insert(line, self.made(keys[self.other_place % len(keys)]) + b"\n")
        elif self.what == "move":
            del lines[line]
        files[path] = b"".join(lines)
        if self.what in ("move", "repeat"):
            other_lines = files.get(other_path, b"").splitlines(keepends=True)
            other_lines.insert(self.other_place % (len(other_lines) + 1), taken)
            files[other_path] = b"".join(other_lines)


def nested(line: bytes) -> bytes:
    """A document so deep that one who reads it from further below gives up."""
    return line.rstrip()[:-1] + b',"x":' + b"[" * 900 + b"]" * 900 + b"}"


def again(line: bytes) -> bytes:
    """A line whose event key occurs twice: the last one counts."""
    more = f'"attributes":[],"eventName":"{names.EVENT_CALL}"}}]'
    return line.rstrip().replace(b'}],"schemaUrl"', b"," + more.encode() + b',"schemaUrl"')


def doubled(line: bytes) -> bytes:
    """A line with two records."""
    start, end = line.index(b'{"timeUnixNano"'), line.index(b'],"schemaUrl"')
    return line[:end] + b"," + line[start:].rstrip()


def spaced(line: bytes) -> bytes:
    """A record as another program writes it."""
    return json.dumps(json.loads(line)).encode()


def escaped(line: bytes) -> bytes:
    """No JSON, but a reader that cuts numbers out of text takes it for a record."""
    return re.sub(rb'(previous","value":{"stringValue":"[0-9a-f]*)"', rb'\1\\"', line.rstrip())


FOREIGN: tuple[Edit, ...] = (
    again,
    doubled,
    escaped,
    nested,
    spaced,
    bytes.strip,
    lambda line: line.strip() + b"\r",
    lambda line: b"\xef\xbb\xbf" + line.strip(),
    lambda line: b"\0" * 8 + line.strip(),
    lambda _: b"\0" * 8,
    lambda line: line.decode().strip().encode("utf-16-le"),
    lambda line: line.replace(
        b'sequence","value":{"intValue":"', b'sequence","value":{"intValue":"' + b"9" * 5000
    ).strip(),
    lambda _: b'{"resourceLogs":[' + b"9" * 5000 + b"]}",
    lambda line: re.sub(rb'"[0-9a-f]{32}"', b'"' + b"e" * 32 + b'"', line.strip()),
)
"""What is like a line, and none that was written there."""
PLACES = st.integers(0, 1 << 17)
WHATS = st.sampled_from(("change", "cut", "drop", "delete", "swap", "repeat", "move", "put"))
TAMPERINGS = st.builds(Tampering, WHATS, PLACES, PLACES, PLACES, PLACES, st.sampled_from(FOREIGN))


@settings(deadline=None, max_examples=150)
@given(done=st.lists(TAMPERINGS, min_size=1, max_size=3))
def test_whatever_is_done_to_a_ledger_is_found(sound: Kept, done: list[Tampering]) -> None:
    """Who can write to ledgers and not to the checkpoints can't touch a line of a process that has ended."""
    sound.restore(sound.files)
    paths, order = sound.ledgers, sound.ledgers
    files = dict(sound.files)
    keys = [line for path in paths for line in files[path].splitlines()]
    for each in done:
        each.do(files, paths, keys)
    before, after = chains(sound.files, order), chains(files, order)
    assume(before != after)
    sound.restore(files)
    try:
        verified = checked(sound.place, *sound.public)
    except FileNotFoundError:  # the only file
        return
    changed = {writer for writer in before.keys() | after.keys() if before.get(writer) != after.get(writer)}
    if verified.problems:
        assert changed & {problem.writer for problem in verified.problems}
        assert {problem.file for problem in verified.problems} <= {*map(str, sound.files)}
    else:  # without a key anybody can make up a process, that seems to have been killed at its beginning
        assert not sound.public
        assert changed <= {note.writer for note in verified.notes} - before.keys()


@pytest.mark.parametrize("made", FOREIGN)
@pytest.mark.parametrize("event", [names.EVENT_CALL, names.EVENT_CHECKPOINT])
def test_no_line_is_counted_by_the_report_and_passed_here(
    written: Path, keys: tuple[Path, Path], made: Edit, event: str
) -> None:
    """Each line that is appended to a ledger, also by a signer, is a problem at its line."""
    lines = written.read_bytes().splitlines()
    line = made(next(line for line in lines if event.encode() in line))
    change(written, lambda lines: lines.append(line + b"\n"))
    assert checked(written, keys[1]).problems[0].line == 2 * LINES + 1


def test_what_is_only_noted_is_counted_by_nobody(written: Path, tmp_path: Path) -> None:
    """A record that was cut is none for the report."""
    change(written, lambda lines: lines.append(lines[1][:-30]))
    assert checked(written).problems == ()
    rows = tmp_path / "rows"
    part = read_part(ReadTask(written, 0, written.stat().st_size), rows, frozenset(), lambda _: None)
    assert part.unread_lines == 1
    assert sum(json.loads(row)["calls"] for row in rows.read_text().splitlines()) == 2 * LINES


def test_a_line_that_is_too_long_is_found(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cut record that runs into another one is one line to a report, and reported once."""
    whole = written.read_bytes().splitlines()[1]
    monkeypatch.setattr(line_module, "LONGEST", 40_000)
    too_long = "Not a record of a ledger: longer than 40000 bytes."
    begun = whole[:-1] + b',"x":[' + b" " * 50_000
    for line in (begun[:40_000] + b'{"resourceLogs":[]}]}', begun[:40_000], whole + b" " * 50_000):
        before = written.read_bytes()
        written.write_bytes(before + line + b"\n")
        (problem,) = checked(written).problems
        assert (problem.line, problem.what) == (2 * LINES + 1, too_long)
        written.write_bytes(before)


def test_what_stands_behind_a_record_in_its_line_is_found(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does a line pass whose beginning, as far as it is read at a time, is a record."""
    longest = 50_000
    monkeypatch.setattr(line_module, "LONGEST", longest)
    _, line = Chain().add(Record(names.EVENT_CALL, 1, 2, {"x": ""}))
    line = line.replace(
        b'"x","value":{"stringValue":"', b'"x","value":{"stringValue":"' + b"x" * (longest - len(line))
    )
    with written.open("ab") as file:
        file.write(line + b" " * longest + b"\n")
    (problem,) = checked(written).problems
    assert problem.line == 2 * LINES + 1


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_a_cut_by_the_writer_is_only_noted(data: st.DataObject) -> None:
    """A record whose end is missing, at any byte, was cut by a crash, whichever characters it has."""
    text = data.draw(st.text())
    record = Record(names.EVENT_CALL, 1, 2, {"ä": text, "b": [True, False, 12, text]}, resource={text: text})
    _, line = Chain().add(record)
    cut = line[: data.draw(st.integers(1, len(line) - 1))]
    assert is_cut(cut)
    assert not is_cut(line)


def replace(old: str, new: str) -> Edit:
    """Puts `new` where the pattern `old` is."""
    return lambda line: re.sub(old.encode(), new.encode(), line)


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(replace('(closed","value":{"boolValue":)true', r"\1false"), id="end"),
        pytest.param(replace(names.EVENT_CHECKPOINT, names.EVENT_CALL), id="event"),
        pytest.param(again, id="second event"),
        pytest.param(doubled, id="second record"),
        pytest.param(replace('"claims"', '"others"'), id="resource"),
        pytest.param(replace('(dropped","value":{"intValue":)"3"', r'\1"0"'), id="dropped"),
        pytest.param(replace('(signature","value":{"stringValue":")...', r"\1AAA"), id="signature"),
        pytest.param(replace('(signature","value":{"stringValue":"[^"]*)=="', r'\1"'), id="padding"),
        pytest.param(replace('(ledger.key","value":{"stringValue":")[^"]*', r"\1abcdef"), id="key"),
        pytest.param(replace(',{"key":"residency.ledger.signature".*?}}', ""), id="no signature"),
    ],
)
def test_the_last_checkpoint_is_signed_as_it_stands(
    tmp_path: Path, keys: tuple[Path, Path], edit: Edit
) -> None:
    """Who can write to both files, and has no key, can't change a letter of the last line either."""
    path = tmp_path / "ledger.jsonl"
    made = ledger(path, key=str(keys[0]))
    made.record(call())
    made._dropped = 3
    made.close()
    assert (checked(path, keys[1]).problems, checked(path, keys[1]).dropped) == ((), 3)
    *lines, last = path.read_bytes().splitlines(keepends=True)
    assert edit(last) != last
    path.write_bytes(b"".join(lines) + edit(last))
    checkpoint_file(path).write_bytes(edit(last))
    assert checked(path, keys[1]).problems


@pytest.fixture
def cut_back(tmp_path: Path, keys: tuple[Path, Path]) -> tuple[Path, Chain]:
    """A signed ledger, cut back to its first checkpoint in both files, and its chain to go on with."""
    path = tmp_path / "ledger.jsonl"
    made = ledger(path, key=str(keys[0]))
    for _ in range(3):
        made.record(call())
        assert made.flush()
    made.close()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3]))
    checkpoint_file(path).write_bytes(lines[2])
    link = read_link(lines[2].rstrip())
    assert link is not None
    chain = Chain()
    chain.writer, chain._sequence, chain._head = link.writer, 3, digest(lines[2].rstrip())
    return path, chain


def test_records_made_up_behind_a_checkpoint_are_few(
    cut_back: tuple[Path, Chain], keys: tuple[Path, Path]
) -> None:
    """Cutting both files back is only noted, and so is what is put there: as much as a writer may leave."""
    path, chain = cut_back
    assert checked(path, keys[1]).problems == ()
    record = Record(names.EVENT_CALL, 1, 2, {})
    with path.open("ab") as file:
        file.writelines(chain.add(record)[1] + b"\n" for _ in range(2000))
    verified = checked(path, keys[1])
    assert verified.problems == ()
    assert verified.notes[0].what.endswith("Records after 2 have no checkpoint yet.")
    with path.open("ab") as file:
        file.write(chain.add(record)[1] + b"\n")
    (problem,) = checked(path, keys[1]).problems
    assert problem.what == "2001 records have no checkpoint: a process leaves at most 2000."


def test_records_made_up_behind_an_end_are_found(written: Path, keys: tuple[Path, Path]) -> None:
    """After the final checkpoint of a process no record continues its chain."""
    last = written.read_bytes().splitlines()[-1]
    link = read_link(last)
    assert link is not None
    chain = Chain()
    chain.writer, chain._sequence, chain._head = link.writer, link.sequence + 1, digest(last)
    with written.open("ab") as file:
        file.write(chain.add(Record(names.EVENT_CALL, 1, 2, {}))[1] + b"\n")
    for public in ((), keys[1:]):
        (problem,) = checked(written, *public).problems
        assert (problem.line, problem.what) == (
            2 * LINES + 1,
            "The process had ended its chain before: this record was added later.",
        )


@pytest.mark.parametrize("made", [again, doubled])
def test_a_line_made_up_behind_a_checkpoint_holds_one_record(
    cut_back: tuple[Path, Chain], made: Edit
) -> None:
    """Lines after the last checkpoint are read as all are: none can hide others."""
    path, chain = cut_back
    _, line = chain.add(Record(names.EVENT_POLICY, 1, 2, {}))
    with path.open("ab") as file:
        file.write(made(line) + b"\n")
    (problem,) = checked(path).problems
    assert (problem.line, problem.what) == (
        4,
        "Not a record of a ledger: it has not exactly the bytes of one record.",
    )


def test_checkpoints_in_another_folder_are_found(written: Path) -> None:
    """Without write access to the checkpoints nobody can add a process that ended in order."""
    other = ledger(written.parent / "other.jsonl")
    other.record(call())
    other.close()
    with written.open("ab") as file:
        file.write((written.parent / "other.jsonl").read_bytes())
    (problem,) = checked(written).problems
    assert problem.line == 2 * LINES + 3
    assert problem.what == f"The checkpoint has no copy in {checkpoint_file(written)}."


def test_a_checkpoint_that_comes_while_one_reads_is_none_that_is_missing(written: Path) -> None:
    """A ledger may be verified while it is written: a checkpoint that is missing at first is read again."""
    text = checkpoint_file(written).read_bytes()
    checkpoint_file(written).write_bytes(b"".join(text.splitlines(keepends=True)[:2]))

    def come(_: int) -> None:
        checkpoint_file(written).write_bytes(text)

    assert verify([written], {}, come).problems == ()


def test_two_checkpoints_of_one_number_are_found(written: Path) -> None:
    """Appending to the checkpoints does not replace the earlier ones."""
    first = checkpoint_file(written).read_bytes().splitlines(keepends=True)[0]
    with checkpoint_file(written).open("ab") as file:
        file.write(first + first.replace(b"claims", b"Claims"))
    (problem,) = checked(written).problems
    assert (problem.line, problem.what) == (
        8,
        "This checkpoint occurs twice, with different content.",
    )


def test_all_that_a_report_reads_is_looked_at(written: Path) -> None:
    """In a folder each file is verified, whatever its name and depth."""
    record = written.read_bytes().splitlines(keepends=True)[1]
    for name in ("others.json", "2026/ledger.jsonl", "ledger.jsonl.1"):
        path = written.parent / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(record)
        assert str(path) in {problem.file for problem in checked(written.parent).problems}
        path.unlink()
    assert checked(written.parent).problems == ()


@pytest.mark.parametrize("compress", [gzip.compress, zstd.compress])
def test_a_packed_ledger_is_recognised_by_its_content(written: Path, compress: Edit) -> None:
    """The name does not matter; a file that is cut or damaged is reported."""
    packed = compress(written.read_bytes())
    written.write_bytes(packed)
    assert (checked(written).problems, checked(written).lines) == ((), 2 * LINES)
    written.write_bytes(packed[:-20])
    assert "The file can't be decompressed any further." in {
        problem.what for problem in checked(written).problems
    }


def test_a_ledger_that_can_not_be_unpacked_is_not_verified(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the library is missing this is no tampering, but an error with its fix."""
    written.write_bytes(zstd.compress(written.read_bytes()))
    monkeypatch.setitem(sys.modules, "backports", None)
    with pytest.raises(AuditError, match=r"install backports\.zstd"):
        checked(written)


@pytest.mark.parametrize(
    ("problem", "problem_texts"),
    [
        (LedgerProblem("a.jsonl", 3, "0f", 7, "Cut here."), "a.jsonl:3: writer 0f, record 7: Cut here."),
        (LedgerProblem("a.jsonl", 3, "", None, "No record."), "a.jsonl:3: No record."),
        (LedgerProblem("a.checkpoints", 0, "", None, "Missing."), "a.checkpoints: Missing."),
    ],
)
def test_a_problem_is_one_line(problem: LedgerProblem, problem_texts: str) -> None:
    """It names its place as compilers do, and leaves out what is unknown."""
    assert str(problem) == problem_texts
