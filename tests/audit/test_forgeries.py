"""Lines that are put around the records of a ledger: a report that `verify` passes counts none of them."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from otel_residency.audit.read import ReadTask, read_part
from otel_residency.audit.rows import TEXTS
from otel_residency.audit.verify import Verification, verify
from otel_residency.records.chain import Chain, digest
from otel_residency.records.files import find_checkpoints, find_ledgers
from otel_residency.records.record import Record
from otel_residency.records.signing import checker
from otel_residency.telemetry import names
from tests.audit.keys import openssl
from tests.audit.lines import read_link
from tests.ledger.calls import call, ledger

Edit = Callable[[bytes], bytes]


class Written(NamedTuple):
    """A ledger, and the key that it is signed with, if it is."""

    path: Path
    public: tuple[Path, ...]
    text: bytes

    def __repr__(self) -> str:
        return f"Written({self.path})"  # hypothesis shows it

    def verified(self) -> Verification:
        """The result of `verify`."""
        keys = dict(checker(key.read_bytes()) for key in self.public)
        return verify(find_ledgers([self.path]), keys, checkpoints=find_checkpoints([self.path]))

    def counted(self) -> Counter[tuple[str, ...]]:
        """The rows of a report, with how often each is there."""
        rows = self.path.with_name("rows")
        read_part(ReadTask(self.path, 0, self.path.stat().st_size), rows, frozenset(), lambda _: None)
        counted = Counter[tuple[str, ...]]()
        for row in map(json.loads, rows.read_text(encoding="utf-8").splitlines()):
            counted[tuple(row[name] for name in TEXTS)] += row["calls"]
        return counted


@pytest.fixture(scope="module", params=["with a key", "without"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The ledger of two processes, of which the second has not ended."""
    place = tmp_path_factory.mktemp("written")
    private, public = place / "keys" / "key.pem", place / "keys" / "public.pem"
    private.parent.mkdir()
    openssl("genpkey", "-algorithm", "ed25519", "-out", str(private))
    openssl("pkey", "-in", str(private), "-pubout", "-out", str(public))
    is_signed = request.param == "with a key"
    path = place / "ledgers" / "ledger.jsonl"
    path.parent.mkdir()
    for _ in range(2):
        made = ledger(path, key=str(private) if is_signed else "")
        for number in range(4):
            made.record(call(model=f"m{number}"))
            assert made.flush()
        made.close()
    text = b"".join(path.read_bytes().splitlines(keepends=True)[:-1])
    checkpoints = Path(f"{path}.checkpoints")
    checkpoints.write_bytes(b"".join(checkpoints.read_bytes().splitlines(keepends=True)[:-1]))
    return Written(path=path, public=(public,) if is_signed else (), text=text)


def records_of(line: bytes) -> bytes:
    """The text of the record in a line."""
    return line[line.index(b'{"timeUnixNano"') : line.rindex(b'],"schemaUrl"')]


def head_of(line: bytes) -> bytes:
    """The text before it."""
    return line[: line.index(b'{"timeUnixNano"')]


def many(line: bytes) -> bytes:
    """A thousand records."""
    rest = line[len(head_of(line)) + len(records_of(line)) :]
    return head_of(line) + b",".join([records_of(line)] * 1000) + rest


def unlinked(line: bytes) -> bytes:
    """A record as a Collector has it, without its place in the chain."""
    return re.sub(rb'\{"key":"residency\.ledger\.[a-z]+","value":\{[^}]*\}\},?', b"", line)


HEAD = b'{"key":"residency.ledger.head"'
SPANS = (
    b',"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{"name":"%b"},"spans":[' % names.SCOPE.encode()
    + b",".join([b'{"startTimeUnixNano":"1"}'] * 1000)
    + b"]}]}]}"
)
EDITS: tuple[Edit, ...] = (
    bytes,
    many,
    unlinked,
    lambda line: many(unlinked(line)),
    # A thousand records in JSON that breaks off: no record to a parser, a cut line to who looks at its end.
    lambda line: many(unlinked(line))[:-2] + b',"]}]}]}',
    lambda line: many(line)[:-2] + b',"]}]}]}',
    lambda line: many(line)[:-3],
    lambda line: line[:-30],
    lambda line: line + line,
    lambda line: line.replace(b'"eventName":', b'"eventName":"x","eventName":'),
    lambda line: line.replace(b'"attributes":[', b'"attributes":[],"attributes":[', 1),
    lambda line: line.replace(b'"logRecords":[', b'"logRecords":[{}],"logRecords":['),
    lambda line: line.replace(b'"eligible"', b'"ineligible"'),
    lambda line: line.replace(b'"intValue":"', b'"intValue":"' + b"9" * 19),
    lambda line: line.replace(b'"intValue":"', b'"stringValue":"1","intValue":"'),
    lambda line: line.replace(b'"timeUnixNano":"', b'"timeUnixNano":"253370764800000000000'),
    lambda line: line.replace(b'"stringValue":"m', b'"stringValue":"\\ud800'),
    lambda line: line.replace(b'"stringValue":"m', b'"stringValue":"\xff'),
    lambda line: line.replace(b'"boolValue":false', b'"boolValue":NaN'),
    lambda line: line.replace(b'"scope":{', b'"x":' + b"[" * 200 + b"]" * 200 + b',"scope":{'),
    lambda line: line.replace(b'"scope":{', b'"x":' + b"[" * 100_000 + b',"scope":{'),
    lambda line: line.replace(b'"scope":{', b'"x":' + b"9" * 5000 + b',"scope":{'),
    lambda line: line.replace(b":", b": "),
    lambda line: b"\xef\xbb\xbf" + line,
    lambda line: b"\0" + line,
    lambda line: line + b"\r",
    lambda line: json.dumps(json.loads(line)).encode(),
    lambda line: line.decode().encode("utf-16-le"),
    lambda line: line.replace(HEAD, HEAD + b',"value":{"stringValue":"0"}},' + HEAD),
    lambda line: line[:-1] + SPANS,
)
"""What is near to a line of a ledger."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["resourceLogs", "scopeLogs", "logRecords", "attributes", "x"]), inner
        )
    ),
)
BYTES = st.binary(max_size=200) | st.builds(lambda value: json.dumps(value).encode(), JSON)
NEAR = st.tuples(
    st.sampled_from(EDITS), st.integers(0, 1 << 16), st.integers(0, 1 << 16), BYTES, st.booleans()
)
"""An edit, the line that it is of, where the result is put, other bytes, and whether these follow it."""


@settings(deadline=None, max_examples=60)
@given(puts=st.lists(NEAR, min_size=1, max_size=3), whole_lines=st.booleans())
@example(puts=[(EDITS[4], 1, 1, b"", False)], whole_lines=True)
@example(puts=[(EDITS[5], 1, 2, b"", False)], whole_lines=True)
def test_no_byte_changes_a_report_that_is_verified(
    written: Written, puts: list[tuple[Edit, int, int, bytes, bool]], *, whole_lines: bool
) -> None:
    """Whatever is put before, between or behind true records is a problem, or no report counts it."""
    text = written.text
    lines = text.splitlines(keepends=True)
    for edit, which, place, other, follows in puts:
        made = edit(lines[which % len(lines)].rstrip())
        made = made + other if follows else other or made
        if whole_lines:
            ends = [0, *(found.end() for found in re.finditer(b"\n", text))]
            at, made = ends[place % len(ends)], made + b"\n"
        else:
            at = place % (len(text) + 1)
        text = text[:at] + made + text[at:]
    written.path.write_bytes(written.text)
    before = written.counted()
    assert not written.verified().problems
    assume(text != written.text)
    written.path.write_bytes(text)
    assert written.verified().problems or written.counted() == before


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("event", [names.EVENT_CALL, names.EVENT_CHECKPOINT])
@pytest.mark.parametrize("is_next", [True, False])
def test_a_line_that_is_near_to_a_record_is_counted_only_as_it_is_checked(
    written: Written, edit: Edit, event: str, *, is_next: bool
) -> None:
    """Also where its hash and number are those of the next record: one line is one record to both."""
    chain = Chain()
    if is_next:
        last = written.text.splitlines()[-1]
        link = read_link(last)
        assert link is not None
        chain.writer, chain._sequence, chain._head = link.writer, link.sequence + 1, digest(last)
    attributes = {names.VERDICT: "eligible", names.VIOLATION: False, names.SERVER_ADDRESS: "m"}
    attributes |= {names.LEDGER_HEAD: chain._head} if event == names.EVENT_CHECKPOINT else {}
    made = edit(chain.add(Record(event, 1, 2, attributes))[1])
    written.path.write_bytes(written.text + made + b"\n")
    verified = written.verified()
    assert verified.problems or written.counted().total() == verified.records
