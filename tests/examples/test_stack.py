"""The stack on a machine that can't build it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("module", ["tools.backends", "examples.stack"])
def test_without_go_one_line_reports_it(module: str, tmp_path: Path) -> None:
    """No traceback: what is missing, and what for."""
    environment = {"PATH": "", "XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-m", module]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    missing = "Go is not installed, and the Collector, Jaeger and Alertmanager are built with it.\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", missing)
