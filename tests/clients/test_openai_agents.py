"""The trace exporter of openai-agents posts prompts to a fixed host, whatever the address of the model."""

from pathlib import Path

import pytest

from tests.clients.made_up import PROMPT
from tests.clients.runs import Ran, run

HOST, PATH = "api.openai.com", "/v1/traces/ingest"
FIX = "OPENAI_AGENTS_DISABLE_TRACING=1"
TRACED = {"OPENAI_AGENTS_DISABLE_TRACING": "0"}
SAYING_WHY = {"OPENAI_AGENTS_DONT_LOG_MODEL_DATA": "0", "OPENAI_AGENTS_DONT_LOG_TOOL_DATA": "0"}
"""Without both of these the library logs that an export failed, and not why."""


@pytest.fixture(scope="module")
def blocked(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run in the EU whose traces would go elsewhere."""
    return run(tmp_path_factory.mktemp("home"), "eu", "block", **TRACED)


def test_the_exporter_is_found(tmp_path: Path) -> None:
    """In flag mode the prompts leave for another place than the model's, and a span names the exporter."""
    ran = run(tmp_path, "eu", "flag", **TRACED)
    (sent,) = ran.internet.received(HOST)
    assert sent.path == PATH
    assert PROMPT.encode() in sent.body
    (span,) = ran.spans(PATH)
    assert span["residency.verdict"] == "ineligible"
    assert "endpoint.trace_export" in span["residency.reasons"]
    assert ran.exported.log_events == ["residency.violation"]


def test_the_exporter_is_stopped(blocked: Ran) -> None:
    """In block mode its host is not even dialled, each of its tries is told, and the agent's runs succeed."""
    assert blocked.internet.connections == []
    assert {span["residency.action"] for span in blocked.spans(PATH)} == {"blocked"}
    assert all("endpoint.trace_export" in span["residency.reasons"] for span in blocked.spans(PATH))
    assert len(blocked.received) == len(blocked.results)
    assert all(blocked.answers.values())


def test_the_fix_is_read(tmp_path: Path) -> None:
    """Where the library is allowed to log what failed, the log says how to switch the exporter off."""
    assert FIX in run(tmp_path, "eu", "block", **TRACED, **SAYING_WHY).log


def test_the_fix_is_read_by_default(blocked: Ran) -> None:
    """The log says how to switch the exporter off, whatever the library leaves out."""
    assert FIX in blocked.log
