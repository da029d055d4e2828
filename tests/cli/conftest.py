"""Ledgers on disk, as the commands are given them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.audit.ledgers import Ledger, facts


@pytest.fixture
def ledger(tmp_path: Path) -> Callable[..., str]:
    """Writes a ledger with one call that keeps the promise, and others; gives its path."""

    def written(
        *further_calls: Any, name: str = "ledger.jsonl", tail: bytes = b"", service: str = "claims"
    ) -> str:
        made = Ledger(service)
        made.call(facts())
        for second, other in enumerate(further_calls, 1):
            made.call(other, second)
        made.end()
        (tmp_path / name).write_bytes(made.text + tail)
        (tmp_path / f"{name}.checkpoints").write_bytes(made.lines[-1] + b"\n")
        return str(tmp_path / name)

    return written
