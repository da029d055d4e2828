"""Under gevent and eventlet an application gets what it gets without us."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.demo.loopback import Asked, Reply
from tests.internet import PATIENCE, Gate, Internet
from tests.vendor import events, ordinary

LIBRARY = os.environ["GREEN"]
PROGRAM = Path(__file__).with_name("program.py")
CALLS = 10


@pytest.fixture(autouse=True)
def _hanging(internet: Internet) -> Iterator[None]:
    """What is asked to hang answers when the test is over; a stream has sent its first events by then."""
    gate = Gate()

    def parts(body: Any) -> Iterator[bytes]:
        yield next(iter(body))
        gate.wait()

    def respond(request: Asked) -> Reply:
        reply = ordinary(request)
        if b'"hang"' not in request.body:
            return reply
        if not isinstance(reply.body, bytes):
            return events(parts(reply.body))
        gate.wait()
        return reply

    internet.respond = respond
    yield
    gate.open()


def run(order: str, ours: str, ledger: Path) -> dict[str, Any]:
    """What the program prints."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), LIBRARY, order, ours],
        env={**os.environ, "LEDGER": str(ledger)},
        capture_output=True,
        text=True,
        check=False,
        timeout=3 * PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


@pytest.mark.parametrize("order", ["before", "after"])
def test_greenlets_get_what_they_get_without_us(order: str, tmp_path: Path) -> None:
    """Answers, streams that are abandoned and timeouts are the same; no process or thread is started."""
    ledger = tmp_path / "ledger.jsonl"
    without, with_ours = (run(order, ours, ledger) for ours in ("without", "with"))
    assert without.pop("spans") == 0
    assert with_ours.pop("spans") == CALLS
    assert with_ours == without
    assert without["outcomes"].count("Timeout") == 2
    records = ledger.read_text(encoding="utf-8").count('"residency.call"')
    assert records == CALLS
