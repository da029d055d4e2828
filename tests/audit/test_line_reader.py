"""The reader that parses the first line of each kind finds in every line what the parser finds."""

import re
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
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


VALUES = st.sampled_from(
    [
        b"",
        b"-1",
        b"007",
        b"9" * 19,
        b"9" * 20,
        b"0" * 64,
        b"x",
        b'"',
        b'\\"',
        b"\\u0041",
        b"\xff",
        b"\x7f",
        b"\x00",
    ]
) | st.binary(max_size=8)


@settings(deadline=None, max_examples=150)
@given(at=st.integers(0, 200), value=VALUES, edit=st.sampled_from(EDITS), is_first=st.booleans())
@example(at=18, value=b"", edit=bytes, is_first=False)
def test_any_other_line_is_read_as_the_parser_reads_it(
    at: int, value: bytes, edit: Callable[[bytes], bytes], *, is_first: bool
) -> None:
    """Whichever string of it is replaced, whatever else is done to it, and whichever line was read first."""
    first, second, _ = lines()
    edited = edit(second)
    strings = list(STRINGS.finditer(edited)) or [re.compile(b"").match(edited)]
    found = strings[at % len(strings)]
    changed = edited[: found.start()] + value + edited[found.end() :]
    for read, line in ((first, changed), (changed, second), (edit(first), changed)):
        reader = reader_after(*((read, changed) if is_first else (read,)))
        assert outcome(reader.read, line) == outcome(read_line, line)


@pytest.mark.parametrize("name", [names.LEDGER_SEQUENCE, names.LEDGER_PREVIOUS, names.DURATION])
@pytest.mark.parametrize(
    "edit",
    [
        bytes,
        # The true number is one, so that its text is no marker.
        lambda line: re.sub(rb'("residency\.ledger\.sequence","value":\{"intValue":)"(\d+)"', rb"\1\2", line),
        lambda line: line.replace(b'"value":{"intValue":"', b'"value":{"boolValue":true,"intValue":"'),
        lambda line: re.sub(rb'"timeUnixNano":"(\d+)"', rb'"timeUnixNano":\1', line),
    ],
)
def test_a_link_that_is_there_twice(name: str, edit: Callable[[bytes], bytes]) -> None:
    """An attribute of the process with the name of a link is not taken for the link."""
    first, *_ = map(edit, lines(resource={name: 7}))
    for line in map(edit, lines(resource={name: 8})):
        assert outcome(reader_after(first).read, line) == outcome(read_line, line)


def test_only_calls_are_kept_and_never_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint is parsed always; kept lines are forgotten before they take too much memory."""
    assert not reader_after(*lines(names.EVENT_CHECKPOINT))._kinds
    monkeypatch.setattr(line_reader, "KEPT", 1)
    assert len(reader_after(*lines())._kinds) == 1
