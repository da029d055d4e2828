"""The engine that dspy chooses by itself is an HTTP client of its own over bare sockets."""

from pathlib import Path

import pytest

from tests.clients.runs import run

ALONE = "with_dspy_alone"
UNSEEN = "nothing is patched that dspy's own engine passes: a limit, see docs/clients.md"


@pytest.mark.xfail(reason=UNSEEN)
def test_its_default_engine_is_detected(tmp_path: Path) -> None:
    """A call by it has a span."""
    ran = run(tmp_path, "us", "flag", ALONE)
    assert len(ran.spans()) == len(ran.received) == 1


@pytest.mark.xfail(reason=UNSEEN)
def test_its_default_engine_is_stopped(tmp_path: Path) -> None:
    """Nothing of a call by it arrives that is not permitted."""
    assert run(tmp_path, "us", "block", ALONE).received == []


def test_an_address_by_variable_is_detected(tmp_path: Path) -> None:
    """With the address in a variable it leaves the call to litellm, and so to the client."""
    ran = run(tmp_path, "us", "flag", ALONE, address="OPENAI_BASE_URL")
    assert len(ran.spans()) == len(ran.received) == 1
