"""Real instrumentations with content capture on, behind the gate: all they export, searched for markers.

`nox -s packages` runs it once for each package, in whose environment the calls are made.
"""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from markers import CONTENT  # noqa: E402
from places import APPLICATION, Json, markers_in, places  # noqa: E402
from record import MODES  # noqa: E402

PACKAGE = os.environ["GATE_PACKAGE"]
PYTHON = os.environ["GATE_PYTHON"]
UPLOADS = {("langfuse", "wrapper"): {"FILE", "IMAGE"}, ("genai_openai", "upload"): set(CONTENT)}
"""What goes around every processor; the documentation names it, and `doctor` finds it."""
KEPT = ("gen_ai.usage.", "llm.token_count.", "gen_ai.request.model", "gen_ai.response.finish_reasons")
WITHOUT = {("genai_openai", "upload"), ("openai_v2", "experimental")}
"""What puts nothing of an ordinary chat on spans and logs."""
ELIGIBLE = "chat"
"""A call that keeps the policy when the loopback server's region is required."""


@cache
def exported(mode: str, on_export: str, required: str) -> Json:
    """What the package exports behind the gate, with a policy that its calls break or keep."""
    command = [PYTHON, "-B", str(HERE / "run.py"), PACKAGE, mode, "--before", f"switched_on:{required}"]
    environment = {**os.environ, "ON_EXPORT": on_export, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    document: Json = json.loads(done.stdout)
    return document


def of_package(document: Json) -> list[dict[str, Any]]:
    """The spans that the package wrote, and not the application or this project."""
    ours = (APPLICATION, "otel_residency")
    return [span for span in document["spans"] if span["scope"]["name"] not in ours]


@pytest.mark.parametrize("on_export", ["redact", "withhold"])
@pytest.mark.parametrize("mode", MODES[PACKAGE])
def test_no_content_of_a_violating_call_is_exported(mode: str, on_export: str) -> None:
    """No marker of a prompt or an answer stands anywhere in what left over exporters."""
    document = exported(mode, on_export, "required_elsewhere")
    found = {place: markers for place, markers in places(document).items() if place.item != "upload"}
    assert found == {}
    uploaded = {name for upload in document["uploads"] for name in CONTENT if CONTENT[name] in upload["body"]}
    assert uploaded <= UPLOADS.get((PACKAGE, mode), set())


@pytest.mark.parametrize("on_export", ["redact", "withhold"])
@pytest.mark.parametrize("mode", MODES[PACKAGE])
def test_nothing_disappears(mode: str, on_export: str) -> None:
    """As many spans and log records leave as do without a violation, and each trace is whole."""
    untouched = exported(mode, "redact", "required_there")
    document = exported(mode, on_export, "required_elsewhere")
    assert len(document["spans"]) == len(untouched["spans"])
    # The event of each violation comes on top.
    violations = sum(log["name"] == "residency.violation" for log in document["logs"])
    already = sum(log["name"] == "residency.violation" for log in untouched["logs"])
    assert len(document["logs"]) - violations == len(untouched["logs"]) - already
    ids = {span["span"] for span in document["spans"]}
    parents = {span["parent"] for span in document["spans"]} - {None}
    assert len(parents - ids) == len(
        {span["parent"] for span in untouched["spans"]}
        - {None}
        - {span["span"] for span in untouched["spans"]}
    )


@pytest.mark.parametrize("mode", MODES[PACKAGE])
def test_redacting_keeps_what_is_no_content(mode: str) -> None:
    """Names, usage and models of the package's spans are there as if nothing had been taken out."""

    def kept(required: str) -> list[str]:
        return sorted(
            json.dumps(
                [span["name"], {key: of for key, of in span["attributes"].items() if key.startswith(KEPT)}],
                sort_keys=True,
            )
            for span in of_package(exported(mode, "redact", required))
        )

    assert kept("required_elsewhere") == kept("required_there")


def content_of(document: Json, call: str) -> set[str]:
    """The markers on the spans and log records of one call."""
    items = [item for item in (*document["spans"], *document["logs"]) if item["call"] == call]
    return markers_in(json.dumps(items))


@pytest.mark.parametrize("mode", MODES[PACKAGE])
def test_a_call_that_keeps_the_policy_is_exported_whole(mode: str) -> None:
    """The content of an eligible call is exported as where nothing is redacted, and so is its verdict."""
    untouched = exported(mode, "flag", "required_there")
    assert ("USER" in content_of(untouched, ELIGIBLE)) is ((PACKAGE, mode) not in WITHOUT)
    document = exported(mode, "redact", "required_there")
    assert content_of(document, ELIGIBLE) == content_of(untouched, ELIGIBLE)
    verdicts = {
        span["attributes"].get("residency.verdict")
        for span in of_package(document)
        if span["call"] == ELIGIBLE
    }
    assert ("eligible" in verdicts) is (PACKAGE != "logging")
