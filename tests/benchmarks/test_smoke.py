"""The benchmark runs and says what it must. Speed is not tested: a busy machine is no failure."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from benchmarks.calls import Added, Results, Row, Size
from benchmarks.report import Took
from benchmarks.show import as_page, report

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> str:
    """Run the benchmark as `make bench` does: what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a tiny run wrote."""
    output = tmp_path_factory.mktemp("benchmarks") / "benchmarks.json"
    sizes = ("--sets=1", "--rounds=1", "--pairs=1")
    cases = ("--case=raw", "--case=async embeddings", "--case=stream-1", "--case=stream")
    run(*sizes, *cases, f"--output={output}")
    read: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    return read


def test_every_variant_is_measured(results: dict[str, Any]) -> None:
    """Each case has a plain time and what the others add, in wall and processor time."""
    rows = results["calls"]["rows"]
    assert [row["name"] for row in rows] == ["raw", "async embeddings", "stream-1", "stream"]
    for row in rows:
        assert row["plain"] > 0
        assert set(row["added"]) == {"control", "floor", "ours"}
        assert {"wall", "low", "high", "processor"} == set(row["added"]["ours"])
    (chunks,) = results["calls"]["chunks"]
    assert chunks["plain"] > 0
    assert set(chunks["added"]) == {"control", "floor", "ours"}


def test_ours_was_at_work(results: dict[str, Any]) -> None:
    """Every call that ours was timed with was judged eligible, none was passed by or failed."""
    bursts = 8 + 1
    assert results["calls"]["eligible"] == bursts * (20 + 20 + 20 + 3)


def test_the_gate_is_measured(results: dict[str, Any]) -> None:
    """Every kind of span has a time without the gate, in either mode."""
    assert {row["mode"] for row in results["gate"]} == {"flag", "redact"}
    assert all(row["without"] > 0 for row in results["gate"])
    assert len(results["gate"]) == 10


def test_start_is_compared_with_an_environment_without_ours(results: dict[str, Any]) -> None:
    """Ours is active where it is installed and absent where it is not, and imports no openai of its own."""
    startup = results["startup"]
    assert startup["active"]
    assert not startup["openai_early"]
    assert all(row["without"] > 0 for row in startup["rows"])


@pytest.mark.parametrize("batch", [1, 100])
def test_the_report_is_measured(tmp_path: Path, batch: int) -> None:
    """Files are written once, and every way that is asked for counts all of their calls."""
    output = tmp_path / "results.json"
    options = ("--recorded=2000", f"--batch={batch}", "--way=otel-residency report")
    run("--only=report", *options, f"--output={output}")
    (took,) = json.loads(output.read_text(encoding="utf-8"))["recorded"]
    assert took["calls"] == 2000
    assert min(took["seconds"], took["processor"], took["megabytes"]) > 0
    assert "recorded calls" in (tmp_path / "ledgers" / "report.html").read_text(encoding="utf-8")


def test_conditions_are_reported(results: dict[str, Any]) -> None:
    """Numbers come with the day, the machine and the versions that they hold for."""
    assert {"date", "machine", "versions", "calls", "gate", "startup", "recorded"} == set(results)
    assert {"python", "openai", "opentelemetry-sdk", "otel-residency"} <= set(results["versions"])


def test_profile_names_functions_of_ours() -> None:
    """The profile of a call shows where our time goes, function by function."""
    shown = run("profile", "chat", "--calls=5")
    assert "Call.on_attempt" in shown
    assert "Telemetry.start" in shown


def test_the_page_explains_how_to_read_it() -> None:
    """The recorded page has every table and explains its words."""
    added = {variant: Added(50.0, 45.0, 55.0, 60.0) for variant in ("control", "floor", "ours")}
    page = as_page(report(Results(Size(), (Row("chat", "chat", 500.0, added),), (), 1)))
    assert "| chat | 500 | +50 |" in page
    assert all(f"**{heading}**" in page for heading in ("plain", "control", "floor", "ours", "processor"))
    assert str(ROOT) not in page
    assert f"openai {version('openai')}" in page


def test_page_keeps_what_was_not_measured_again() -> None:
    """Each table says when and where it was measured; the others stay as they were."""
    took = Took("jq", 7, 1, 0.1, 2.0, 1.0, 9.0, 0.5)
    first = as_page(report(None, recorded=[took]))
    again = as_page(report(None, recorded=[took._replace(calls=8)]), first)
    other = as_page(report(None, recorded=[took._replace(batch=100)]), again)
    assert ("| jq | 7 |" in first, "| jq | 7 |" in again, "| jq | 8 |" in again) == (True, False, True)
    assert (other.count("| jq |"), other.count("Measured on"), other.count("## How to read it")) == (2, 2, 1)
