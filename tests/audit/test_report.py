"""What is asked of the records, and what is made of the answers."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from otel_residency.audit.clickhouse import connected
from otel_residency.audit.engines import Source, over_clickhouse, over_files
from otel_residency.audit.render.words import answer, difference, share
from otel_residency.audit.render.words import span as told_span
from otel_residency.audit.replay import NO_FACTS, NO_POLICY, OUTDATED, SAME_TABLE, UNREADABLE_FACTS
from otel_residency.audit.report import Report, report
from otel_residency.catalogue import load_catalogue
from otel_residency.core.policy import Policy
from otel_residency.errors import AuditError
from otel_residency.telemetry import names
from tests.audit.clickhouse import PASSWORD, serving
from tests.audit.ledgers import DAY, POLICY, Ledger, facts, nanoseconds, span
from tests.internet import EU, GLOBAL, US

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CATALOGUE = load_catalogue()
VENDORS = frozenset(CATALOGUE.hosts)
Reporting = Callable[..., Report]


@pytest.fixture(params=["files", "clickhouse"])
def reporting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reporting]:
    """Reports on lines, once from a file and once from a ClickHouse."""

    def of_files(*texts: bytes, **options: Any) -> Report:
        (tmp_path / "all.jsonl").write_bytes(b"".join(texts))
        with over_files([tmp_path], VENDORS, lambda *_: None) as source:
            return ask(source, **options)

    def of_clickhouse(*texts: bytes, **options: Any) -> Report:
        with (
            serving(line for text in texts for line in text.splitlines()) as url,
            connected(url, PASSWORD) as (name, query),
        ):
            return ask(over_clickhouse(name, query, VENDORS), **options)

    def ask(source: Source, **options: Any) -> Report:
        return report(source, options.pop("catalogue", CATALOGUE), NOW, **options)

    return of_files if request.param == "files" else of_clickhouse


def test_the_answer_counts_every_call_once(reporting: Reporting) -> None:
    """Each outcome has its part of the sentence, and the parts are all calls."""
    ledger = Ledger()
    for second in range(96):
        ledger.call(facts(), second)
    ledger.call(facts(US))
    ledger.call(facts(US), action=names.BLOCKED)
    ledger.call(facts(model="gpt-4o")._replace(answer=None))
    ledger.call(facts(path="/v1/models", model="")._replace(method="GET", model=None, answer=None))
    made = reporting(ledger.text)
    assert made.outcomes == {"kept": 96, "no content": 1, "stopped": 1, "broken": 1, "unknown": 1}
    assert (made.calls, made.violations) == (100, 2)
    assert answer(made).replace("\N{NO-BREAK SPACE}", " ") == (
        "1 of 100 recorded calls (1.0 %) on 10 November 2026 did not keep the promise that customer data "
        "stays in Europe (EEA + Switzerland), in claims (1); 96.0 % kept it as far as host, endpoint and "
        "model tell; 1 would have broken it and was stopped before the request left; 1 could "
        "not be judged; 1 carried no customer content."
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
    lines += [span(Ledger("notebook"), facts(GLOBAL), ours=False).strip()]
    file = tmp_path / "all.jsonl"
    file.write_bytes(b"\n".join(lines))
    with over_files([file], VENDORS, lambda *_: None) as source:
        from_files = report(source, CATALOGUE, NOW)
    with serving(lines) as url, connected(url, PASSWORD) as (name, query):
        from_clickhouse = report(over_clickhouse(name, query, VENDORS), CATALOGUE, NOW)
    assert from_files.calls == 81
    assert from_clickhouse._replace(inputs=from_files.inputs) == from_files


def test_days_are_those_asked_for(reporting: Reporting) -> None:
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
    assert finding.meaning.startswith("The host is passed around")
    assert "replace the API key" in finding.cure
    assert finding.catalogues == ("openai-2026-11",)
    assert len(finding.sources) == 1
    assert "api.openai.eu" in finding.details[0]
    assert finding.places[0][:4] == ("claims", "api.openai.eu", "unknown", "/v1/chat/completions")


def test_a_call_that_is_not_understood_is_not_kept(reporting: Reporting) -> None:
    """A verdict of another release, or none, counts as not known."""
    ledger = Ledger()
    ledger.call(facts(), verdict="splendid")
    ledger.call(facts(), verdict=None)
    ledger.call(facts(), required=None)
    assert reporting(ledger.text).outcomes == {"unknown": 2, "no promise": 1}


def test_traces_count_where_there_is_no_ledger(reporting: Reporting) -> None:
    """Spans of a service with a ledger are the same calls; those of a service without are told of."""
    claims, search = Ledger("claims"), Ledger("search")
    claims.call(facts())
    made = reporting(claims.text, span(claims, facts()), span(search, facts(US)))
    assert made.by["service"] == (("claims", 1, {"kept": 1}), ("search", 1, {"broken": 1}))
    assert [gap.text for gap in made.gaps if gap.kind == "sampled"] == [
        "search: known by its traces alone, without a ledger; what was sampled away is not in this report."
    ]
    assert made.replay.not_judged == {NO_FACTS: 1}


def test_calls_that_nobody_judged_are_told(reporting: Reporting) -> None:
    """Spans of others to a host of the vendor count for services that tell nothing themselves."""
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
        f"notebook: traces of others show 1 requests to {GLOBAL}; nobody judged them."
    ]


def test_events_of_violations_without_a_record_are_told(reporting: Reporting) -> None:
    """A sampled trace is missing, its event is not: the difference is a gap."""
    search = Ledger("search")
    event = search.attributes(facts(US))
    search.add(names.EVENT_VIOLATION, nanoseconds(DAY), event)
    search.add(names.EVENT_VIOLATION, nanoseconds(DAY, 1), event)
    made = reporting(*(line + b"\n" for line in search.lines[1:]), span(search, facts(US)))
    assert "search: 2 events tell of violations, and 1 of these calls are not recorded." in {
        gap.text for gap in made.gaps
    }


def test_missing_records_are_told(reporting: Reporting) -> None:
    """Numbers that are not there, records that are there twice, and what a writer could not write."""
    claims, letters = Ledger("claims"), Ledger("letters")
    for second in range(8):
        claims.call(facts(), second)
        letters.call(facts(), second)
    letters.end(dropped=5)
    kept = [line + b"\n" for number, line in enumerate(claims.lines) if number not in (0, 4, 5)]
    made = reporting(*kept, letters.text, letters.lines[3])
    told = [gap.text for gap in made.gaps if gap.kind in ("sequence", "dropped")]
    claims_writer, letters_writer = (
        f"{each.service}, writer {each.writer[:12]}" for each in (claims, letters)
    )
    assert told == [
        f"{claims_writer}: 3 of 9 records are not in what was read, the first 1 among them.",
        f"{letters_writer}: 1 records were read twice, and are counted twice.",
        f"{letters_writer}: 5 records could not be written; it says so itself.",
    ]


def test_very_many_gaps_are_counted(reporting: Reporting) -> None:
    """Of gaps of one kind the first are told, and how many more there are."""
    writers = [Ledger(f"service-{number:03}") for number in range(60)]
    for writer in writers:
        writer.call(facts())
    made = reporting(*(writer.lines[1] + b"\n" for writer in writers))
    told = [gap.text for gap in made.gaps if gap.kind == "sequence"]
    assert (len(told), told[-1]) == (51, "And 10 more of this kind.")


def _calling(service: str, days: list[int]) -> bytes:
    ledger = Ledger(service)
    for day in days:
        ledger.call(facts(on=date(2026, 10, 1) + timedelta(day)))
    return ledger.text


def test_a_service_that_fell_silent_is_told(reporting: Reporting) -> None:
    """Silence is what is long for that service: a free weekend is none, nor are few calls at all."""
    weekdays = [day for day in range(28) if (date(2026, 10, 1) + timedelta(day)).weekday() < 5]
    made = reporting(
        _calling("steady", list(range(28))),
        _calling("stopped", list(range(20))),
        _calling("paused", [*range(10), *range(16, 28)]),
        _calling("office", weekdays),
        _calling("seldom", [0, 9, 20]),
    )
    assert [gap.text for gap in made.gaps if gap.kind == "silent"] == [
        "paused: no call after 2026-10-10 until 2026-10-17, longer than it usually is.",
        "stopped: no call after 2026-10-20 to the end of the records, 2026-10-28, longer than it usually is.",
    ]


def test_days_without_records_are_told(reporting: Reporting) -> None:
    """A period that was asked for and is not covered is a gap, and no record at all is no proof."""
    ledger = Ledger()
    ledger.call(facts())
    made = reporting(ledger.text, since=date(2026, 11, 1), until=date(2026, 12, 31))
    assert [gap.text for gap in made.gaps if gap.kind == "period"] == [
        "Asked for from 2026-11-01 on; the first record is of 2026-11-10.",
        "Asked for until 2026-11-20; the last record is of 2026-11-10.",
    ]
    nothing = reporting(ledger.text, until=date(2026, 1, 1))
    assert (nothing.calls, nothing.periods) == (0, ())
    assert answer(nothing) == "No call was recorded. That is no proof that none was made."


def test_unchanged_records_give_the_recorded_answer(reporting: Reporting) -> None:
    """Judged by the table of its day, an untouched record makes no difference."""
    ledger = Ledger()
    for day in (date(2025, 3, 1), date(2026, 3, 1), date(2026, 9, 12), DAY):
        for host in (EU, US, GLOBAL):
            ledger.call(facts(host, on=day))
    replay = reporting(ledger.text).replay
    assert (replay.judged, replay.differences, replay.outdated, replay.what_if) == (12, (), 0, None)


def test_an_outdated_table_is_a_finding(reporting: Reporting) -> None:
    """Calls that an older table allowed are told with how old it was, and what is true."""
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
    """A verdict that its own facts do not give, by the same table, is told, and is a violation."""
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


def test_another_policy_tells_what_it_would_have_stopped(reporting: Reporting) -> None:
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
        ("claims", "gpt-4o", ("model.alias",), 1)
    ]


def test_a_database_without_the_tables_is_told() -> None:
    """Who asks another database learns what is missing."""
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
def test_a_url_that_is_none_is_told(url: str) -> None:
    """The error says how one is written."""
    with pytest.raises(AuditError, match="is like https://"):
        with connected(url, ""):
            pass


@pytest.mark.parametrize(
    ("part", "whole", "told"),
    [
        (0, 0, "\N{EN DASH}"),
        (0, 9, "0 %"),
        (9, 9, "100 %"),
        (9999, 10_000, "99.9 %"),
        (1, 10_000, "< 0.1 %"),
        (1, 3, "33.3 %"),
    ],
)
def test_a_share_is_never_rounded_up(part: int, whole: int, told: str) -> None:
    """All but one of very many is not all."""
    assert share(part, whole).replace("\N{NO-BREAK SPACE}", " ") == told


@pytest.mark.parametrize(
    ("days", "step", "number"), [(1, "day", 1), (63, "day", 63), (70, "week", 11), (500, "month", 18)]
)
def test_time_is_told_in_steps_that_can_be_read(
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
    assert told_span("2025-06-20", "2025-06-20").startswith("on ")


def test_a_table_that_takes_over_another_cites_both(reporting: Reporting) -> None:
    """Of a table in parts the report also cites the one that the rest was read in, at findings, too."""
    ledger = Ledger()
    ledger.call(facts(model="gpt-nobody-has-seen"))
    made = reporting(ledger.text)
    cited = [CATALOGUE.entries.sources[name].cited for name in ("docs-2026-11", "docs-2026-10")]
    assert [(each.id, [*each.sources]) for each in made.tables] == [("openai-2026-11", cited)]
    (finding,) = made.findings
    assert (finding.rule, [*finding.sources]) == ("revisions.rows", cited)


def test_the_answer_begins_with_what_went_wrong_and_where(reporting: Reporting) -> None:
    """It names the services with most of it; where nothing did, it says that nothing is known to have."""
    broken = [Ledger(name) for name in ("a", "b", "c", "d")]
    for number, ledger in enumerate(broken):
        for second in range(number):
            ledger.call(facts(US), second)
        ledger.call(facts(), 9)

    def told(*ledgers: Ledger) -> str:
        made = reporting(*(ledger.text for ledger in ledgers))
        return answer(made).replace("\N{NO-BREAK SPACE}", " ").partition(";")[0]

    where = (
        "on 10 November 2026 did not keep the promise that customer data stays in Europe (EEA + Switzerland)"
    )
    assert told(*broken) == (
        f"6 of 10 recorded calls (60.0 %) {where}, in 3 of 4 services, most of them in d (3) and c (2)"
    )
    assert told(*broken[:3]).endswith("in c (2) and b (1)")
    assert told(broken[0]) == (
        "None of 1 recorded call on 10 November 2026 is known to have broken the promise that customer data "
        "stays in Europe (EEA + Switzerland)"
    )
    letters, notes = Ledger("letters", Policy(require=("eu", "us"))), Ledger("notes", Policy())
    letters.call(facts())
    notes.call(facts())
    assert "stays in the region required of it (eu, us)" in told(letters)
    assert told(notes) == "None of 1 recorded call on 10 November 2026 is known to have broken a promise"
