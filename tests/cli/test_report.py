"""The subcommand `report`, started as a person or a pipeline does; its page in a real browser."""

import csv
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_residency.telemetry import names
from tests.audit.clickhouse import PASSWORD, serving
from tests.audit.ledgers import Ledger, as_collected, facts
from tests.cli.command import environment, read_document, start
from tests.internet import US

DOCS = Path(__file__).parent.parent.parent / "docs" / "report.md"
STRICT = 'require = ["eu"]\nstrict = true\n'


@pytest.mark.parametrize(("further_calls", "code"), [([], 0), ([facts(US)], 1)])
def test_the_exit_code_is_that_of_the_policy(
    ledger: Callable[..., str], further_calls: list[Any], code: int
) -> None:
    """0 where no call violates its policy, 1 where one does."""
    done = start("report", ledger(*further_calls))
    assert (done.returncode, done.stderr) == (code, "")


def test_an_altered_verdict_is_a_violation(tmp_path: Path) -> None:
    """What a record says of itself is not believed: its facts are judged again."""
    made = Ledger()
    made.call(facts(US), verdict="eligible", violation=False)
    file = tmp_path / "ledger.jsonl"
    file.write_bytes(made.text)
    done = start("report", str(file))
    assert done.returncode == 1
    assert "another release of this program wrote it, or it was altered" in " ".join(done.stdout.split())


def test_a_broken_chain_is_found_where_requested(ledger: Callable[..., str]) -> None:
    """Without --verify the report says that it did not look; with it, what was altered and exit code 1."""
    path = Path(ledger(facts()))
    unchecked = start("report", str(path))
    assert (unchecked.returncode, "not checked for changes" in unchecked.stdout) == (0, True)
    checked = start("report", "--verify", str(path))
    assert (checked.returncode, "gap:" in checked.stdout.replace("gap: The table", "")) == (0, False)
    path.write_bytes(path.read_bytes().replace(b"claims", b"claimz"))
    altered = start("report", "--verify", str(path))
    assert altered.returncode == 1
    assert "The hash chain has a problem" in altered.stdout
    Path(f"{path}.checkpoints").unlink()
    missing = start("report", "--verify", str(path))
    assert (missing.returncode, "altered" in missing.stdout) == (1, False)
    assert "The checkpoint file is missing" in " ".join(missing.stdout.split())


def test_a_file_of_a_collector_has_no_chain(ledger: Callable[..., str], tmp_path: Path) -> None:
    """It is told that it was not checked; with checkpoints beside it is a ledger, whatever is in it."""
    path = Path(ledger(facts()))
    lines = [as_collected(line) for line in path.read_bytes().splitlines()]
    collected = tmp_path / "collected" / "audit.jsonl"
    collected.parent.mkdir()
    collected.write_bytes(b"\n".join(lines))
    both = start("report", "--verify", str(path), str(collected))
    assert both.returncode == 0
    assert "audit.jsonl: not a ledger, so not checked" in " ".join(both.stdout.split())
    path.write_bytes(lines[0] + b"\n" + path.read_bytes())
    assert start("report", "--verify", str(path)).returncode == 1


def test_a_line_that_cannot_be_read_is_reported_and_not_fatal(ledger: Callable[..., str]) -> None:
    """It is named with file, line and reason, and nothing of it is repeated."""
    path = ledger(tail=b'{"resourceLogs":[{"Frau Muster\n')
    done = start("report", path, "--format", "json")
    document = read_document(done.stdout)
    assert done.returncode == 0
    (unread,) = document["unread"]
    assert (unread["path"], unread["line"]) == (path, 4)
    assert "Muster" not in done.stdout


def test_the_document_holds_the_whole_report(ledger: Callable[..., str]) -> None:
    """JSON has the answer in words and every number."""
    document = read_document(start("report", ledger(facts(US)), "--format", "json").stdout)
    assert (
        document["answer"]
        .replace("\N{NO-BREAK SPACE}", " ")
        .startswith("1 of 2 recorded calls (50.0 %, 10 Nov 2026) went to a host outside Europe")
    )
    assert document["outcomes"] == {"kept": 1, "broken": 1}
    assert document["findings"][0]["reason"] == "host.region_mismatch"
    assert document["policies"][0]["attestations"] == [
        ["retention_amendment", "Amendment 1"],
        ["zero_data_retention", "DPA annex 2"],
    ]


def test_the_table_is_no_formula(ledger: Callable[..., str]) -> None:
    """CSV has a row for each number, and a name that a spreadsheet would run is text."""
    done = start("report", ledger(facts(US), service="=cmd()"), "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert {"section": "service", "name": "'=cmd()", "outcome": "broken", "calls": "1"} in rows
    assert {"section": "all", "name": "", "outcome": "kept", "calls": "1"} in rows


def test_the_form_follows_the_name_of_the_file(ledger: Callable[..., str], tmp_path: Path) -> None:
    """--output names the form by its ending, and the answer is told all the same."""
    for name, begins in (
        ("r.html", "<!DOCTYPE html>"),
        ("r.md", "# Data residency report"),
        ("r.json", "{"),
        ("r.csv", "section,"),
        ("r", "No recorded call went to "),
    ):
        done = start("report", ledger(), "--output", str(tmp_path / name))
        assert done.stdout.replace("\N{NO-BREAK SPACE}", " ").startswith("No recorded call went to ")
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert text.lstrip().replace("\N{NO-BREAK SPACE}", " ").startswith(begins)


def test_foreign_markdown_is_no_markup(ledger: Callable[..., str]) -> None:
    """A name with signs of Markdown stays a name."""
    text = start("report", ledger(service="a|b*c*<i>"), "--format", "markdown").stdout
    assert "| a\\|b\\*c\\*\\<i\\> | 1 | 1 |" in text


def test_days_are_requested(ledger: Callable[..., str]) -> None:
    """--from and --to count, and the report says what was asked for."""
    done = start("report", ledger(), "--from", "2026-11-11", "--to", "2026-11-12", "--format", "json")
    document = read_document(done.stdout)
    assert (document["calls"], document["asked"]) == (0, ["2026-11-11", "2026-11-12"])


def test_another_table_judges(ledger: Callable[..., str]) -> None:
    """--catalogue judges every record by the table that it names."""
    done = start("report", ledger(), "--catalogue", "openai-2025-02", "--format", "json")
    (difference,) = read_document(done.stdout)["replay"]["differences"]
    assert (difference["cause"], difference["in_force"]) == ("other table", "openai-2025-02")


def test_another_policy_is_supposed(ledger: Callable[..., str], tmp_path: Path) -> None:
    """--what-if tells what it would have stopped, by the rules for services in it."""
    policy = tmp_path / "policy.toml"
    policy.write_text(
        STRICT + '[[rule]]\nwhen = { service = "claims" }\nrequire = ["us"]\n', encoding="utf-8"
    )
    document = read_document(start("report", ledger(), "--what-if", str(policy), "--format", "json").stdout)
    (stopped,) = document["replay"]["what_if"]
    assert (stopped["service"], stopped["calls"], stopped["reasons"][0]) == (
        "claims",
        1,
        "host.region_mismatch",
    )


def test_a_clickhouse_is_queried() -> None:
    """The password comes from the environment, and stands nowhere in the report."""
    made = Ledger()
    made.call(facts(US))
    with serving(made.lines) as url:
        variables = {"CLICKHOUSE_PASSWORD": PASSWORD, "NO_PROXY": "127.0.0.1"}
        done = start("report", "--clickhouse", url, "--format", "json", **variables)
    assert (done.returncode, read_document(done.stdout)["outcomes"]) == (1, {"broken": 1})
    assert PASSWORD not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "pass the files or folders to report on, or --clickhouse"),
        (["LEDGER", "--clickhouse", "http://h"], "pass either paths or --clickhouse, not both"),
        (["no-such"], "no-such: no such file or folder"),
        (["LEDGER", "--from", "2026-11-02", "--to", "2026-11-01"], "is later than"),
        (["LEDGER", "--catalogue", "no-such"], "neither a revision nor a file"),
        (["LEDGER", "--what-if", "no-such.toml"], "no-such.toml: can't be read"),
        (["LEDGER", "--what-if", "POLICY"], "unknown region 'atlantis'"),
        (["LEDGER", "--output", "no-such/r.html"], "no-such/r.html: No such file"),
        (["--clickhouse", "http://127.0.0.1:1/otel"], "http://127.0.0.1:1/otel: can't be queried"),
    ],
)
def test_what_cannot_be_carried_out_is_one_line(
    ledger: Callable[..., str], tmp_path: Path, arguments: list[str], part: str
) -> None:
    """It ends with 2 and says what is wrong; there is no traceback."""
    policy = tmp_path / "policy.toml"
    policy.write_text('require = ["atlantis"]', encoding="utf-8")
    places = {"LEDGER": ledger(), "POLICY": str(policy)}
    done = start("report", *(places.get(each, each) for each in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("otel-residency: ")
    assert done.stderr.count("\n") == 1
    assert part in done.stderr


@pytest.mark.parametrize(
    ("missing", "options", "part"),
    [
        ("duckdb", [], "a report needs duckdb"),
        ("jinja2", ["--format", "html"], "the HTML report needs jinja2"),
        ("clickhouse_connect", ["--clickhouse", "http://h/d"], "install clickhouse-connect"),
    ],
)
def test_without_the_extra_the_report_names_what_to_install(
    ledger: Callable[..., str], missing: str, options: list[str], part: str
) -> None:
    """What is not installed is one line with its fix."""
    path = [] if "--clickhouse" in options else [ledger()]
    code = f"import sys; sys.modules[{missing!r}] = None; from otel_residency.cli import main; main()"
    command = [sys.executable, "-c", code, "report", *path, *options]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert part in done.stderr
    assert "pip install 'otel-residency[audit]'" in done.stderr


def test_the_audit_needs_neither_opentelemetry_nor_the_client() -> None:
    """Reading, judging again and every form of the report work where these can't be imported."""
    code = """
import sys
for name in ("opentelemetry", "openai", "wrapt", "httpx", "typer", "rich"):
    sys.modules[name] = None
from datetime import UTC, datetime
from pathlib import Path
from otel_residency.audit.engines import over_files
from otel_residency.audit.render import data, html, markdown
from otel_residency.audit.report import make_report
from otel_residency.catalogue import load_catalogue
with over_files([Path(sys.argv[1])], frozenset(), lambda *_: None) as source:
    made = make_report(source, load_catalogue(), datetime.now(UTC))
for write in (data.as_json, data.as_csv, markdown.as_markdown, html.as_html):
    assert write(made)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, __file__], env=environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_help_is_documented() -> None:
    """The page shows the help as it is."""
    done = start("report", "--help", COLUMNS="100", TERM="dumb")
    assert f"```\n{done.stdout.rstrip()}\n```" in DOCS.read_text(encoding="utf-8")


def test_every_name_of_a_record_is_one_that_is_emitted() -> None:
    """The columns are attributes of the registry."""
    from otel_residency.audit.rows import ATTRIBUTES, EVENTS

    emitted = {value for value in vars(names).values() if isinstance(value, str)}
    assert {*ATTRIBUTES.values(), *EVENTS} <= emitted
