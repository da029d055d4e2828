"""The demo, run as its reader runs it."""

import importlib
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Demo:
    """What one run of the demo left behind."""

    exit_code: int
    screen: str
    output: Path
    picture: Path

    def row(self, title: str, call: str) -> str:
        """Both lines of a call's row, in the table with this title."""
        table = self.screen[self.screen.index(title) :]
        found = re.search(rf"^{re.escape(call)}  .*\n.*$", table, re.MULTILINE)
        assert found, f"no row {call!r} under {title!r} in\n{self.screen}"
        return " ".join(found[0].split())


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Run the demo once for all tests."""
    output = tmp_path_factory.mktemp("demo")
    picture = output / "demo.svg"
    command = [sys.executable, "-m", "examples.demo", f"--output={output}", f"--svg={picture}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return Demo(done.returncode, done.stdout + done.stderr, output, picture)


def test_demo_proves_its_claim(demo: Demo) -> None:
    """The demo ends well, and says so in one sentence."""
    assert demo.exit_code == 0, demo.screen
    assert "Proved: 8 violating calls were blocked" in demo.screen


@pytest.mark.parametrize(
    ("call", "row"),
    [
        (
            "chat, snapshot",
            "eu.api.openai.com eu eligible /v1/chat/completions gpt-5.2-2025-12-11",
        ),
        (
            "chat, alias",
            ("eu.api.openai.com eu eligible model.alias_resolved /v1/chat/completions gpt-5.2-2025-12-11"),
        ),
        ("list of models", "eu.api.openai.com eu not_applicable /v1/models"),
        (
            "chat, default host",
            ("api.openai.com global ineligible host.global /v1/chat/completions gpt-5.2-2025-12-11 flagged"),
        ),
        (
            "chat, US host",
            (
                "us.api.openai.com us ineligible host.region_mismatch"
                " /v1/chat/completions gpt-5.2-2025-12-11 flagged"
            ),
        ),
    ],
)
def test_flag_table_judges_every_call(demo: Demo, call: str, row: str) -> None:
    """In flag mode every call goes out, and its row says where to and what is wrong with it."""
    assert f"{call} {row}" == demo.row("OTEL_RESIDENCY_ON_CALL=flag", call)


def test_flag_table_follows_redirects(demo: Demo) -> None:
    """A redirected call names every host it reached, and why that was wrong."""
    row = demo.row("OTEL_RESIDENCY_ON_CALL=flag", "chat, redirected")
    assert row.startswith("chat, redirected eu.api.openai.com eu ineligible ")
    assert {"api.openai.com", "global", "redirect.payload_left_region", "flagged"} <= set(row.split())


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("chat, default host", "host.global"),
        ("embeddings, default", "host.global"),
        ("chat, US host", "host.region_mismatch"),
        ("chat, invented host", "host.bogus"),
        ("chat, stored", "feature.store"),
        ("conversation", "endpoint.not_listed"),
        ("file upload", "endpoint.storage_only"),
    ],
)
def test_block_table_shows_what_was_stopped(demo: Demo, call: str, reason: str) -> None:
    """In block mode a violating call sends nothing, and its row names the reason."""
    row = demo.row("OTEL_RESIDENCY_ON_CALL=block", call)
    assert row.startswith(f"{call} nothing sent ")
    assert {"ineligible", reason, "blocked"} <= set(row.split())


@pytest.mark.parametrize(
    ("call", "host", "blocked"),
    [
        ("chat, default host", "api.openai.com", "0"),
        ("embeddings, default", "api.openai.com", "0"),
        ("chat, US host", "us.api.openai.com", "0"),
        ("chat, invented host", "api.openai.eu", "0"),
        ("chat, redirected", "eu.api.openai.com", r"in the region, \d+"),
        ("chat, redirected", "api.openai.com", "0"),
        ("file upload", "eu.api.openai.com", "0"),
        ("connections opened", "outside the region", "0"),
    ],
)
def test_far_ends_confirm_it(demo: Demo, call: str, host: str, blocked: str) -> None:
    """The far ends received the prompt when it was flagged, and none of it when it was blocked."""
    line = rf"^{call} +{re.escape(host)} +[1-9]\d* +{blocked} *$"
    assert re.search(line, demo.screen, re.MULTILINE), demo.screen


@pytest.mark.parametrize("mode", ["flag", "block"])
@pytest.mark.parametrize("signal", ["spans", "metrics", "logs"])
def test_telemetry_carries_no_prompt(demo: Demo, mode: str, signal: str) -> None:
    """Every signal is exported as OTLP JSON, and none repeats what the application sent."""
    exported = (demo.output / mode / f"{signal}.jsonl").read_text(encoding="utf-8")
    assert [f"resource{signal.capitalize()}"] == sorted(
        {key for line in exported.splitlines() for key in json.loads(line)}
    )
    assert "SECRET-" not in exported


def test_picture_is_self_contained(demo: Demo) -> None:
    """The picture shows the tables and makes whoever looks at it fetch nothing."""
    picture = demo.picture.read_text(encoding="utf-8")
    assert "host.region_mismatch" in picture
    assert "url(http" not in picture


def test_stray_prompt_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Had a blocked prompt arrived, the demo would say which one, where, and fail."""
    monkeypatch.syspath_prepend(str(ROOT))
    proof = importlib.import_module("examples.demo.proof")
    journal = importlib.import_module("examples.demo.journal")
    stray = journal.Received("api.openai.com", 156, ("SECRET-5ad80b36",))
    run = proof.Run("block", tmp_path, 0, "", {}, (), (), (stray,), ("api.openai.com",))
    found = list(proof.problems(run))
    leak = "156 bytes with SECRET-5ad80b36 arrived at api.openai.com"
    assert f"block: chat, default host: {leak}" in found
    assert "block: 0 residency spans for 14 calls" in found
    assert "block: 1 connections were opened to hosts outside the region" in found
