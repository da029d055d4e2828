"""The format of the records: what the second one says, and that the first is still read."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from otel_residency.audit.engines import over_files
from otel_residency.audit.report import make_report
from otel_residency.audit.verify import verify
from otel_residency.catalogue import load_catalogue
from otel_residency.core.facts import CallFacts, Hop
from otel_residency.guard import undecided
from otel_residency.ledger.recorded_call import RecordedCall
from otel_residency.records.chain import Chain, digest
from otel_residency.records.files import find_ledgers
from otel_residency.records.record import Record, read_policy, read_revision
from otel_residency.records.signing import checker
from otel_residency.telemetry import names
from tests.audit.ledgers import POLICY, nanoseconds
from tests.audit.lines import read_record
from tests.ledger.calls import call, guard, ledger

FIRST = Path(__file__).with_name("format1")
DIGESTS = names.POLICY_DIGEST, names.CATALOGUE_DIGEST


def on_day(day: date) -> RecordedCall:
    """A call that is judged by the table of a day."""
    hop = Hop("https", "eu.api.openai.com", None, "/v1/chat/completions", payload=True)
    judgement = GUARD.judge(CallFacts(day, "POST", (hop,), model="gpt-5.2-2025-12-11"))
    began = nanoseconds(day)
    return RecordedCall(
        started=began, ended=began + 1, judgement=judgement, attributes={}, outcome={}, span=None
    )


GUARD = guard(POLICY.ledger)


def test_a_record_names_the_texts_that_it_was_judged_by(tmp_path: Path) -> None:
    """By their full digests; each text is in the ledger once for each process, before the first such call."""
    path = tmp_path / "ledger.jsonl"
    days = date(2026, 11, 20), date(2026, 11, 21), date(2026, 6, 20), date(2026, 11, 22)
    made = ledger(path)
    for day in days:
        made.record(on_day(day))
    made.close()
    records = [read_record(line).attributes for line in path.read_bytes().splitlines()]
    texts: dict[str, str] = {}
    named: list[str] = []
    for attributes in records:
        for name in DIGESTS if names.POLICY_DOCUMENT in attributes else ():
            text = attributes[name.replace(".digest", ".document")]
            assert attributes[name] == digest(text.encode())
            texts[attributes[name]] = text
        if names.VERDICT in attributes:
            policy, table = (texts[attributes[name]] for name in DIGESTS)
            assert read_policy(policy).require == ("eu",)
            revision = read_revision(table)
            assert revision in load_catalogue().revisions
            assert revision.id == attributes[names.CATALOGUE]
            named.append(revision.id)
    assert named == ["openai-2026-11", "openai-2026-11", "openai-2026-06", "openai-2026-11"]
    formats = [attributes[names.LEDGER_FORMAT] for attributes in records if names.LEDGER_FORMAT in attributes]
    assert formats == [2, 2]
    assert not verify([path], {}).problems


def test_a_call_that_was_not_judged_names_no_text(tmp_path: Path) -> None:
    """Its record is in the chain like any other."""
    path = tmp_path / "ledger.jsonl"
    made = ledger(path)
    made.record(call()._replace(judgement=undecided("flag", "flag")))
    made.close()
    policy, record, _ = (read_record(line).attributes for line in path.read_bytes().splitlines())
    assert names.CATALOGUE_DOCUMENT not in policy
    assert not record.keys() & {*DIGESTS}
    assert not verify([path], {}).problems


@pytest.mark.parametrize("name", [names.POLICY_DIGEST, names.CATALOGUE_DIGEST])
def test_a_text_with_the_digest_of_another(tmp_path: Path, name: str) -> None:
    """`verify` finds it, also where the chain was made anew."""
    path = tmp_path / "ledger.jsonl"
    texts = dict.fromkeys((names.POLICY_DOCUMENT, names.CATALOGUE_DOCUMENT), "{}")
    attributes = {**texts, **dict.fromkeys(DIGESTS, digest(b"{}")), name: digest(b"[]")}
    line = Chain().add(Record(event=names.EVENT_POLICY, time=1, observed=2, attributes=attributes))[1]
    path.write_bytes(line + b"\n")
    what = name.split(".")[1]
    assert f"The text of the {what} is not that of its digest." in [
        problem.what for problem in verify([path], {}).problems
    ]


def test_the_first_format_is_still_read() -> None:
    """A ledger of the first format is verified, counted and judged again."""
    files = find_ledgers([FIRST / "ledger.jsonl"])
    keys = dict([checker((FIRST / "public.pem").read_bytes())])
    verified = verify(files, keys)
    assert (verified.problems, verified.notes, verified.writers, verified.signed) == ((), (), 2, 4)
    with over_files(files, frozenset(), lambda *_: None) as source:
        report = make_report(source, load_catalogue(), datetime.now(UTC))
    assert (report.calls, report.replay.judged, report.replay.not_judged) == (4, 4, {})
