"""Under `opentelemetry-instrument`, as a service starts: no code of ours in the application."""

import json
import os
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

from otel_residency.audit.verify import verify
from tests.audit.lines import read_record

CALL = """
import json, sys
import openai
try:
    import httpx2 as http
except ImportError:
    import httpx as http

answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-5.2-2025-12-11", "choices": []}
sent = []
def respond(request):
    sent.append(request.url.host)
    return http.Response(200, json=answer)

host = sys.argv[1]
client = openai.OpenAI(
    api_key="k", base_url=f"https://{host}/v1", http_client=http.Client(transport=http.MockTransport(respond))
)
outcome = "ok"
try:
    client.chat.completions.create(model="gpt-5.2-2025-12-11", messages=[{"role": "user", "content": "hi"}])
except openai.OpenAIError as error:
    outcome = f"{type(error).__name__}: {error}"
print(json.dumps({"outcome": outcome, "sent": sent}))
"""
EU, US = "eu.api.openai.com", "us.api.openai.com"


def run(
    code: str, *arguments: str, flags: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `code` under the launcher of this environment, with no exporters and these variables."""
    quiet = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    launcher = Path(sys.executable).with_name("opentelemetry-instrument")
    return subprocess.run(
        [str(launcher), *flags, sys.executable, "-c", code, *arguments],
        env={**inherited, **quiet, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def call(host: str, *, flags: tuple[str, ...] = (), **environment: str) -> tuple[str, list[str], str]:
    """Make one chat call to `host`: outcome, hosts that were reached, what was logged."""
    done = run(CALL, host, flags=flags, **environment)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    return result["outcome"].partition(":")[0], result["sent"], done.stderr


def test_a_process_without_openai_imports_nothing_for_it() -> None:
    """A process that never imports openai loads neither the client nor the catalogue nor the core's rules."""
    disabled = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "httpx,httpx2"}
    settings = {"OTEL_RESIDENCY_REQUIRE": "eu", "OTEL_RESIDENCY_LEDGER": "ledger.jsonl"}
    done = run("import sys; print('\\n'.join(sys.modules))", **settings, **disabled)
    loaded = done.stdout.split()
    assert "otel_residency.instrumentor" in loaded
    heavy = ("openai", "httpx", "httpx2", "otel_residency.catalogue", "otel_residency.core.decide")
    assert [name for name in heavy if name in loaded] == []


def test_block_stops_a_violating_call_and_no_other() -> None:
    """With nothing but two variables a call to the required region passes and another is not sent."""
    settings = {"OTEL_RESIDENCY_REQUIRE": "eu", "OTEL_RESIDENCY_ON_CALL": "block"}
    assert call(EU, **settings)[:2] == ("ok", [EU])
    assert call(US, **settings)[:2] == ("ResidencyViolationError", [])


def test_a_record_of_each_call_with_nothing_but_a_variable(tmp_path: Path) -> None:
    """A program that makes a call and ends leaves a ledger that is whole, with the name of its service."""
    path = tmp_path / "ledger.jsonl"
    call(EU, OTEL_RESIDENCY_LEDGER=str(path), OTEL_SERVICE_NAME="claims")
    _, record, *_ = map(read_record, path.read_bytes().splitlines())
    assert (record.attributes["residency.region"], record.resource["service.name"]) == ("eu", "claims")
    verified = verify([path], {})
    assert (verified.problems, verified.notes) == ((), ())


def test_each_variable_is_a_flag_of_the_launcher() -> None:
    """`--residency_require` and its like work as the variables do."""
    flags = ("--residency_require", "eu", "--residency_on_call", "block")
    assert call(US, flags=flags)[:2] == ("ResidencyViolationError", [])


def test_enabled_false_switches_everything_off() -> None:
    """OTEL_RESIDENCY_ENABLED=false leaves a violating call alone, also in block mode."""
    settings = {"OTEL_RESIDENCY_REQUIRE": "eu", "OTEL_RESIDENCY_ON_CALL": "block"}
    assert call(US, OTEL_RESIDENCY_ENABLED="false", **settings)[:2] == ("ok", [US])


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"OTEL_SDK_DISABLED": "true"}, id="sdk-disabled"),
        pytest.param({"OTEL_TRACES_SAMPLER": "always_off"}, id="sampled-out"),
        pytest.param(
            {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "openai_residency"}, id="instrumentor-disabled"
        ),
        pytest.param({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}, id="all-instrumentors-disabled"),
    ],
)
def test_the_guard_does_not_hang_on_telemetry(environment: dict[str, str]) -> None:
    """A call is refused whatever is disabled of tracing and of instrumentations."""
    settings = {"OTEL_RESIDENCY_REQUIRE": "eu", "OTEL_RESIDENCY_ON_CALL": "block"}
    assert call(US, **settings, **environment)[:2] == ("ResidencyViolationError", [])


@pytest.mark.parametrize(
    ("environment", "result"),
    [
        pytest.param({"OTEL_RESIDENCY_SCOPE": "planet"}, "OTEL_RESIDENCY_SCOPE: 'planet'", id="value"),
        pytest.param({"OTEL_RESIDENCY_REQUIRE": "uk"}, "did you mean 'gb'", id="region"),
        pytest.param({"OTEL_RESIDENCY_POLICY": "no-such.toml"}, "no-such.toml: can't be read", id="file"),
        pytest.param({"OTEL_RESIDENCY_CATALOGUE": "openai-1999"}, "catalogue 'openai-1999'", id="catalogue"),
    ],
)
def test_a_wrong_setting_refuses_calls_in_block_mode_only(environment: dict[str, str], result: str) -> None:
    """A setting that can't be read refuses calls in block mode; in flag mode it is told and they go on."""
    outcome, sent, _ = call(EU, OTEL_RESIDENCY_ON_CALL="block", **environment)
    assert (outcome, sent) == ("ResidencyViolationError", [])
    outcome, sent, log = call(EU, **environment)
    assert (outcome, sent) == ("ok", [EU])
    assert log.count(result) == 1


def test_a_policy_that_is_not_toml_but_names_block_refuses() -> None:
    """A policy file that asks to block and has a mistake elsewhere does not leave calls unguarded."""
    broken = Path("build") / "broken-policy.toml"
    broken.parent.mkdir(exist_ok=True)
    broken.write_text('require = ["eu"\non_call = "block"\n', encoding="utf-8")
    assert call(EU, OTEL_RESIDENCY_POLICY=str(broken))[:2] == ("ResidencyViolationError", [])


def test_the_entry_points_are_those_that_hijack_nothing() -> None:
    """The distribution brings a command, a hook, an instrumentor, flags; never a distro or configurator."""
    groups = {entry.group: entry.name for entry in distribution("otel-residency").entry_points}
    assert groups == {
        "console_scripts": "otel-residency",
        "opentelemetry_pre_instrument": "otel_residency",
        "opentelemetry_instrumentor": "openai_residency",
        "opentelemetry_environment_variables": "otel_residency",
    }
