"""No command waits for a pipe: whatever file it reads or writes, it says that it is none."""

import os
from pathlib import Path

import pytest

from tests.cli.command import start


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        pytest.param(("policy", "check"), {"OTEL_RESIDENCY_POLICY": "{}"}, id="policy"),
        pytest.param(("catalogue", "list"), {"OTEL_RESIDENCY_CATALOGUE": "{}"}, id="catalogue"),
        pytest.param(("check-batch", "{}"), {}, id="batch file"),
        pytest.param(("verify", ".", "--key", "{}"), {}, id="public key"),
        pytest.param(("verify", "{}"), {}, id="ledger to verify"),
        pytest.param(("report", "{}"), {}, id="ledger to report"),
        pytest.param(("report", "--verify", "{}"), {}, id="ledger to verify and report"),
        pytest.param(("scan", "{}"), {}, id="scanned file"),
    ],
)
def test_a_pipe(tmp_path: Path, arguments: tuple[str, ...], variables: dict[str, str]) -> None:
    """A pipe without anybody at its other end is refused at once."""
    pipe = tmp_path / "pipe.py"
    os.mkfifo(pipe)
    given = {"OTEL_RESIDENCY_REQUIRE": "eu"} | {name: value.format(pipe) for name, value in variables.items()}
    done = start(*(each.format(pipe) for each in arguments), **given)
    text = " ".join((done.stdout + done.stderr).split())
    assert "not a regular file" in text or "is not a file" in text
