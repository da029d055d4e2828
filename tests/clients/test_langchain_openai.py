"""The tracer of LangSmith, which langchain brings along, posts prompts to a host of its own."""

from pathlib import Path

from tests.clients.made_up import PROMPT
from tests.clients.runs import run

HOST = "api.smith.langchain.com"
TRACED = {"LANGSMITH_TRACING": "true", "LANGSMITH_API_KEY": "lsv2_pt_made_up"}


def test_the_tracer_is_found(tmp_path: Path) -> None:
    """In flag mode the prompts leave for another place than the model's, and a span names the tracer."""
    ran = run(tmp_path, "eu", "flag", **TRACED)
    carrying = [request.path for request in ran.internet.received(HOST) if PROMPT.encode() in request.body]
    assert carrying
    for path in carrying:
        for span in ran.spans(path):
            assert (span["residency.verdict"], span["residency.region"]) == ("ineligible", "us")
            assert "endpoint.trace_export" in span["residency.reasons"]
    assert len(ran.exported.log_events) == len(carrying)


def test_the_tracer_is_stopped(tmp_path: Path) -> None:
    """In block mode it sends nothing, the log says how to switch it off, and the calls are answered."""
    ran = run(tmp_path, "eu", "block", **TRACED)
    assert [request.body for request in ran.internet.received(HOST) if request.body] == []
    assert "residency.violation" in ran.exported.log_events
    assert "LANGSMITH_TRACING=false" in ran.log
    assert len(ran.received) == len(ran.results)
    assert all(ran.answers.values())
