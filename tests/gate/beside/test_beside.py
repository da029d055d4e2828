"""Behind a real distribution no content of a violating call leaves over OTLP, and the trace stays whole."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest
from calls import CALLS
from loopback import serving
from markers import CONTENT, Marker

from tests.gate.otlp_receiver import Receiver, receiving

HERE = Path(__file__).parent
ARRIVING = {Marker.SYSTEM, Marker.USER, Marker.OUTPUT, Marker.TOOL_ARGUMENTS, Marker.ERROR, Marker.CONSUMER}
"""Content that every one of the environments exports if nobody prevents it."""
PICTURES = frozenset({"chat_parts", "responses_with_everything", "draw", "transcribe", "upload"})
"""Calls with media in them."""
PATIENCE = 60


class Environment(NamedTuple):
    """What is particular about one of the environments."""

    variables: Mapping[str, str] = MappingProxyType({})
    in_code: bool = False
    """Whether its package is set up by the application; else it runs under `opentelemetry-instrument`."""
    left_out: frozenset[str] = frozenset()
    metrics: bool = True
    residency_spans: bool = True


ENVIRONMENTS = {
    "stock": Environment(),
    "config": Environment({"OTEL_CONFIG_FILE": str(HERE / "config.yaml")}),
    "elastic": Environment(),
    "splunk": Environment(),
    "aws": Environment(
        {
            "OTEL_PYTHON_DISTRO": "aws_distro",
            "OTEL_PYTHON_CONFIGURATOR": "aws_configurator",
            "AGENT_OBSERVABILITY_ENABLED": "true",  # without it, it looks for machines of the cloud
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "system_metrics",
        }
    ),
    # It suppresses all other spans while a call is made.
    "logfire": Environment(in_code=True, residency_spans=False),
    "phoenix": Environment(in_code=True, metrics=False),
    # These two upload media on their own, which no gate in front of exporters can hold up.
    "traceloop": Environment(in_code=True, left_out=PICTURES),
    "langfuse": Environment(in_code=True, metrics=False, left_out=PICTURES),
}
NAME = os.environ["BESIDE"]
ENVIRONMENT = ENVIRONMENTS[NAME]
MADE = len(CALLS) - len(ENVIRONMENT.left_out)
TURNS = ("first", "last") if ENVIRONMENT.in_code else ("",)
"""When this project is switched on: before the package is set up, or after."""


class Ran(NamedTuple):
    """What became of one run of the service."""

    received: Receiver
    refused: int


def run(home: Path, on_export: str, turn: str = TURNS[0], **variables: str) -> Ran:
    """Run the service against a vendor in the US while the EU is required."""
    bin_folder = Path(sys.executable).parent
    with serving([]) as vendor, receiving() as receiver:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ["PYTHONPATH"],
            "HOME": str(home),
            "RECEIVER": receiver.url,
            "OTEL_RESIDENCY_REQUIRE": "eu",
            "OTEL_RESIDENCY_ON_EXPORT": on_export,
            "OTEL_RESIDENCY_POLICY": str(HERE / "policy.toml"),
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_AND_EVENT",
            "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT": "true",
        }
        if ENVIRONMENT.in_code:
            command = [sys.executable, str(HERE / "in_code.py"), NAME, turn]
        else:
            command = [str(bin_folder / "opentelemetry-instrument"), sys.executable, str(HERE / "service.py")]
            environment |= {
                "OTEL_TRACES_EXPORTER": "otlp",
                "OTEL_METRICS_EXPORTER": "otlp",
                "OTEL_LOGS_EXPORTER": "otlp",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
                "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
                "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED": "true",
            }
        done = subprocess.run(
            [*command, vendor, *ENVIRONMENT.left_out],
            env={**environment, **ENVIRONMENT.variables, **variables},
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    assert done.returncode == 0, done.stderr
    return Ran(receiver, int(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module", params=product(("redact", "withhold"), TURNS), ids="-".join)
def gated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Receiver:
    """What arrived from behind the gate."""
    return run(tmp_path_factory.mktemp("home"), *request.param).received


@pytest.mark.parametrize("turn", TURNS)
def test_content_arrives_without_the_gate(tmp_path: Path, turn: str) -> None:
    """In flag mode the same calls show their content to the receiver: the other tests can fail."""
    received = run(tmp_path, "flag", turn).received
    assert ARRIVING - received.holding(CONTENT.values()) == set()


def test_no_content_is_exported(gated: Receiver) -> None:
    """No request of any signal has a word in it that was asked, answered, or told in an error."""
    assert gated.holding(CONTENT.values()) == set()


def test_the_trace_is_whole(gated: Receiver) -> None:
    """Every call's span of the application arrives, and no span lacks its parent."""
    roots = {(span.trace, span.id) for span in gated.spans if span.scope == "service" and not span.parent}
    assert len(roots) == MADE
    assert gated.orphans == []


def test_each_call_is_reported(gated: Receiver) -> None:
    """Each call's verdict arrives on a span of ours, or on the other one where ours is suppressed."""
    ours = [span for span in gated.spans if span.scope == "otel_residency"]
    spans = (
        ours
        if ENVIRONMENT.residency_spans
        else [span for span in gated.spans if "residency.verdict" in span.attributes]
    )
    assert len({span.trace for span in spans}) == MADE
    assert {span.attributes.get("residency.verdict") for span in spans} == {"ineligible"}


@pytest.mark.skipif(not ENVIRONMENT.metrics, reason="exports no metrics")
def test_what_was_changed_is_counted(gated: Receiver) -> None:
    """The receiver is told how many items were redacted or withheld."""
    changed = [span for span in gated.spans if "residency.export.action" in span.attributes]
    assert gated.total("residency.export.items", **{"residency.export.signal": "traces"}) >= len(changed) > 0


def test_exporters_are_not_judged(gated: Receiver) -> None:
    """Exports go to a host that the policy has in the US too, and none is taken for a call."""
    spans = re.compile(rb":%d/" % gated.server_port)
    assert [span.name for span in gated.spans if spans.search(span.content)] == []
    if ENVIRONMENT.metrics:
        assert gated.total("residency.calls") == MADE


def test_block_refuses(tmp_path: Path) -> None:
    """The guard works beside it too: every call is refused, and nothing is said of its content."""
    ran = run(tmp_path, "redact", OTEL_RESIDENCY_ON_CALL="block")
    assert ran.refused == MADE
    assert ran.received.holding(CONTENT.values()) == set()
