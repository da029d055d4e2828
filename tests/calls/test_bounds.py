"""What is kept of calls is bounded, whatever they name, and what is dropped makes no verdict better."""

import json
import os
import subprocess
import sys

import pytest

from otel_residency.calls.assessment import MOST_HOPS
from otel_residency.calls.body import RequestFacts
from otel_residency.calls.call import Call
from otel_residency.calls.state import runtime
from otel_residency.core.facts import Hop
from otel_residency.core.verdict import SEVERITY, Verdict
from otel_residency.patches.plain_calls import open_request
from otel_residency.telemetry.emitter import MOST_SERIES, OVERFLOW, Totals
from tests.recorded import Instrument

ALLOWED = 20_000_000
CALLS = int(os.environ.get("BOUNDED_CALLS", "10000"))
"""Calls with short texts: more than any cache holds. The suite `bounds` makes ten times as many."""
EU_HOST = "eu.api.openai.com"


@pytest.mark.parametrize("level", ["client", "judged"])
def test_memory_does_not_grow_with_kinds_of_calls(level: str) -> None:
    """A thousand calls with long texts, or very many with short ones, leave as much memory as like ones."""
    one, distinct = (_left_by(level, kinds) for kinds in ("one", "distinct"))
    assert distinct["memory"] - one["memory"] < ALLOWED
    assert distinct["series"] <= MOST_SERIES


def _left_by(level: str, kinds: str) -> dict[str, int]:
    command = [sys.executable, "-m", "tests.calls.bounded", level, kinds, str(CALLS)]
    # Long texts are then returned to the system when they are freed: what is measured is what is kept.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "131072"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    left: dict[str, int] = json.loads(done.stdout)
    return left


def test_series_of_a_metric_are_bounded() -> None:
    """What does not fit is counted as the specification of OpenTelemetry says, and nothing is lost."""
    totals = Totals()
    count = 2 * MOST_SERIES
    for number in range(count):
        totals.add((("name", str(number)),))
    observed = totals._copy()
    assert len(observed) == MOST_SERIES
    assert sum(observed.values()) == count
    assert observed[OVERFLOW] == count - MOST_SERIES + 1


def test_hops_are_bounded_and_none_is_forgotten(instrument: Instrument) -> None:
    """After very many redirects few hops are kept, and the verdict is that of the worst of all."""
    instrument()
    call = open_request("POST", ("https", EU_HOST, None, "/v1/embeddings"), {}, None, body=b"{}")
    assert isinstance(call, Call)
    for number in range(10 * MOST_HOPS):
        host = "us.api.openai.com" if number == 1 else EU_HOST
        call.assessment.hops = (*call.assessment.hops, _hop(host, number))
        if len(call.assessment.hops) >= MOST_HOPS:
            call.assessment.fold_hops()
        assert len(call.assessment.hops) <= MOST_HOPS
    outcome = call.assessment.outcome(call.response_state)
    assert outcome is not None
    assert outcome.decision.verdict is Verdict.INELIGIBLE
    call.finish()


def _hop(host: str, number: int) -> Hop:
    return Hop(scheme="https", host=host, port=None, path=f"/v1/embeddings/{number}", redirected=True)


def test_names_of_a_long_session_are_bounded_and_none_is_forgotten(instrument: Instrument) -> None:
    """Of the models of very many messages few are kept, and the verdict is that of the worst of all."""
    instrument()
    body = json.dumps({"model": "gpt-4o-2024-08-06"}).encode()
    call = open_request("POST", ("https", EU_HOST, None, "/v1/responses"), {}, None, body=body)
    assert isinstance(call, Call)
    call.add_facts(RequestFacts(tools=frozenset({"mcp"})))
    worst = call.assessment.judgement
    for number in range(1000):
        call.add_facts(RequestFacts(unknown_types=frozenset({f"type{number}"})))
    facts = call.assessment.facts
    assert facts is not None
    assert worst is not None
    assert len(facts.unknown_types) < 200
    assert "mcp" not in facts.tools
    outcome = call.assessment.outcome(call.response_state)
    assert outcome is not None
    assert SEVERITY[outcome.decision.verdict] >= SEVERITY[worst.decision.verdict]
    call.finish()


def test_many_routes_are_a_doubt(instrument: Instrument) -> None:
    """Of very many routing headers few are kept, and the last one says that there were more."""
    instrument()
    header = next(each.header for each in runtime.state.guard.catalogue.entries.route_headers)  # type: ignore[union-attr]
    headers = [(header, f"host{number}.example") for number in range(1000)]
    call = open_request("POST", ("https", EU_HOST, None, "/v1/responses"), headers, None, body=b"{}")
    assert isinstance(call, Call)
    facts = call.assessment.facts
    assert facts is not None
    assert len(facts.hops[-1].route) < 20
    assert facts.hops[-1].route[-1][0] == "rules"
    call.finish()
