"""What the tests of the patch share: both kinds of client, and no way out but the tests' internet."""

import gc
from collections.abc import Iterator

import pytest

from tests.openai_client.kinds import Async, Kind, Sync


@pytest.fixture(autouse=True)
def _only_here(request: pytest.FixtureRequest) -> None:
    """Lead every client to loopback, whether or not a test looks at what arrives there."""
    request.getfixturevalue("internet")
    # What exists by now lives on, so that the collector, which many tests ask for, need not look at it.
    gc.freeze()


@pytest.fixture(params=[Sync, Async], ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Iterator[Kind]:
    """The synchronous client, then the asynchronous one."""
    made: Kind = request.param()
    yield made
    made.close()


@pytest.fixture
def sync() -> Iterator[Sync]:
    """The synchronous client alone."""
    made = Sync()
    yield made
    made.close()
