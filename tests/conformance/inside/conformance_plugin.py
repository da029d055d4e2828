"""pytest plugin: the outcome of every test of the client's suite, and what the package saw of it."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

_outcomes: dict[str, str] = {}
_calls: dict[str, int] = {}
_totals = {"spans": 0, "calls": 0}
_failures: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where to write."""
    parser.addoption("--outcomes", type=Path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Any:
    """Start counting the calls of one test."""
    activation = sys.modules.get("conformance_activation")
    item.stash[_BEFORE] = activation.calls if activation else 0
    return (yield)


_BEFORE = pytest.StashKey[int]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Note how many calls the test made."""
    activation = sys.modules.get("conformance_activation")
    if activation:
        item.user_properties.append(("calls", activation.calls - item.stash[_BEFORE]))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how a phase of a test ended; a test is what its phases are."""
    if report.outcome == "failed":
        crash = getattr(report.longrepr, "reprcrash", None)
        kind = crash.message.partition("\n")[0].partition(":")[0] if crash else "?"
        found = f"failed in {report.when}: {kind}"
    else:
        found = report.outcome + (" (xfail)" if hasattr(report, "wasxfail") else "")
    known = _outcomes.get(report.nodeid)
    if known in (None, "passed"):
        _outcomes[report.nodeid] = found
    elif found != "passed":
        _outcomes[report.nodeid] = f"{known}; {found}"
    for key, value in report.user_properties:
        if key == "calls" and report.when == "teardown":
            _calls[report.nodeid] = value


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over what was counted: to the process that started this one, or to the file."""
    activation = sys.modules.get("conformance_activation")
    seen = (
        {"spans": activation.spans(), "calls": activation.calls, "failures": activation.failures}
        if activation
        else {"spans": 0, "calls": 0, "failures": []}
    )
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["residency"] = json.dumps(seen)
        return
    _add(seen)
    session.config.getoption("--outcomes").write_text(
        json.dumps({"outcomes": _outcomes, "calls_by_test": _calls, **_totals, "failures": _failures}), encoding="utf-8"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker counted."""
    _add(json.loads(node.workeroutput["residency"]))


def _add(seen: dict[str, Any]) -> None:
    for key in _totals:
        _totals[key] += seen[key]
    _failures.extend(seen["failures"])
