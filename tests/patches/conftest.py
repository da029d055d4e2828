"""What the tests of HTTP clients share: no way out but the tests' internet."""

import pytest


@pytest.fixture(autouse=True)
def _only_here(request: pytest.FixtureRequest) -> None:
    """Lead every client to loopback."""
    request.getfixturevalue("internet")
