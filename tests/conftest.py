"""What the tests of several rooms share. Nothing is imported here that a room might have to do without."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.internet import Internet
    from tests.recorded import Instrument, Recorded

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
FOREIGN = ("OTEL_", "OPENAI_", "AZURE_OPENAI_", "SSL_CERT_", "AWS_", "GOOGLE_")


@pytest.fixture(scope="session")
def _connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    """Connect this process, and those that it starts, to the tests' internet and to nothing else."""
    from tests.internet import connected
    from tests.vendor import ordinary

    with (
        connected(tmp_path_factory.mktemp("internet"), ordinary) as (internet, environment),
        pytest.MonkeyPatch.context() as patch,
    ):
        for name in os.environ:
            if name.upper() in PROXIES or name.startswith(FOREIGN):
                patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        yield internet


@pytest.fixture
def internet(_connection: Internet) -> Internet:
    """The tests' internet, as if nothing had happened yet."""
    _connection.reset()
    return _connection


@pytest.fixture
def instrument() -> Iterator[Instrument]:
    """Switch the package on, with the given settings or with those of most tests."""
    from tests.recorded import switching

    with switching() as switch_on:
        yield switch_on


@pytest.fixture
def residency(instrument: Instrument) -> Recorded:
    """The package switched on with the settings of most tests: what it emits."""
    return instrument()


@pytest.fixture
def settle() -> Callable[[], None]:
    """Waits until every stream that was dropped or closed has been reported."""
    from tests.recorded import settle

    return settle
