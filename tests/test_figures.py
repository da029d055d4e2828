"""What holds the source code together does not get worse."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.figures import circles

ROOT = Path(__file__).parent.parent
FILES, FUNCTIONS, CHANGES = 12, 85, 57
"""The most that a warm chat completion may enter."""
IN_CIRCLES, IN_CIRCLES_WITH_LATE = 0, 0
"""The most modules that may stand in import circles, without and with imports in function bodies."""


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    """The figures, computed in a process that nothing else has instrumented."""
    command = [sys.executable, "-m", "tools.figures", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    computed: dict[str, Any] = json.loads(done.stdout)
    return computed


def test_a_warm_call_enters_few_files(figures: dict[str, Any]) -> None:
    """A chat completion in flag mode stays within the files, functions and changes of file allowed."""
    call = figures["call"]
    assert 0 < call["files"] <= FILES
    assert 0 < call["functions"] <= FUNCTIONS
    assert 0 < call["changes"] <= CHANGES


def test_there_is_no_new_circle(figures: dict[str, Any]) -> None:
    """No more modules than those allowed import each other, with and without imports in function bodies."""
    assert sum(map(len, figures["circles"])) <= IN_CIRCLES
    assert sum(map(len, figures["circles_with_late"])) <= IN_CIRCLES_WITH_LATE


def test_a_circle_is_found() -> None:
    """Modules that reach each other are one circle; one that only leads there or away is in none."""
    graph = {"in": {"a"}, "a": {"b"}, "b": {"c"}, "c": {"a", "out"}, "out": set(), "d": {"e"}, "e": {"d"}}
    assert circles(graph) == [["a", "b", "c"], ["d", "e"]]
