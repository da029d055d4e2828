"""What each attempt has at hand."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.evasion.attempt import Attempt
from tests.internet import Internet


@pytest.fixture
def attempt(internet: Internet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Attempt]:
    """An attempt that reaches the tests' internet and nothing else."""
    with ExitStack() as stack:
        yield Attempt(internet, monkeypatch, stack)
