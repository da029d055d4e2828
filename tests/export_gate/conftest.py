"""What the tests of the gate share: a registry of their own, counts since their start."""

from collections.abc import Callable, Iterator

import pytest

from otel_residency.calls.correlation import CallRegistry
from otel_residency.runtime.runtime import runtime
from otel_residency.telemetry import names
from tests.recorded import Recorded

Items = Callable[[Recorded], dict[tuple[str, str], float]]


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Let no test know the calls of another."""
    runtime.part(CallRegistry).clear()
    yield
    runtime.part(CallRegistry).clear()


@pytest.fixture(autouse=True)
def _only_here(request: pytest.FixtureRequest) -> None:
    """Lead every client to loopback."""
    request.getfixturevalue("internet")


@pytest.fixture
def items() -> Items:
    """Reads how many items were changed, by signal and action."""

    def read(recorded: Recorded) -> dict[tuple[str, str], float]:
        return {
            (str(point[names.EXPORT_SIGNAL]), str(point[names.EXPORT_ACTION])): value
            for value, point in recorded.points(names.METRIC_EXPORT_ITEMS)
        }

    return read
