"""What the tests of the patch share: both kinds of client, and no way out but the tests' internet."""

from collections.abc import Iterator

import pytest

from tests.internet import Internet
from tests.openai_client.kinds import Async, Kind, Sync


@pytest.fixture(autouse=True)
def _only_here(internet: Internet) -> None:
    """Lead every client to loopback, whether or not a test looks at what arrives there."""


@pytest.fixture(params=[Sync, Async], ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Iterator[Kind]:
    """The synchronous client, then the asynchronous one."""
    made: Kind = request.param()
    yield made
    made.close()
