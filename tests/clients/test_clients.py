"""What a library's user sees is the same with us, what it sends is told, and what may not leave does not."""

from pathlib import Path

import pytest

from tests.clients.runs import NAME, Ran, run
from tests.clients.table import rows

TROUBLE = ("Traceback", "Warning", "never retrieved", "otel_residency")
"""What would stand in a log if we, or an error of ours, came in the way."""
REFUSAL = "otel_residency.ResidencyViolationError"
ENDED = {"eu": "eligible", "us": "ineligible"}
"""The verdict on a call to each region."""


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The calls as they are without us."""
    return run(tmp_path_factory.mktemp("home"), "us", None)


@pytest.fixture(scope="module", params=["flag-eu", "flag-us", "block-eu"])
def permitted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Ran]:
    """The calls where they go through, and the region that they went to."""
    on_call, region = request.param.split("-")
    return region, run(tmp_path_factory.mktemp("home"), region, on_call)


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The calls where they don't."""
    return run(tmp_path_factory.mktemp("home"), "us", "block")


def test_the_results_are_the_same(without: Ran, permitted: tuple[str, Ran]) -> None:
    """Each call is answered, with us as without us, by the same requests."""
    _, with_us = permitted
    assert with_us.results == without.results
    assert all(without.answers.values())
    assert with_us.received == without.received


def test_each_request_is_reported(permitted: tuple[str, Ran]) -> None:
    """Whatever arrived at the vendor has a span with its region and endpoint and the verdict on it."""
    region, ran = permitted
    verdicts = [
        (span["residency.endpoint"], span["residency.region"], span["residency.verdict"])
        for span in ran.spans()
    ]
    for path in set(ran.received):
        assert verdicts.count((path, region, ENDED[region])) >= ran.received.count(path)


def test_each_request_is_reported_once(permitted: tuple[str, Ran]) -> None:
    """There are as many spans, and calls counted, as requests that arrived, and no other verdicts."""
    region, ran = permitted
    assert {span["residency.verdict"] for span in ran.spans()} == {ENDED[region]}
    assert len(ran.spans()) == len(ran.received)
    assert ran.exported.total("residency.calls") == len(ran.received)


def test_a_refusal_reaches_the_user(refused: Ran) -> None:
    """Nothing arrives, and every call raises the error of the table, which says why."""
    assert refused.received == []
    assert {result["error"] for result in refused.results.values()} == {rows()[NAME].error}
    assert all("host.region_mismatch" in result["text"] for result in refused.results.values())


def test_the_refusal_stands_below_the_error(refused: Ran) -> None:
    """Who follows what led to the error finds ours, but where dspy loses it on the way out of a stream."""
    lost = {
        call
        for call, result in refused.results.items()
        if REFUSAL not in (result["error"], *result["causes"])
    }
    assert lost == ({"streamed"} if NAME == "dspy" else set())


def test_a_refusal_is_reported(refused: Ran) -> None:
    """Each of a call's tries, which the table has the number of, is counted and has a span and an event."""
    tries = len(refused.results) * rows()[NAME].tries
    assert [span["residency.action"] for span in refused.spans()] == ["blocked"] * tries
    assert refused.exported.total("residency.calls") == tries
    assert refused.exported.log_events == ["residency.violation"] * tries


def test_the_log_is_quiet(permitted: tuple[str, Ran]) -> None:
    """We warn of nothing, and no traceback shows."""
    _, ran = permitted
    assert [sign for sign in TROUBLE if sign in ran.log] == []


def test_the_log_of_a_refusal_is_quiet(refused: Ran) -> None:
    """Of a refusal no traceback shows but the one that the user is given."""
    assert [sign for sign in TROUBLE if sign in refused.log] == []


def test_no_other_host_is_contacted(without: Ran, permitted: tuple[str, Ran], refused: Ran) -> None:
    """No connection to any other host is made, with us or without us."""
    _, ran = permitted
    assert without.internet.connections + ran.internet.connections + refused.internet.connections == []


@pytest.mark.parametrize("variable", ["OPENAI_API_BASE", "OPENAI_BASE_URL"])
def test_an_address_that_is_not_read_lets_nothing_out(tmp_path: Path, variable: str) -> None:
    """Calls go to the address in a variable that the library reads; else to the global host: refused."""
    ran = run(tmp_path, "eu", "block", address=variable)
    assert ran.internet.connections == []
    if variable in rows()[NAME].variables:
        assert all(ran.answers.values())
        assert len(ran.received) == len(ran.results)
    else:
        assert all("host.global" in result["text"] for result in ran.results.values())
