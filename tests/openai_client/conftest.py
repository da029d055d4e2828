"""What the tests of the patch share: both kinds of client, and no way out but the tests' internet."""

import gc
from collections.abc import Iterator

import pytest

from tests.openai_client.kinds import Async, Kind, Sync


@pytest.fixture(scope="session", autouse=True)
def _imported() -> Iterator[None]:
    """Spare the collector, which many tests ask for, what was imported and lives on.

    Once, and not for each test: garbage that is set aside would hold on to what it refers to.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _only_here(request: pytest.FixtureRequest) -> None:
    """Lead every client to loopback, whether or not a test looks at what arrives there."""
    request.getfixturevalue("internet")


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
