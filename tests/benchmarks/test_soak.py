"""`make soak` runs, and a run that does not stay level, or loses a call, is reported."""

import sys

import pytest

from benchmarks import soak


def run(*problems: str, memory: int = 0, files: int = 0) -> soak.Run:
    """A run whose last quarter has more memory, and whose end more files."""
    during = [soak.Sample(number, 100 + memory * (number > 5), 50, 500, 500) for number in range(8)]
    end = soak.Sample(8, 100, files, 2, 0)
    return soak.Run(calls=8, seconds=1, problems=problems, samples=[*during, end])


def test_what_does_not_stay_level_is_reported() -> None:
    """Memory that grows in the last quarter, and files that are left, are problems; a level run has none."""
    assert soak.problems(run()) == []
    assert soak.problems(run("7 spans, not 8")) == ["7 spans, not 8"]
    assert soak.problems(run(memory=2 * soak.GROWTH)) == [f"memory grew from 100 to {2 * soak.GROWTH + 100}"]
    assert soak.problems(run(files=50)) == ["50 files are left"]
    assert "| 50 files are left |" in soak.row("flag, threads", run(files=50))


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
@pytest.mark.parametrize("kind", soak.KINDS)
@pytest.mark.parametrize("mode", ["block", "ledger", "redact"])
def test_each_call_is_reported_once(mode: str, kind: str) -> None:
    """Of a few calls each has one request, one span, one count and one record."""
    with soak.server() as port:
        assert list(soak.soak(mode, kind, 100, port).problems) == []
