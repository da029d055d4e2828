"""Files to counted rows."""

import gzip
import json
import random
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_residency.audit import read, row_counts
from otel_residency.audit.read import ReadPart, ReadTask, read_part
from otel_residency.audit.rows import NUMBERS, TEXTS, read_line
from otel_residency.errors import AuditError
from otel_residency.records import line as line_module
from otel_residency.records.compressed import is_compressed
from otel_residency.records.files import find_readable_ledgers
from tests.audit.ledgers import DAY, Ledger, facts, span
from tests.internet import US

NOT_ALLOWED = "not what OTLP allows: Expected"
Reading = tuple[list[ReadPart], Counter[tuple[str, ...]]]


def reading(tasks: list[ReadTask], folder: Path) -> Reading:
    """Read the tasks, and how often each row is counted."""
    parts, counted = [], Counter[tuple[str, ...]]()
    for number, task in enumerate(tasks):
        target = folder / f"{number}.rows"
        parts.append(read_part(task, target, frozenset({US}), lambda _: None))
        for line in target.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            counted[tuple(row[name] for name in TEXTS)] += row["calls"]
    return parts, counted


def plainly(text: bytes) -> Counter[tuple[str, ...]]:
    """The same, by parsing each line."""
    counted = Counter[tuple[str, ...]]()
    for line in text.split(b"\n"):
        with suppress(ValueError):
            counted.update(row.key for row in read_line(line, frozenset({US})).rows)
    return counted


def whole(path: Path) -> ReadTask:
    """A task for all of a file."""
    return ReadTask(path, 0, None if is_compressed(path) else path.stat().st_size)


@pytest.fixture
def several() -> bytes:
    """Lines of two services on two days, and of a Collector, mixed."""
    claims, letters = Ledger("claims"), Ledger("letters")
    for second in range(20):
        claims.call(facts(), second)
        claims.call(facts(US), second)
        letters.call(facts(on=DAY.replace(day=11)), second, duration=None)
    letters.end()
    notebooks = Ledger("notebooks")
    lines = [
        *claims.text.splitlines(keepends=True),
        *letters.text.splitlines(keepends=True),
        span(claims, facts(US)),
        *(span(notebooks, facts(US), ours=False) for _ in range(3)),
    ]
    random.Random(7).shuffle(lines)  # noqa: S311 - the same order each time
    return b"".join(lines)


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_a_file_in_parts_gives_the_same_rows(tmp_path_factory: Any, data: st.DataObject) -> None:
    """Wherever a file is split, each line belongs to one part, and what is cut out changes no count."""
    claims = Ledger("claims")
    for second in range(6):
        claims.call(facts() if second % 2 else facts(US), second)
    text = claims.text + b"no JSON\n\n" + claims.text[: data.draw(st.integers(0, 900))]
    folder = tmp_path_factory.mktemp("read")
    file = folder / "ledger.jsonl"
    file.write_bytes(text)
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    bounds = [0, *places, len(text)]
    parts, counted = reading([ReadTask(file, *each) for each in pairwise(bounds)], folder)
    assert counted == plainly(text)
    assert sum(part.lines for part in parts) == len(text.split(b"\n")) - text.endswith(b"\n")


def test_what_is_counted_is_what_is_parsed(several: bytes, tmp_path: Path) -> None:
    """Whatever the order of lines and writers, each row is counted as often as it is there."""
    file = tmp_path / "all.jsonl"
    file.write_bytes(several)
    _, counted = reading([whole(file)], tmp_path)
    assert counted == plainly(several)
    assert sum(counted.values()) == 67


def test_memory_is_bounded(several: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was counted is written down in between, and nothing is lost or counted twice."""
    monkeypatch.setattr(row_counts, "KEPT", 10_000)
    monkeypatch.setattr(read, "BLOCK", 1_000)
    file = tmp_path / "all.jsonl"
    file.write_bytes(several)
    _, counted = reading([whole(file)], tmp_path)
    assert counted == plainly(several)


@pytest.mark.parametrize("bad", [b"\\", b"\\u00e9", b"\x01", b"\xff", "é".encode()])
def test_a_value_that_is_cut_out_is_read_where_it_is_not_plain(
    several: bytes, tmp_path: Path, bad: bytes
) -> None:
    """What would be no JSON is not counted because its like was seen, and what is JSON is."""
    lines = several.splitlines()
    lines[3] = lines[3].replace(b'"traceId":"', b'"traceId":"' + bad)
    (tmp_path / "all.jsonl").write_bytes(b"\n".join(lines))
    parts, counted = reading([whole(tmp_path / "all.jsonl")], tmp_path)
    assert counted == plainly(b"\n".join(lines))
    assert sum(part.unread_lines for part in parts) == (bad not in (b"\\u00e9", "é".encode()))


@pytest.mark.parametrize("compress", [gzip.compress, zstd.compress])
def test_compressed_files_are_read_by_what_they_are(
    several: bytes, tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    """The name does not matter, and what was appended as another frame is read too."""
    half = several.index(b"\n", len(several) // 2) + 1
    file = tmp_path / "all.jsonl"
    file.write_bytes(compress(several[:half]) + compress(several[half:]))
    parts, counted = reading([whole(file)], tmp_path)
    assert counted == plainly(several)
    assert parts[0].unread == ()


@pytest.mark.parametrize("compress", [gzip.compress, zstd.compress])
def test_a_compressed_file_that_is_cut_is_read_as_far_as_it_goes(
    several: bytes, tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    """Its end is told of as a line that can't be read."""
    file = tmp_path / "all.jsonl"
    file.write_bytes(compress(several)[:-200])
    parts, counted = reading([whole(file)], tmp_path)
    assert sum(counted.values()) < 67
    assert parts[0].unread_lines == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"resourceLogs":[{"secret', "not JSON: Input data was truncated"),
        (b"secret", "not JSON: JSON is malformed: invalid character (byte 0)"),
        (b'"\xff secret"', "not UTF-8"),
        (b'{"x":' + b"[" * 100_000, "nested too deeply"),
        (b"[]", "not what OTLP allows: Expected `object`, got `array`"),
        (b'{"secret":1}', "no OTLP document"),
        (
            b'{"resourceLogs":"secret"}',
            "not what OTLP allows: Expected `array | null`, got `str` - at `$.resourceLogs`",
        ),
        (
            b'{"resourceSpans":[{"scopeSpans":[{"spans":["secret"]}]}]}',
            f"{NOT_ALLOWED} `object`, got `str` - at `$.resourceSpans[0].scopeSpans[0].spans[0]`",
        ),
    ],
)
def test_a_line_that_cannot_be_read_is_reported_without_its_content(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    """Its number and what is wrong are told; the lines around it count."""
    ledger = Ledger()
    ledger.call(facts())
    file = tmp_path / "ledger.jsonl"
    file.write_bytes(ledger.lines[0] + b"\n" + line + b"\n" + ledger.lines[1] + b"\n")
    parts, counted = reading([whole(file)], tmp_path)
    assert [(each.line, each.reason) for each in parts[0].unread] == [(2, reason)]
    assert sum(counted.values()) == 2


@pytest.mark.parametrize("time", [10**30, -(10**30), "soon"])
def test_a_time_that_is_none_is_reported(tmp_path: Path, time: Any) -> None:
    """A line of a kind that was seen before, with a time that no calendar has, can't be read."""
    ledger = Ledger()
    for second in range(4):
        ledger.call(facts(), second)
    lines = [
        *ledger.lines[:-1],
        re.sub(
            rb'"timeUnixNano":"\d+"', b'"timeUnixNano":"%b"' % str(time).encode(), ledger.lines[-1], count=1
        ),
    ]
    file = tmp_path / "ledger.jsonl"
    file.write_bytes(b"\n".join(lines))
    parts, counted = reading([whole(file)], tmp_path)
    assert ([each.line for each in parts[0].unread], sum(counted.values())) == ([5], 4)


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is too long is told of once, and the next one is read."""
    monkeypatch.setattr(line_module, "LONGEST", 5_000)
    monkeypatch.setattr(read, "BLOCK", 1_000)
    ledger = Ledger()
    file = tmp_path / "ledger.jsonl"
    file.write_bytes(b'{"x":"' + b"x" * 50_000 + b'"}\n' + ledger.text)
    parts, counted = reading([whole(file)], tmp_path)
    assert [each.line for each in parts[0].unread] == [1]
    assert sum(counted.values()) == 1


def test_other_telemetry_is_no_mistake(tmp_path: Path) -> None:
    """Metrics, and spans of others to other hosts, are counted apart."""
    file = tmp_path / "all.jsonl"
    other = span(Ledger(), facts("db.example"), ours=False)
    file.write_bytes(b'{"resourceMetrics":[]}\n' + other)
    parts, counted = reading([whole(file)], tmp_path)
    assert (parts[0].foreign, parts[0].unread_lines, counted) == (2, 0, Counter())


def test_a_folder_means_its_files_but_not_the_side_files(tmp_path: Path) -> None:
    """A ledger means what was put aside of it, too; checkpoints beside it are no records of their own."""
    names = ["a.jsonl", "a.jsonl.20261120T101112000000Z", "a.jsonl.checkpoints", "b.json.zst"]
    for name in names:
        (tmp_path / name).touch()
    assert {each.name for each in find_readable_ledgers([tmp_path])} == {names[0], names[1], names[3]}
    assert {each.name for each in find_readable_ledgers([tmp_path / names[0]])} == {names[0], names[1]}


def test_what_is_not_there_is_reported(tmp_path: Path) -> None:
    """A path that does not exist, and a folder without files, are errors."""
    with pytest.raises(AuditError, match=r"no-such: no such file or folder$"):
        find_readable_ledgers([tmp_path / "no-such"])
    with pytest.raises(AuditError, match="no file in there"):
        find_readable_ledgers([tmp_path])


def test_a_row_has_every_column(tmp_path: Path) -> None:
    """What is written is what DuckDB is told to expect."""
    file = tmp_path / "ledger.jsonl"
    file.write_bytes(Ledger().text)
    reading([whole(file)], tmp_path)
    row = json.loads((tmp_path / "0.rows").read_text(encoding="utf-8"))
    assert tuple(row) == (*TEXTS, *NUMBERS)
