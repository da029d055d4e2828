"""What stands behind `make check`, `make test` and `make test-all`, and what they say first and last."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tools import suites

ROOT = Path(__file__).parents[2]
VERSIONS = tomllib.loads((ROOT / "constraints" / "versions.toml").read_text(encoding="utf-8"))


def pins(name: str) -> dict[str, str]:
    """The versions that a file of constraints pins, by package."""
    lines = (ROOT / "constraints" / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, minutes: float = 1) -> str:
    """What is said of a session in which this shell script runs in the place of nox."""
    nox = tmp_path / "nox"
    nox.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    nox.chmod(0o700)
    monkeypatch.setattr(suites, "NOX", nox)
    monkeypatch.setattr(suites, "LOGS", tmp_path)
    return suites.run("session", minutes).problem


def needs(*goals: str, **environment: str) -> tuple[int, list[str]]:
    """What tools/needs.py says where no program is installed: its exit code and its sentences."""
    command = [sys.executable, "tools/needs.py", *goals]
    done = subprocess.run(
        command, cwd=ROOT, env={"PATH": "", **environment}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr.splitlines()


def test_everything_that_nox_can_run_is_in_test_all() -> None:
    """Left out are `unit`, whose tests `coverage` runs, and the Python of `.venv`; no row lacks a session."""
    superfluous = {"unit", f"pythons-{sys.version_info.major}.{sys.version_info.minor}"}
    chosen = {session for session, _ in suites.sessions(suites.ALL)}
    assert chosen == {each["session"] for each in suites.listed()} - superfluous
    assert {each["name"] for each in suites.listed()} == {suite.session for suite in suites.SUITES}


@pytest.mark.parametrize("suite", suites.SUITES, ids=lambda suite: suite.session)
def test_parameters_of_a_goal_exist(suite: suites.Suite) -> None:
    """A release or package that `make test` names is one that nox knows."""
    for goal, parameters in suite.doors.items():
        found = [session for session, each in suites.sessions(goal) if each == suite]
        assert len(found) >= len(parameters)


def test_a_suite_that_is_too_slow_fails_with_that_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is stopped when its time is up."""
    assert ended(monkeypatch, tmp_path, "exec cat /dev/zero > /dev/null", 0).startswith("short of time")


@pytest.mark.parametrize(
    "script", ["kill -KILL $$", "echo 'Command pytest failed with exit code -9'; exit 1"]
)
def test_a_suite_that_is_killed_reports_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    """What the system kills for lack of memory fails with that as its likely reason."""
    assert "short of memory" in ended(monkeypatch, tmp_path, script)


def test_a_suite_does_not_pass_by_skipping(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where every test is skipped nothing was shown."""
    assert ended(monkeypatch, tmp_path, "echo '== 3 skipped in 0.05s =='") == "no test ran"
    assert ended(monkeypatch, tmp_path, "echo '== 1 passed, 3 skipped in 0.05s =='") == ""
    assert ended(monkeypatch, tmp_path, "exit 1") == "failed"


def test_what_is_left_out_is_named_first() -> None:
    """Without Go, apt and Chromium the tests run, and three sentences say what is left out."""
    code, sentences = needs("test")
    assert code == 0
    assert [sentence.split(" is not")[0] for sentence in sentences] == ["Go", "Prometheus", "Chromium"]
    assert all(sentence.endswith(" are left out.") for sentence in sentences)


@pytest.mark.parametrize(("goal", "environment"), [("test-all", {}), ("test", {"CI": "true"})])
def test_where_everything_is_tested_nothing_may_be_missing(goal: str, environment: dict[str, str]) -> None:
    """The same sentences, as errors."""
    code, sentences = needs(goal, **environment)
    assert (code, len(sentences)) == (1, 3)


@pytest.mark.parametrize(("goal", "missing"), [("demo", 0), ("check", 0), ("collector", 1), ("stack", 2)])
def test_a_goal_that_can_not_do_without_something_fails_first(goal: str, missing: int) -> None:
    """The stack needs Go and Prometheus, its Collector only Go, the demo neither."""
    code, sentences = needs(goal)
    assert (code, len(sentences)) == (min(missing, 1), missing)


def test_the_table_of_versions_is_what_is_installed() -> None:
    """The newest openai and OpenTelemetry of the table are those of the constraints."""
    newest = VERSIONS["openai"][-1]
    assert {"openai": newest["version"], "httpx": newest["httpx"]} == pins("openai.txt")
    pinned, opentelemetry = pins("dev.txt"), VERSIONS["opentelemetry"]["newest"]
    assert pinned["opentelemetry-sdk"] == pinned["opentelemetry-api"] == opentelemetry["api"]
    assert pinned["opentelemetry-instrumentation"] == opentelemetry["contrib"]
    assert pinned["wrapt"] == opentelemetry["wrapt"]
    for client, releases in VERSIONS["clients"].items():
        assert pinned[client] in releases
        assert client == "websockets" or pinned[client] == releases[-1]


def test_releases_with_conformance_tests_have_their_requirements() -> None:
    """The newest release is one of them, and there is no file of another release."""
    releases = [each["version"] for each in VERSIONS["openai"] if "conformance" in each]
    files = {file.name: file for file in (ROOT / "tests" / "conformance").glob("requirements-*.txt")}
    assert files.keys() == {f"requirements-{release}.txt" for release in releases}
    for release in releases:
        text = files[f"requirements-{release}.txt"].read_text(encoding="utf-8")
        assert f"openai=={release}" in text.splitlines()
    assert releases[-1] == VERSIONS["openai"][-1]["version"]


def test_the_package_declares_what_is_tested() -> None:
    """The oldest versions of the table are the lower bounds of the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest = VERSIONS["opentelemetry"]["oldest"]
    api, wrapt = (oldest[name].rpartition(".")[0] for name in ("api", "wrapt"))
    assert {
        f"opentelemetry-api>={api}",
        f"opentelemetry-sdk>={api}",
        f"opentelemetry-instrumentation>={oldest['contrib']}",
        f"wrapt>={wrapt},<3",
    } == set(project["dependencies"])
    assert project["requires-python"] == f">={VERSIONS['python'][0]}"
    classified = [each.rpartition(" ")[2] for each in project["classifiers"] if " 3." in each]
    assert classified == VERSIONS["python"]


def test_a_suite_that_the_door_does_not_have_is_an_error() -> None:
    """A misspelt name must not pass with nothing run."""
    with pytest.raises(SystemExit, match="check has no suite lnit"):
        suites.main("check", "lnit", "lint")
