"""What is kept of calls is bounded, whatever they name, and what is cut makes no verdict better."""

import json
import os
import subprocess
import sys
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_residency.calls.assessment import MOST_HOPS
from otel_residency.calls.body import RequestFacts
from otel_residency.calls.call import Call
from otel_residency.calls.state import runtime
from otel_residency.core.cut import MARK, PATH_LIMIT, TEXT_LIMIT, cut
from otel_residency.core.decide import decide
from otel_residency.core.facts import Answer, CallFacts, Hop
from otel_residency.core.hosts import match_host
from otel_residency.core.paths import is_canonical
from otel_residency.core.policy import Policy
from otel_residency.core.verdict import SEVERITY, Verdict
from otel_residency.patches.plain_calls import open_request
from otel_residency.telemetry.emitter import MOST_SERIES, OVERFLOW, Totals
from tests.core.test_properties import CATALOGUE, ENTRIES, MODELS
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


@given(st.text(max_size=3 * TEXT_LIMIT))
def test_a_cut_text_is_short_and_marked(text: str) -> None:
    """A short text stays as it is; a long one has the limit's length and the mark."""
    short = cut(text)
    assert short == text if len(text) <= TEXT_LIMIT else len(short) == TEXT_LIMIT and MARK in short


def test_long_texts_with_the_same_beginning_stay_different() -> None:
    """The digest of the whole tells them apart."""
    beginning = "ft:gpt-4o-2024-08-06:" + "x" * TEXT_LIMIT
    assert cut(f"{beginning}a") != cut(f"{beginning}b")


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sampled_from(MODELS), st.sampled_from(ENTRIES.endpoints), st.sampled_from(["x", "/", ":", "-"]))
def test_a_cut_model_is_never_listed(model: str, endpoint: object, letter: str) -> None:
    """A long model that begins like a listed one is judged as if it was not cut, and is no snapshot."""
    path = getattr(endpoint, "path", "")
    long = model + letter * 2 * TEXT_LIMIT
    for name in (long, cut(long)):
        facts = _facts(path=path, model=model)._replace(answer=Answer(model=name))
        assert decide(facts, CATALOGUE, Policy()).snapshot == name
    assert _verdict(path, cut(long)) == _verdict(path, long)


def _verdict(path: str, model: str) -> Verdict:
    return decide(_facts(path=path, model=model), CATALOGUE, Policy(require=("eu",))).verdict


def _facts(*, path: str, model: str | None = None, host: str = EU_HOST) -> CallFacts:
    hops = (Hop(scheme="https", host=host, port=None, path=path, payload=True),)
    return CallFacts(on=date(2026, 11, 30), method="POST", hops=hops, model=model)


@pytest.mark.parametrize("path", ["/v1/files/", "/v1/organization/projects/", "/v1/responses/"])
def test_a_cut_path_is_never_canonical(path: str) -> None:
    """A path with an id of any length is no path of administration, and no endpoint that can be deleted."""
    short = cut(path + "x" * 2 * PATH_LIMIT, PATH_LIMIT)
    assert not is_canonical(short)
    assert decide(_facts(path=short), CATALOGUE, Policy()).verdict is not Verdict.NOT_APPLICABLE


@pytest.mark.parametrize("end", [".openai.azure.com", ".api.openai.com", f".{EU_HOST}", ""])
def test_a_cut_host_belongs_to_no_region(end: str) -> None:
    """A host that is longer than any name is none, also where the cut would end with a listed one."""
    long = "a" * (TEXT_LIMIT - len(end)) + end + ".example" * 9
    for host in (long, cut(long)):
        assert match_host(CATALOGUE, {}, host, None, date(2026, 11, 30)).kind == "bogus"


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
