"""What the tests of the patch share: both kinds of client, and no way out but the tests' internet."""

import gc
from collections.abc import Iterator

import pytest

from tests.calls.kinds import Async, Kind, Sync
from tests.recorded import settle


@pytest.fixture(scope="session", autouse=True)
def _collector() -> Iterator[None]:
    """Have garbage collected when a test asks for it, and at no other time.

    The collector may start in any thread, and while it is at work in one it does nothing for another. What
    was imported lives on, and need not be looked at.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """Have the calls that a test abandons reported before the next test counts its own.

    What is left then is not looked through again: it grows with the number of tests.
    """
    yield
    settle()
    gc.freeze()


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
