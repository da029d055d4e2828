"""A road for each attempt."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.evasion.road import Road
from tests.internet import Internet


@pytest.fixture
def road(internet: Internet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Road]:
    """A road that leads to the tests' internet and nowhere else."""
    with ExitStack() as stack:
        yield Road(internet, monkeypatch, stack)
