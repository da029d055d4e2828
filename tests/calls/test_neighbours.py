"""Beside other instrumentations of the client: every call is theirs and ours, and ours is the last word.

They are not installed with the other test requirements, since they bring requirements of their own.
"""

import pytest

from tests.calls.steps import OURS, CallOutcome, take

NEIGHBOURS = {
    "openinference": "openinference.instrumentation.openai",
    "genai": "opentelemetry.instrumentation.genai.openai",
}
ORDERS = ("{0} on", "on {0}", "openai {0} on", "on openai client {0}")


class Run:
    """What came of the calls of one process: with both, without us, and without them."""

    def __init__(self, neighbour: str, order: str) -> None:
        self.theirs = NEIGHBOURS[neighbour]
        pytest.importorskip(self.theirs)
        first = order.format(neighbour).split()
        found = take(*first, "call", "astray", "off", "call", "on", f"{neighbour}-off", "call", "astray")
        self.together, self.without_us, self.without_them = found[:4], found[4:6], found[6:]


@pytest.fixture(params=NEIGHBOURS)
def neighbour(request: pytest.FixtureRequest) -> str:
    """Another instrumentation of the client."""
    return str(request.param)


@pytest.fixture(params=ORDERS)
def run(request: pytest.FixtureRequest, neighbour: str) -> Run:
    """Calls beside that neighbour, which came before or after us."""
    return Run(neighbour, request.param)


def outcomes(found: list[CallOutcome]) -> list[tuple[str, list[str]]]:
    """How each call ended, and whose spans there are of it."""
    return [(outcome.outcome, sorted(map(str, outcome.scopes()))) for outcome in found]


def test_both_see_every_call(run: Run) -> None:
    """Each call is one span of theirs and one of ours, and a violating call is refused under theirs too."""
    both = sorted([OURS, run.theirs])
    assert outcomes(run.together) == [
        *[("answered", both)] * 2,
        *[("ResidencyViolationError", both)] * 2,
    ]


def test_they_go_on_without_us(run: Run) -> None:
    """After we are switched off, they work as if we had never been there."""
    assert [(outcome.outcome, outcome.spans) for outcome in run.without_us] == [
        ("answered", [[run.theirs, None]])
    ] * 2


def test_we_go_on_without_them(run: Run) -> None:
    """After they are switched off, even by putting back what was there before us, no call is lost."""
    assert [(outcome.outcome, outcome.spans) for outcome in run.without_them] == [
        *[("answered", [[OURS, None]])] * 2,
        *[("ResidencyViolationError", [[OURS, None]])] * 2,
    ]
