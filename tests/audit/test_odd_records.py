"""Records with values that no writer writes: named and counted where they can't be read, in each format."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from otel_residency.audit.clickhouse import connected
from otel_residency.audit.engines import over_clickhouse, over_files
from otel_residency.audit.report import AuditReport, make_report
from otel_residency.catalogue import load_catalogue
from otel_residency.cli.report import _WRITERS, ReportFormat
from otel_residency.telemetry import names
from tests.audit.clickhouse import PASSWORD, serving
from tests.audit.ledgers import Ledger, as_collected, counter, facts

NOW = datetime(2026, 11, 30, tzinfo=UTC)
NESTED = "[" * 100_000
UNREADABLE = {
    "a number of 64 bits and more": (rb'"intValue":"\d+"', b'"intValue":"9223372036854775808"'),
    "a number of many digits": (rb'"intValue":"\d+"', b'"intValue":"' + b"9" * 5000 + b'"'),
    "the year 9999": (rb'"timeUnixNano":"\d+"', b'"timeUnixNano":"253370764800000000000"'),
    "a time before 1970": (rb'"timeUnixNano":"\d+"', b'"timeUnixNano":"-1"'),
    "half a character": (rb'"gpt[^"]*"', b'"\\ud800"'),
    "half a character as bytes": (rb'"gpt[^"]*"', b'"\xed\xa0\x80"'),
    "depth": (rb'"eventName":', b'"body":' + NESTED.encode() + b',"eventName":'),
    "no number": (rb'"boolValue":(true|false)', b'"boolValue":NaN'),
}
ODD = {
    names.REASONS: (NESTED, '["\\ud800"]', "[" + "9" * 5000 + "]", "{}", "\ufeff"),
    names.FACTS: (NESTED, '{"method":"\\ud800","hops":[]}', "9" * 5000, "[]", "1e999", '{"hops":{}}'),
    names.REQUIRED: (NESTED, '["\\ud800"]', "null"),
    names.POLICY_DOCUMENT: (NESTED, "[]", '{"require":["\\ud800"]}', "9" * 5000),
    names.SERVER_ADDRESS: ("\ufffe", "=1+1", "a" * 100_000),
}
"""Values that can be read as text, and not as what they should be."""


def in_each_format(report: AuditReport) -> None:
    """Render it."""
    for form in ReportFormat:
        assert _WRITERS[form](report).encode()


def of_files(path: Path) -> AuditReport:
    """The report on a file."""
    with over_files([path], frozenset(), lambda *_: None) as source:
        return make_report(source, load_catalogue(), NOW)


@pytest.mark.parametrize("kind", UNREADABLE)
def test_an_odd_record_is_a_line_that_can_not_be_read(tmp_path: Path, kind: str) -> None:
    """It is named with its number and a reason, and the lines around it are counted."""
    made = Ledger()
    for second in range(3):
        made.call(facts(), second)
    pattern, odd = UNREADABLE[kind]
    made.lines[2] = re.sub(pattern, lambda _: odd, made.lines[2], count=1)
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(made.text)
    report = of_files(path)
    assert (report.calls, [each.line for each in report.unread], report.inputs[0].unread) == (2, [3], 1)
    assert any("1 of 4 lines could not be read" in gap.text for gap in report.gaps)
    in_each_format(report)


def odd_ledgers() -> Iterator[Ledger]:
    """Ledgers with one odd value each."""
    for name, values in ODD.items():
        for value in values:
            made = Ledger()
            if name == names.POLICY_DOCUMENT:
                made.add(names.EVENT_POLICY, 10**18, {names.POLICY: made.hash, name: value})
            made.call(facts())
            made.add(names.EVENT_CALL, 10**18, {**made.attributes(facts()), name: value})
            yield made


def test_an_odd_value_ends_no_report_on_files(tmp_path: Path) -> None:
    """A value that is no list, no facts or no policy is counted as such."""
    for made in odd_ledgers():
        path = tmp_path / "ledger.jsonl"
        path.write_bytes(made.text)
        report = of_files(path)
        assert report.calls == 2
        in_each_format(report)


def test_an_odd_value_ends_no_report_on_a_clickhouse() -> None:
    """The same, where no parser of this package has seen the values."""
    lines = [as_collected(line) for made in odd_ledgers() for line in made.lines]
    with serving(lines) as url, connected(url, PASSWORD) as (name, query):
        report = make_report(over_clickhouse(name, query, frozenset()), load_catalogue(), NOW)
    assert report.calls == 2 * sum(map(len, ODD.values()))
    in_each_format(report)


@pytest.mark.parametrize("count", [(1 << 63) - 1, 1 << 63, 10**300])
def test_counters_are_added_however_far_they_got(tmp_path: Path, count: int) -> None:
    """Sums of numbers of 64 bits are no error; a number of more is a line that can't be read."""
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"".join(counter("claims", count, at, 1, delta=True) for at in range(1, 4)))
    report = of_files(path)
    assert report.inputs[0].unread == (0 if count < 1 << 63 else 3)
    in_each_format(report)


@pytest.mark.parametrize("odd", ["9" * 30, "-1", "x"])
def test_a_number_that_is_none_is_counted_as_unreadable_in_a_clickhouse(odd: str) -> None:
    """A record whose number in the chain has more than 64 bits is no record there, as in files."""
    made = Ledger()
    for second in range(3):
        made.call(facts(), second)
    lines = [json.loads(as_collected(line)) for line in made.lines]
    attributes = lines[2]["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["attributes"]
    (sequence,) = (each for each in attributes if each["key"] == names.LEDGER_SEQUENCE)
    sequence["value"] = {"stringValue": odd}
    texts = [json.dumps(line).encode() for line in lines]
    with serving(texts) as url, connected(url, PASSWORD) as (name, query):
        report = make_report(over_clickhouse(name, query, frozenset()), load_catalogue(), NOW)
    assert (report.calls, report.inputs[0].unread) == (2, 1)
    assert any("1 of 4 lines could not be read" in gap.text for gap in report.gaps)
    in_each_format(report)
