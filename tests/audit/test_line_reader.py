"""The reader that parses the first line of each kind finds in every line what the parser finds."""

import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_residency.audit import line_reader
from otel_residency.audit.line_reader import LineReader
from otel_residency.audit.otlp import NotOtlpError
from otel_residency.audit.rows import ParsedLine, read_line
from otel_residency.records.chain import Chain
from otel_residency.records.record import Record
from otel_residency.telemetry import names
from tests.audit.test_forgeries import EDITS

TIME = 1_790_000_000_000_000_000
STRINGS = re.compile(rb'(?<=")[^"\\]*(?=")')


def lines(event: str = names.EVENT_CALL, resource: dict[str, object] | None = None) -> list[bytes]:
    """Two lines of one kind, and one of another."""
    chain, made = Chain(), []
    for number, verdict in enumerate(("eligible", "eligible", "ineligible")):
        attributes = {
            names.VERDICT: verdict,
            names.LEDGER_DROPPED: 3,
            names.EVIDENCE["request_id"]: f"req_{number}",
            names.EVIDENCE["peer_address"]: f"10.0.0.{number}",
            names.DURATION: 10**number,
            names.FACTS: '{"model":"\N{EURO SIGN}"}',
        }
        record = Record(
            event=event,
            time=TIME + number * 86_400 * 10**9,
            observed=TIME + number,
            attributes=attributes,
            trace_id=f"{number:032x}",
            span_id=f"{number:016x}",
            resource=resource or {"service.name": "claims"},
        )
        made.append(chain.add(record)[1])
    return made


def outcome(read: Callable[[bytes], ParsedLine], line: bytes) -> ParsedLine | str:
    """What is read, or why nothing is."""
    try:
        return read(line)
    except NotOtlpError as error:
        return str(error)


def reader_after(*read: bytes) -> LineReader:
    """A reader that has read these lines."""
    reader = LineReader()
    for line in read:
        outcome(reader.read, line)
    return reader


def test_a_second_line_of_a_kind_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its row and link are those that the parser finds."""
    first, second, other = lines()
    expected = read_line(second)
    reader = reader_after(first)
    parsed: list[bytes] = []
    monkeypatch.setattr(line_reader, "read_line", lambda line, _: parsed.append(line) or read_line(line))
    assert reader.read(second) == reader.read(second + b"\n") == expected
    assert not parsed
    reader.read(other)
    assert parsed == [other]


VALUES = (
    *(
        b"",
        b"-1",
        b"007",
        b"9" * 18,
        b"9" * 20,
        b"0" * 64,
        b"x",
        b'"',
        b"\\",
        b'\\"',
        b"\\u0041",
        b"\xc3\xa9",
    ),
    *(b"\xff", b"\x7f", b"\x00", b"\n"),
)


def replaced(line: bytes) -> Iterator[bytes]:
    """The line with each of these in place of each of its strings."""
    for found in STRINGS.finditer(line):
        for value in VALUES:
            yield line[: found.start()] + value + line[found.end() :]


def test_a_line_with_another_string_is_read_as_the_parser_reads_it() -> None:
    """Whichever string it is, and whichever of the two lines was read first."""
    first, second, _ = lines()
    for changed in replaced(second):
        assert outcome(reader_after(first).read, changed) == outcome(read_line, changed)
        assert outcome(reader_after(changed).read, second) == outcome(read_line, second)


@settings(deadline=None, max_examples=100)
@given(edit=st.sampled_from(EDITS), at=st.integers(0, 1 << 16), more=st.binary(max_size=3))
def test_any_other_line_is_read_as_the_parser_reads_it(
    edit: Callable[[bytes], bytes], at: int, more: bytes
) -> None:
    """Whatever is done to it, and whatever the line before it was."""
    first, second, _ = lines()
    changed = edit(second)
    at %= len(changed) + 1
    changed = changed[:at] + more + changed[at:]
    for read, line in ((first, changed), (edit(first), changed), (changed, second)):
        assert outcome(reader_after(read).read, line) == outcome(read_line, line)


NUMBER = re.compile(rb'(sequence","value":\{)"intValue":"(\d+)"')
FACTS = b'{"key":"residency.facts"'
OTHERWISE: tuple[Callable[[bytes], bytes], ...] = (
    lambda line: NUMBER.sub(rb'\1"intValue":\2', line),
    lambda line: NUMBER.sub(rb'\1"boolValue":true,"intValue":"\2"', line),
    lambda line: re.sub(rb'"timeUnixNano":"(\d+)"', rb'"timeUnixNano":\1', line),
    lambda line: re.sub(rb'"timeUnixNano":"(\d+)",', b"", line),
)
"""Other ways to write a time or number, by which their markers are not in the line."""


@pytest.mark.parametrize("edit", OTHERWISE)
@pytest.mark.parametrize("name", [names.LEDGER_SEQUENCE, names.LEDGER_PREVIOUS, names.DURATION, ""])
@pytest.mark.parametrize("before", [FACTS, b'{"key":"service.name"'])
def test_a_line_that_is_written_otherwise(edit: Callable[[bytes], bytes], name: str, before: bytes) -> None:
    """Nor is another attribute with the name of a link, before or behind it, taken for the link."""
    made = []
    for number, line in enumerate(map(edit, lines())):
        other = b'{"key":"%b","value":{"intValue":"%d"}},' % (name.encode(), number) if name else b""
        made.append(line.replace(before, other + before))
    for line in made:
        assert outcome(reader_after(made[0]).read, line) == outcome(read_line, line)


def test_only_calls_are_kept_and_never_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint is parsed always; kept lines are forgotten before they take too much memory."""
    assert not reader_after(*lines(names.EVENT_CHECKPOINT))._kinds
    monkeypatch.setattr(line_reader, "KEPT", 1)
    assert len(reader_after(*lines())._kinds) == 1
