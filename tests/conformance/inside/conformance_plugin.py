"""pytest plugin: the outcome of every test of the client's suite, and what the package saw of it."""

import json
import sys
from pathlib import Path
from typing import Any, Final

import pytest

_CALLS_BEFORE: Final = pytest.StashKey[int]()
_outcomes: dict[str, str] = {}
_calls_by_test: dict[str, object] = {}
_reports: list[dict[str, Any]] = []
"""What each process saw, that of the report included."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add an option for the file to write."""
    parser.addoption("--outcomes", type=Path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Any:
    """Note how many calls there were before a test."""
    item.stash[_CALLS_BEFORE] = _counts()["calls"]
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Note how many calls the test made."""
    item.user_properties.append(("calls", _counts()["calls"] - item.stash[_CALLS_BEFORE]))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how a phase of a test ended: a test passed if all did, else the first that did not tells."""
    if _outcomes.get(report.nodeid, "passed") == "passed":
        _outcomes[report.nodeid] = _outcome(report)
    if report.when == "teardown":
        (_calls_by_test[report.nodeid],) = (value for key, value in report.user_properties if key == "calls")


def _outcome(report: pytest.TestReport) -> str:
    if report.outcome == "failed":
        crash = getattr(report.longrepr, "reprcrash", None)
        kind = crash.message.partition("\n")[0].partition(":")[0] if crash else "?"
        return f"failed in {report.when}: {kind}"
    return f"{report.outcome} as expected to fail" if hasattr(report, "wasxfail") else report.outcome


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker saw."""
    _reports.append(json.loads(node.workeroutput["residency"]))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over what was seen: to the process that started this one, or to the file."""
    activation = sys.modules.get("conformance_activation")
    if activation is not None:
        activation.settle()
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["residency"] = json.dumps(_counts())
        return
    _reports.append(_counts())
    report = {
        "outcomes": _outcomes,
        "calls_by_test": _calls_by_test,
        **{key: sum(each[key] for each in _reports) for key in ("calls", "spans")},
        "problems": [problem for each in _reports for problem in each["problems"]],
    }
    session.config.getoption("--outcomes").write_text(json.dumps(report), encoding="utf-8")


def _counts() -> dict[str, Any]:
    activation = sys.modules.get("conformance_activation")
    if activation is None:
        return {"calls": 0, "spans": 0, "problems": []}
    return {"calls": activation.calls, "spans": activation.spans, "problems": activation.problems}
