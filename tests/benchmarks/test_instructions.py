"""Instructions are counted, of calls that ours was at work in. How many they are is no failure."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import instructions

ROOT = Path(__file__).parents[2]
needs_valgrind = pytest.mark.skipif(
    shutil.which("valgrind") is None and "CI" not in os.environ, reason="needs valgrind"
)


@needs_valgrind
def test_what_ours_adds_to_a_call_is_counted(tmp_path: Path) -> None:
    """A row with ours has more instructions than the plain one, and the JSON says of which versions."""
    file = tmp_path / "instructions.json"
    chosen = ("--case=chat", "--setup=flag", "--calls=2", f"--json={file}")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.instructions", *chosen],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(file.read_text(encoding="utf-8"))
    plain, ours = results["rows"]
    assert (plain["setup"], ours["setup"]) == ("plain", "flag")
    assert ours["instructions"] - plain["instructions"] == ours["added"] > 0
    assert f"{ours['added']:+,}" in done.stdout
    assert {"interpreter", "openai", "valgrind"} <= set(results["versions"])


def test_valgrind_is_required(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without valgrind nothing is run, and one sentence says what to install."""
    monkeypatch.setenv("PATH", "")
    assert instructions.main([]) == 1
    assert capsys.readouterr().err == "valgrind is not installed; on Debian: apt-get install valgrind\n"
