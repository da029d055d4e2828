"""`make stack`, as its user starts and stops it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from examples.stack.programs import read

ROOT = Path(__file__).parents[2]


def test_it_shows_addresses_and_stops_cleanly() -> None:
    """The addresses answer, with the demo's traffic behind them, and after Ctrl-C nothing does."""
    command = [sys.executable, "-m", "examples.stack"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as stack:
        assert stack.stdout is not None
        shown = {}
        for line in iter(stack.stdout.readline, "Ctrl-C stops all of it.\n"):
            assert line, "it ended"
            what, _, where = line.strip().rpartition(" ")
            shown[what.strip()] = where
        assert "claims-flag" in read(f"{shown['Jaeger']}/api/services").decode()
        stack.send_signal(signal.SIGINT)
        assert (stack.stdout.read(), stack.wait()) == ("stopped\n", 0)
    for what in ("Jaeger", "metrics, for Prometheus"):
        with pytest.raises(OSError, match="refused"):
            read(shown[what])
