"""The report: figures, gaps and findings of the records."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from otel_residency.audit.clickhouse import connected
from otel_residency.audit.engines import RecordSource, over_clickhouse, over_files
from otel_residency.audit.phrases import share
from otel_residency.audit.phrases import span as dates
from otel_residency.audit.render.wording import answer, difference
from otel_residency.audit.replay import (
    NO_FACTS,
    NO_POLICY,
    OTHER_TABLE,
    OUTDATED,
    SAME_TABLE,
    UNREADABLE_FACTS,
    UNREADABLE_POLICY,
)
from otel_residency.audit.report import AuditReport, make_report
from otel_residency.catalogue import load_catalogue
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.decide import decide
from otel_residency.core.policy import Policy
from otel_residency.core.policy_rules import Rule, When
from otel_residency.core.reasons import REASONS
from otel_residency.errors import AuditError
from otel_residency.records.record import read_policy
from otel_residency.telemetry import names
from tests.audit.clickhouse import PASSWORD, serving
from tests.audit.ledgers import DAY, POLICY, Ledger, as_collected, counter, facts, listing, nanoseconds, span
from tests.audit.lines import read_record
from tests.internet import EU, GLOBAL, US
from tests.vendor import SNAPSHOT

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CATALOGUE = load_catalogue()
VENDORS = frozenset(CATALOGUE.hosts)
Reporting = Callable[..., AuditReport]
UNCITED = ("policy", "call")
"""What reasons rest on that is in no catalogue."""


@pytest.fixture(params=["files", "clickhouse"])
def reporting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reporting]:
    """Reports on lines, once from a file and once from a ClickHouse."""

    def of_files(*texts: bytes, **options: Any) -> AuditReport:
        (tmp_path / "all.jsonl").write_bytes(b"".join(texts))
        with over_files([tmp_path], VENDORS, lambda *_: None) as source:
            return report_on(source, **options)

    def of_clickhouse(*texts: bytes, **options: Any) -> AuditReport:
        with (
            serving(line for text in texts for line in text.splitlines()) as url,
            connected(url, PASSWORD) as (name, query),
        ):
            return report_on(over_clickhouse(name, query, VENDORS), **options)

    def report_on(source: RecordSource, **options: Any) -> AuditReport:
        return make_report(source, options.pop("catalogue", CATALOGUE), NOW, **options)

    return of_files if request.param == "files" else of_clickhouse


def test_the_answer_counts_every_call_once(reporting: Reporting) -> None:
    """Each outcome has its part of the sentence, and the parts are all calls."""
    ledger = Ledger()
    for second in range(96):
        ledger.call(facts(), second)
    ledger.call(facts(US))
    ledger.call(facts(US), action=names.BLOCKED)
    ledger.call(facts(model="gpt-4o")._replace(answer=None))
    ledger.call(listing())
    made = reporting(ledger.text)
    assert made.outcomes == {"kept": 96, "no content": 1, "stopped": 1, "broken": 1, "unknown": 1}
    assert (made.calls, made.violations) == (100, 2)
    assert answer(made).replace("\N{NO-BREAK SPACE}", " ") == (
        "1 of 100 recorded calls (1.0 %, 10 Nov 2026) went to a host outside Europe, in claims (1). "
        "96 (96.0 %) used a host in Europe with a listed endpoint and model; 1 would have gone elsewhere and "
        "was blocked before anything was sent there; 1 could not be judged; 1 carried no customer content."
    )


def test_both_engines_give_the_same_report(tmp_path: Path) -> None:
    """The same lines in files and in a ClickHouse differ in nothing but where they were read."""
    claims, letters = Ledger("claims"), Ledger("letters", Policy(require=("eu",)))
    for number in range(40):
        on = DAY - timedelta(number % 12)
        claims.call(facts(EU if number % 3 else US, on=on), number)
        letters.call(facts(on=on), number)
    letters.end(dropped=2)
    lines = [*claims.lines, *letters.lines, span(Ledger("search"), facts()).strip()]
    lines += [
        span(Ledger("notebook"), facts(GLOBAL), ours=False).strip(),
        span(claims, facts("api.openai.eu")).strip(),
    ]
    lines += [counter("claims", 99, nanoseconds(DAY, 9), nanoseconds(DAY)).strip()]
    file = tmp_path / "all.jsonl"
    file.write_bytes(b"\n".join(lines))
    with over_files([file], VENDORS, lambda *_: None) as source:
        from_files = make_report(source, CATALOGUE, NOW)
    with serving(lines) as url, connected(url, PASSWORD) as (name, query):
        from_clickhouse = make_report(over_clickhouse(name, query, VENDORS), CATALOGUE, NOW)
    assert from_files.calls == 82
    assert from_clickhouse._replace(inputs=from_files.inputs) == from_files


def test_days_are_those_requested(reporting: Reporting) -> None:
    """The first and the last day count, in UTC; the policy may have been recorded on another day."""
    ledger = Ledger()
    for day in range(1, 8):
        ledger.call(facts(on=date(2026, 10, day)), second=86_399)
    made = reporting(ledger.text, since=date(2026, 10, 2), until=date(2026, 10, 4))
    assert (made.first, made.last, made.calls) == ("2026-10-02", "2026-10-04", 3)
    assert made.replay.judged == 3


def test_a_finding_names_reason_rule_source_and_revision(reporting: Reporting) -> None:
    """What a reader needs to follow a finding up stands with it."""
    ledger = Ledger()
    for second in range(3):
        ledger.call(facts("api.openai.eu"), second)
    (finding,) = reporting(ledger.text).findings
    assert (finding.outcome, finding.reason, finding.rule, finding.calls) == (
        "broken",
        "host.bogus",
        "bogus_hosts",
        3,
    )
    assert finding.meaning.startswith("The host is cited as an endpoint")
    assert "replace the API key" in finding.fix
    assert finding.catalogues == ("openai-2026-11",)
    assert len(finding.sources) == 1
    assert "api.openai.eu" in finding.details[0]
    assert finding.places[0][:4] == ("claims", "api.openai.eu", "unknown", "/v1/chat/completions")


def test_a_call_that_is_not_understood_is_not_kept(reporting: Reporting) -> None:
    """A missing verdict, or one of another release, counts as unknown."""
    ledger = Ledger()
    ledger.call(facts(), verdict="splendid")
    ledger.call(facts(), verdict=None)
    ledger.call(facts(), required=None)
    assert reporting(ledger.text).outcomes == {"unknown": 2, "no promise": 1}


def test_traces_count_where_there_is_no_ledger(reporting: Reporting) -> None:
    """Spans of a service with a ledger are the same calls; those of a service without one are reported."""
    claims, search = Ledger("claims"), Ledger("search")
    claims.call(facts())
    made = reporting(claims.text, span(claims, facts()), span(search, facts(US)))
    assert made.by["service"] == (("claims", 1, {"kept": 1}), ("search", 1, {"broken": 1}))
    assert [gap.text for gap in made.gaps if gap.kind == "sampled"] == [
        "search has no ledger: calls whose traces were not sampled are missing here."
    ]
    assert made.replay.not_judged == {NO_FACTS: 1}


def test_traces_show_calls_that_have_no_record(reporting: Reporting) -> None:
    """Where only some processes of a service keep a ledger, the calls of the others are not lost."""
    claims = Ledger("claims")
    for second in range(3):
        claims.call(facts(), second)
    elsewhere = {"base_url": "https://renamed/", "policy": "ffffffffffff"}
    made = reporting(
        claims.text,
        *[span(claims, facts(), **elsewhere)] * 2,  # sampled, and changed on their way
        *[span(claims, facts(US))] * 2,
        span(claims, facts(), verdict=None),  # ended before its call was judged
        span(claims, facts(on=DAY - timedelta(1))),  # before there was a ledger
    )
    assert made.outcomes == {"kept": 4, "broken": 2}
    assert [gap.text for gap in made.gaps if gap.kind == "sampled"] == [
        "3 calls of claims are only in traces, not in its ledgers."
    ]


def test_a_ledger_that_was_sent_too_counts_once(tmp_path: Path) -> None:
    """With the file and what a Collector wrote of the same records, each call counts once, none is lost."""
    claims, letters = Ledger("claims"), Ledger("letters")
    for second in range(5):
        claims.call(facts(EU if second else US), second)
        letters.call(facts(), second)
    sent = [as_collected(line) for line in claims.lines + letters.lines]
    (tmp_path / "claims.jsonl").write_bytes(claims.text)
    (tmp_path / "letters.jsonl").write_bytes(b"\n".join(letters.lines[:3]))  # the rest is gone
    (tmp_path / "sent.jsonl").write_bytes(b"\n".join(sent))
    with over_files([tmp_path], VENDORS, lambda *_: None) as source:
        made = make_report(source, CATALOGUE, NOW)
    assert made.outcomes == {"kept": 9, "broken": 1}
    assert not [gap for gap in made.gaps if gap.kind == "sequence"]


def test_calls_that_only_the_export_gate_judged_are_counted(reporting: Reporting) -> None:
    """An HTTP span with a verdict is a call, at any host, unless a record of the call exists."""
    claims, scripts = Ledger("claims"), Ledger("scripts")
    claims.call(facts())
    made = reporting(
        claims.text,
        span(claims, facts(), ours=False, judged=True),
        span(scripts, facts("somewhere.example"), ours=False, judged=True, verdict="ineligible"),
    )
    assert made.by["service"] == (("claims", 1, {"kept": 1}), ("scripts", 1, {"broken": 1}))


def _missing(made: AuditReport) -> list[str]:
    return [gap.text for gap in made.gaps if gap.kind == "missing"]


def test_counters_that_disagree_with_the_records_are_reported(reporting: Reporting) -> None:
    """Each process has a counter, which a restart sets to zero; what is counted twice is reported once."""
    claims = Ledger("claims")
    for second in range(7):
        claims.call(facts(), second)
    start, restart = nanoseconds(DAY), nanoseconds(DAY, 500)
    points = [
        counter("claims", 2, nanoseconds(DAY, 60), start),
        counter("claims", 3, nanoseconds(DAY, 120), start),
        counter("claims", 1, nanoseconds(DAY, 560), restart),
        counter("claims", 3, nanoseconds(DAY, 120), start, process="2"),
    ]
    assert _missing(reporting(claims.text, *points)) == []
    points.append(counter("claims", 2, nanoseconds(DAY, 180), start, process="2", violation=True))
    made = reporting(claims.text, *points)
    assert _missing(made) == ["claims counted 9 calls: 2 more than are recorded, and 2 violations more."]
    assert (made.violations, made.unrecorded_violations) == (0, 2)
    assert answer(made).replace("\xa0", " ") == (
        "2 violations are reported by events or counters, without a record. No recorded call that had to "
        "stay in Europe is known to have gone elsewhere (7 calls, 10 Nov 2026). "
        "All used a host in Europe with a listed endpoint and model."
    )
    claims.call(facts(US))
    more = ", in claims (1). 1 more violation is reported by events or counters, without a record. "
    assert more in answer(reporting(claims.text, *points))


def test_counters_are_deltas_or_sums(reporting: Reporting) -> None:
    """Deltas are added up."""
    claims = Ledger("claims")
    claims.call(facts())
    points = [
        counter("claims", 2, nanoseconds(DAY, second + 60), nanoseconds(DAY, second), delta=True)
        for second in (0, 60, 120)
    ]
    (gap,) = _missing(reporting(claims.text, *points))
    assert gap == "claims counted 6 calls: 5 more than are recorded, and 0 violations more."


def test_what_was_counted_before_the_first_day_is_not_missing(reporting: Reporting) -> None:
    """Of a counter that runs for days only the growth within the requested days counts."""
    claims = Ledger("claims")
    claims.call(facts(), 90)
    start = nanoseconds(DAY - timedelta(3))
    points = [
        counter("claims", 500, nanoseconds(DAY - timedelta(1), 86_340), start),
        counter("claims", 501, nanoseconds(DAY), start),
        counter("claims", 502, nanoseconds(DAY, 120), start),
        counter("claims", 900, nanoseconds(DAY + timedelta(1), 60), start),
    ]
    assert _missing(reporting(claims.text, *points, since=DAY, until=DAY)) == []
    (gap,) = _missing(reporting(claims.text, *points, since=DAY))
    assert gap == "claims counted 399 calls: 398 more than are recorded, and 0 violations more."


def test_a_service_that_only_counts_is_reported(reporting: Reporting) -> None:
    """Without any record there is only the counter, and the answer reports it."""
    points = counter("search", 4, nanoseconds(DAY, 60), nanoseconds(DAY), violation=True)
    made = reporting(points)
    assert _missing(made) == ["search counted 4 calls: 4 more than are recorded, and 4 violations more."]
    assert answer(made) == "No call was recorded, but events or counters report 4 violations."


def test_calls_that_nobody_judged_are_reported(reporting: Reporting) -> None:
    """HTTP spans to a host of the vendor count for services without records."""
    claims, notebook = Ledger("claims"), Ledger("notebook")
    claims.call(facts())
    made = reporting(
        claims.text,
        span(claims, facts(), ours=False),
        span(notebook, facts(GLOBAL), ours=False),
        span(notebook, facts("db.example"), ours=False),
    )
    assert made.calls == 1
    assert [gap.text for gap in made.gaps if gap.kind == "foreign"] == [
        f"notebook made 1 request to {GLOBAL} without otel-residency (seen in HTTP traces)."
    ]
    assert made.gaps[0].kind == "foreign"


def test_events_of_violations_without_a_record_are_reported(reporting: Reporting) -> None:
    """A sampled trace is missing, its event is not: the difference is a gap."""
    search = Ledger("search")
    event = search.attributes(facts(US))
    search.add(names.EVENT_VIOLATION, nanoseconds(DAY), event)
    search.add(names.EVENT_VIOLATION, nanoseconds(DAY, 1), event)
    made = reporting(*(line + b"\n" for line in search.lines[1:]), span(search, facts(US)))
    assert "search sent 2 violation events; 1 of these calls has no record." in {
        gap.text for gap in made.gaps
    }


def test_missing_records_are_reported(reporting: Reporting) -> None:
    """Numbers that are not there, records that are there twice, and what a writer could not write."""
    claims, letters = Ledger("claims"), Ledger("letters")
    for second in range(8):
        claims.call(facts(), second)
        letters.call(facts(), second)
    letters.end(dropped=5)
    kept = [line + b"\n" for number, line in enumerate(claims.lines) if number not in (0, 4, 5)]
    made = reporting(*kept, letters.text, letters.lines[3])
    texts = [gap.text for gap in made.gaps if gap.kind in ("sequence", "dropped")]
    claims_writer, letters_writer = (
        f"{each.service}, process {each.writer[:12]}" for each in (claims, letters)
    )
    assert texts == [
        f"{claims_writer}: 3 of 9 records were not read, the first one among them.",
        f"{letters_writer}: 1 record too many was read, and was counted twice.",
        f"{letters_writer}: 5 records could not be written, as it reports itself.",
    ]


def test_very_many_gaps_are_counted(reporting: Reporting) -> None:
    """The first gaps of a kind are listed, the others counted."""
    writers = [Ledger(f"service-{number:03}") for number in range(60)]
    for writer in writers:
        writer.call(facts())
    made = reporting(*(writer.lines[1] + b"\n" for writer in writers))
    texts = [gap.text for gap in made.gaps if gap.kind == "sequence"]
    assert (len(texts), texts[-1]) == (51, "And 10 more of this kind.")


def _calling(service: str, days: list[int]) -> bytes:
    ledger = Ledger(service)
    for day in days:
        ledger.call(facts(on=date(2026, 10, 1) + timedelta(day)))
    return ledger.text


def test_a_service_that_fell_silent_is_reported(reporting: Reporting) -> None:
    """Silence is what is long for that service: a free weekend is none, nor are few calls at all."""
    weekdays = [day for day in range(28) if (date(2026, 10, 1) + timedelta(day)).weekday() < 5]
    made = reporting(
        _calling("steady", list(range(28))),
        _calling("stopped", list(range(20))),
        _calling("paused", [*range(10), *range(16, 28)]),
        _calling("office", weekdays),
        _calling("seldom", [0, 9, 20]),
    )
    assert [gap.text.replace("\xa0", " ") for gap in made.gaps if gap.kind == "silent"] == [
        "paused recorded no calls from 11 Oct to 16 Oct 2026 (6 days).",
        "stopped recorded no calls after 20 Oct 2026 (8 days to the end of the records).",
    ]


def test_days_without_records_are_reported(reporting: Reporting) -> None:
    """A requested period without records is a gap, and no record at all proves nothing."""
    ledger = Ledger()
    ledger.call(facts())
    made = reporting(ledger.text, since=date(2026, 11, 1), until=date(2026, 12, 31))
    assert [gap.text.replace("\xa0", " ") for gap in made.gaps if gap.kind == "period"] == [
        "Asked for from 1 Nov 2026; the first record is of 10 Nov 2026.",
        "Asked for until 20 Nov 2026; the last record is of 10 Nov 2026.",
    ]
    nothing = reporting(ledger.text, until=date(2026, 1, 1))
    assert (nothing.calls, nothing.periods) == (0, ())
    assert answer(nothing) == "No call was recorded. That does not prove that none was made."


def test_unchanged_records_give_the_recorded_answer(reporting: Reporting) -> None:
    """Judged by the table of its day, an untouched record makes no difference."""
    ledger = Ledger()
    for day in (date(2025, 3, 1), date(2026, 3, 1), date(2026, 9, 12), DAY):
        for host in (EU, US, GLOBAL):
            ledger.call(facts(host, on=day))
    replay = reporting(ledger.text).replay
    assert (replay.judged, replay.differences, replay.outdated, replay.what_if) == (12, (), 0, None)


def test_an_outdated_table_is_a_finding(reporting: Reporting) -> None:
    """Calls that an older table allowed are reported with the age of the table and the present verdict."""
    old = load_catalogue("openai-2026-02")
    model = "gpt-5.5-2026-04-23"
    ledger = Ledger(catalogue=old)
    for day in (10, 17):
        ledger.call(facts(model=model, on=date(2026, 6, day)))
    made = reporting(ledger.text)
    (found,) = made.replay.differences
    assert (found.cause, found.calls, found.judged_by, found.in_force) == (
        OUTDATED,
        2,
        "openai-2026-02",
        "openai-2026-06",
    )
    assert made.replay.outdated == 2
    assert "outdated by" in difference(found)


def test_an_altered_record_is_a_finding(reporting: Reporting) -> None:
    """A verdict that does not follow from the facts and table of its record is reported as a violation."""
    ledger = Ledger()
    ledger.call(facts(US), verdict="eligible", violation=False)
    made = reporting(ledger.text)
    (found,) = made.replay.differences
    assert (found.cause, found.was, found.now) == (SAME_TABLE, "eligible", "ineligible")
    assert (made.violations, made.replay.violations) == (0, 1)


def test_what_cannot_be_judged_again_is_counted(reporting: Reporting) -> None:
    """Without facts, with facts of another release, and without the policy nothing is made up."""
    ledger = Ledger()
    ledger.call(facts(), facts=None)
    ledger.call(facts(), facts='{"method":"POST","hops":[],"planet":"Mars"}')
    ledger.call(facts(), policy="ffffffffffff")
    replay = reporting(ledger.text).replay
    assert replay.judged == 0
    assert replay.not_judged == {NO_FACTS: 1, UNREADABLE_FACTS: 1, NO_POLICY: 1}


def test_a_policy_of_another_release_is_not_a_missing_one(reporting: Reporting) -> None:
    """It is among the records, and contains keys that this release does not support."""
    ledger = Ledger()
    document = {names.POLICY: "ffffffffffff", names.POLICY_DOCUMENT: '{"planet":"Mars"}'}
    ledger.add(names.EVENT_POLICY, nanoseconds(DAY), document)
    ledger.call(facts(), policy="ffffffffffff")
    assert reporting(ledger.text).replay.not_judged == {UNREADABLE_POLICY: 1}


def test_a_table_that_is_missing_here_is_reported(reporting: Reporting) -> None:
    """By a revision of the future nothing is outdated; what is answered otherwise has another table."""
    ledger = Ledger()
    ledger.call(facts(model="gpt-9"), catalogue="openai-2027-01", verdict="eligible", violation=False)
    ledger.call(facts(), catalogue="openai-2027-01")
    made = reporting(ledger.text)
    assert [(each.cause, each.calls) for each in made.replay.differences] == [(OTHER_TABLE, 1)]
    assert made.replay.outdated == 0
    assert any("openai-2027-01, unknown here" in each.text for each in made.gaps)


def test_what_breaks_the_policy_now_is_reported_first(reporting: Reporting) -> None:
    """However few calls it is; then what became worse, and what became better last."""
    ledger = Ledger()
    for second in range(9):
        ledger.call(facts(), second, verdict="ineligible", violation=True)
    for second in range(5):
        ledger.call(facts(model="gpt-4o")._replace(answer=None), second, verdict="eligible")
    ledger.call(facts(US), verdict="eligible", violation=False)
    differences = [(each.was, each.now, each.calls) for each in reporting(ledger.text).replay.differences]
    assert differences == [
        ("eligible", "ineligible", 1),
        ("eligible", "indeterminate", 5),
        ("ineligible", "eligible", 9),
    ]


LOOSER = POLICY._replace(require=())
STRICTER = POLICY._replace(strict=True, attest={})
BY_PROJECT = POLICY._replace(rule=(Rule(When(project="proj_us"), ("us",)),))


@pytest.mark.parametrize("supposed", [LOOSER, STRICTER, BY_PROJECT])
@pytest.mark.parametrize("choice", ["newest", "openai-2026-02"])
def test_the_numbers_are_those_of_a_plain_count(reporting: Reporting, supposed: Policy, choice: str) -> None:
    """Line by line, each record judged by itself, comes to the same as the report over kinds."""
    catalogue = load_catalogue(choice)
    text = b"".join(
        mixed(load_catalogue(judged_by), second)
        for second, judged_by in enumerate(("newest", "openai-2026-06"))
    )
    judged = differ = broken = stopped = 0
    documents: dict[str, Policy] = {}
    for line in text.splitlines():
        record = read_record(line)
        attributes = record.attributes
        if record.event == names.EVENT_POLICY:
            documents[attributes[names.POLICY]] = read_policy(attributes[names.POLICY_DOCUMENT])
        if record.event != names.EVENT_CALL or (recorded_facts := record.facts) is None:
            continue
        recorded = attributes[names.VIOLATION]
        stopped += not recorded and decide(recorded_facts, catalogue, supposed).violation
        if by := documents.get(attributes[names.POLICY]):
            now = decide(recorded_facts, catalogue, by)
            judged += 1
            differ += (now.verdict, now.violation) != (attributes[names.VERDICT], recorded)
            broken += now.violation and not recorded
    replay = reporting(text, catalogue=catalogue, what_if=lambda *_: supposed).replay
    assert judged == replay.judged
    assert differ == sum(each.calls for each in replay.differences)
    assert broken == replay.violations
    assert stopped == sum(each.calls for each in replay.what_if or ())
    assert differ
    assert broken or choice != "newest"
    assert bool(stopped) == (supposed is not LOOSER)


def mixed(catalogue: Catalogue, second: int) -> bytes:
    """A ledger with calls of many kinds and several days, by two policies, one of which is missing."""
    lines = []
    for policy in (POLICY, POLICY._replace(require=("eu", "us"))):
        ledger = Ledger(policy=policy, catalogue=catalogue)
        for day, host, model in product(
            (date(2026, 3, 1), date(2026, 6, 10), DAY),
            (EU, US, GLOBAL),
            (SNAPSHOT, "gpt-4o", "gpt-5.5-2026-04-23", "gpt-4o-2024-05-13"),
        ):
            call_facts = facts(host, model, on=day)
            for project in ("proj_us", "proj_eu"):
                for number in range(1 + second):
                    ledger.call(call_facts._replace(project=project), number)
            ledger.call(call_facts._replace(answer=None), policy="ffffffffffff")
        ledger.call(facts(US), verdict="eligible", violation=False)
        ledger.call(facts(), facts=None)
        lines.append(ledger.text)
    return b"".join(lines)


def test_another_policy_reports_what_it_would_have_stopped(reporting: Reporting) -> None:
    """Only calls that did not break the recorded one count, by service."""
    ledger = Ledger()
    ledger.call(facts())
    ledger.call(facts(US))
    ledger.call(facts(model="gpt-4o")._replace(answer=None))

    def strict(service: str, environment: str) -> Policy:
        assert (service, environment) == ("claims", "production")
        return POLICY._replace(strict=True)

    replay = reporting(ledger.text, what_if=strict).replay
    assert [(each.service, each.model, each.reasons, each.calls) for each in replay.what_if or ()] == [
        ("claims", "gpt-4o", ("model.alias", "catalogue.inherited"), 1)
    ]


def test_a_database_without_the_tables_is_reported() -> None:
    """The error for another database names the missing tables."""
    with pytest.raises(AuditError, match="neither a table otel_logs nor otel_traces"):
        over_clickhouse("there", lambda _: [], VENDORS)


def test_a_wrong_password_is_one_line() -> None:
    """The error names the place, and neither user nor password."""
    with serving([]) as url, pytest.raises(AuditError) as caught:
        with connected(url, "wrong-password"):
            pass
    assert str(caught.value).startswith("http://127.0.0.1:")
    assert "auditor" not in str(caught.value).replace("auditor@", "")
    assert "wrong-password" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "localhost", "ftp://h/d", "http://h:port/"])
def test_a_url_that_is_none_is_reported(url: str) -> None:
    """The error shows the right form of a URL."""
    with pytest.raises(AuditError, match="is like https://"):
        with connected(url, ""):
            pass


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "\N{EN DASH}"),
        (0, 9, "0 %"),
        (9, 9, "100 %"),
        (9999, 10_000, "99.9 %"),
        (1, 10_000, "< 0.1 %"),
        (1, 3, "33.3 %"),
    ],
)
def test_a_share_is_never_rounded_up(part: int, whole: int, text: str) -> None:
    """All but one of very many is not all."""
    assert share(part, whole).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("days", "step", "number"), [(1, "day", 1), (63, "day", 63), (70, "week", 11), (500, "month", 18)]
)
def test_time_is_reported_in_steps_that_can_be_read(
    reporting: Reporting, days: int, step: str, number: int
) -> None:
    """Days, weeks or months, none left out between the first and the last."""
    ledger = Ledger()
    first = date(2025, 6, 20)
    for each in (0, days - 1):
        ledger.call(facts(on=first + timedelta(each)))
    made = reporting(ledger.text)
    assert (made.step, len(made.periods)) == (step, number)
    assert sum(sum(period.outcomes.values()) for period in made.periods) == 2


def test_a_table_that_takes_over_another_cites_both(reporting: Reporting) -> None:
    """A finding cites the source of its rule, also if the rule is inherited from another table."""
    ledger = Ledger()
    ledger.call(facts(model="gpt-4o-2024-05-13"))
    made = reporting(ledger.text)
    cited = [CATALOGUE.entries.sources[name].cited for name in ("docs-2026-11", "docs-2026-10")]
    assert [(each.id, [*each.sources]) for each in made.tables] == [("openai-2026-11", cited)]
    (finding,) = (each for each in made.findings if each.reason == "model.not_listed")
    assert (finding.rule, [*finding.sources]) == ("revisions.rows", cited[1:])


@pytest.mark.parametrize("code", sorted(code for code, each in REASONS.items() if each.source not in UNCITED))
def test_every_reason_that_rests_on_the_catalogue_has_a_source(tmp_path: Path, code: str) -> None:
    """Each finding shows the source of its rule."""
    ledger = Ledger()
    ledger.call(facts(US), reasons=(code,))
    (tmp_path / "ledger.jsonl").write_bytes(ledger.text)
    with over_files([tmp_path], VENDORS, lambda *_: None) as source:
        (finding,) = make_report(source, CATALOGUE, NOW).findings
    assert finding.reason == code
    assert all(finding.sources), finding
    assert finding.sources


def test_the_answer_begins_with_what_went_wrong_and_where(reporting: Reporting) -> None:
    """It names the services with most violations; without violations it claims no more than that."""
    broken = [Ledger(name) for name in ("a", "b", "c", "d")]
    for number, ledger in enumerate(broken):
        for second in range(number):
            ledger.call(facts(US), second)
        ledger.call(facts(), 9)

    def first_sentence(*ledgers: Ledger) -> str:
        made = reporting(*(ledger.text for ledger in ledgers))
        return answer(made).replace("\N{NO-BREAK SPACE}", " ").partition(". ")[0]

    where = "10 Nov 2026) went to a host outside Europe"
    assert first_sentence(*broken) == (
        f"6 of 10 recorded calls (60.0 %, {where}, in 3 of 4 services, most of them in d (3) and c (2)"
    )
    assert first_sentence(*broken[:3]).endswith("in c (2) and b (1)")
    assert first_sentence(broken[0]) == "No recorded call went to a host outside Europe (1 call, 10 Nov 2026)"
    letters, notes = Ledger("letters", Policy(require=("eu", "us"))), Ledger("notes", Policy())
    letters.call(facts())
    notes.call(facts())
    assert "had to stay in the required region (eu, us) is known to have gone elsewhere" in first_sentence(
        letters
    )
    assert first_sentence(notes) == "No region was required of the recorded calls (1 call, 10 Nov 2026)"


def test_the_answer_claims_no_more_than_the_records_show(reporting: Reporting) -> None:
    """The report writes that no call went elsewhere only if every call that was sent went to the region."""
    sound = Ledger()
    for second in range(4):
        sound.call(facts(), second)

    def normalized(text: bytes) -> str:
        return answer(reporting(text)).replace("\N{NO-BREAK SPACE}", " ")

    assert normalized(sound.text) == (
        "No recorded call went to a host outside Europe (4 calls, 10 Nov 2026). "
        "All used a host in Europe with a listed endpoint and model."
    )
    for second in range(2):
        sound.call(facts(US), second, action=names.BLOCKED)
    assert normalized(sound.text) == (
        "No recorded call went to a host outside Europe (6 calls, 10 Nov 2026). "
        "4 (66.6 %) used a host in Europe with a listed endpoint and model; "
        "2 would have gone elsewhere and were blocked before anything was sent there."
    )
    answer_start = "No recorded call that had to stay in Europe is known to have gone elsewhere "
    for elsewhere in (
        facts("somewhere.example"),
        listing(US),
    ):
        other = Ledger("other")
        other.call(elsewhere)
        assert normalized(sound.text + other.text).startswith(answer_start)
    bogus = Ledger("bogus")
    bogus.call(facts("api.openai.eu"))
    assert normalized(bogus.text).startswith(
        "1 of 1 recorded call (100 %, 10 Nov 2026) did not meet the requirement to stay in Europe"
    )


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        ("2026-08-20", "2026-08-20", "20 Aug 2026"),
        ("2026-08-20", "2026-09-12", "20 Aug to 12 Sep 2026"),
        ("2025-12-30", "2026-01-02", "30 Dec 2025 to 2 Jan 2026"),
    ],
)
def test_a_span_of_days_names_each_year_once(first: str, last: str, text: str) -> None:
    """One day stands alone, and both years are named where they differ."""
    assert dates(first, last).replace("\N{NO-BREAK SPACE}", " ") == text
