"""The subcommand `check`: one imagined call."""

from pathlib import Path
from typing import Any

import pytest

from otel_residency.core.facts import CallFacts, Hop
from otel_residency.core.policy import Policy
from otel_residency.core.reasons import REASONS
from tests.cases import CASES, Case
from tests.cli.command import read_document, start
from tests.internet import EU, US
from tests.vendor import SNAPSHOT

CHAT = "/v1/chat/completions"
ATTESTED = """
[attest]
zero_data_retention = { value = true, reference = "DPA annex 2" }
retention_amendment = { value = true, reference = "amendment 1" }
"""


def check(*options: str, **variables: str) -> Any:
    """What is told of a call, as JSON; the exit code must be that of the violation."""
    done = start("check", *options, "--json", **variables)
    assert done.stderr == ""
    document = read_document(done.stdout)
    assert done.returncode == int(document["violation"])
    return document


@pytest.fixture
def attested(tmp_path: Path) -> dict[str, str]:
    """Variables of a policy that attests what the EU asks for."""
    policy = tmp_path / "residency.toml"
    policy.write_text(ATTESTED, encoding="utf-8")
    return {"OTEL_RESIDENCY_POLICY": str(policy), "OTEL_RESIDENCY_REQUIRE": "eu"}


def test_an_eligible_call_is_reported_with_the_row_that_makes_it_so(attested: dict[str, str]) -> None:
    """Host of the first required region, the row that lists the model, and where it was read."""
    document = check("--endpoint", CHAT, "--model", SNAPSHOT, **attested)
    assert (document["verdict"], document["violation"]) == ("eligible", False)
    assert {each["verdict"] for each in document["findings"]} <= {"eligible"}
    assert (document["method"], document["url"]) == ("POST", f"https://{EU}{CHAT}")
    (rule,) = document["rules"]
    assert (rule["row"], rule["lists_model"]) == ("chat_completions", True)
    assert document["sources"]


def test_each_finding_has_meaning_fix_and_source() -> None:
    """What is told of a finding is what stands in the table of codes, and its source in the catalogue."""
    document = check("--endpoint", CHAT, "--model", "gpt-4o", "--host", US, "--require", "eu")
    found = {each["reason"]: each for each in document["findings"]}
    assert list(found)[:2] == ["host.region_mismatch", "model.alias"]
    mismatch = found["host.region_mismatch"]
    assert mismatch["detail"] == f"{US} is us, not eu"
    assert mismatch["fix"] == REASONS["host.region_mismatch"].fix
    assert any(each["ref"] and "_data_residency.py" in each["ref"] for each in mismatch["sources"])
    assert (document["verdict"], document["violation"]) == ("ineligible", True)


@pytest.mark.parametrize(
    ("options", "violation"),
    [
        (["--model", "gpt-4o"], False),
        (["--model", "gpt-4o", "--strict"], True),
        (["--model", SNAPSHOT, "--feature", "store"], True),
        (["--model", SNAPSHOT, "--tool", "mcp", "--strict"], True),
        (["--model", SNAPSHOT, "--base-url", f"https://{EU}/v1/"], False),
        (["--model", SNAPSHOT, "--base-url", f"http://{EU}/v1"], True),
        (["--model", SNAPSHOT, "--require", "us"], False),
        (["--model", SNAPSHOT, "--require", "jp", "--strict"], True),
        (["--model", SNAPSHOT, "--require", "ca"], True),
        (["--model", SNAPSHOT, "--require", "ca", "--scope", "storage"], False),
    ],
)
def test_options_stand_in_the_place_of_settings(
    attested: dict[str, str],
    options: list[str],
    violation: bool,  # noqa: FBT001 - what is expected
) -> None:
    """Region, scope, host, features and strictness decide as they would for a call."""
    assert check("--endpoint", CHAT, *options, **attested)["violation"] is violation


def test_a_socket_is_judged_as_one(attested: dict[str, str]) -> None:
    """Prompts go over it, so that one without a model is not taken for a mere GET."""
    document = check("--endpoint", "/v1/realtime", **attested)
    assert (document["method"], document["url"]) == ("GET", f"wss://{EU}/v1/realtime")
    assert document["findings"][0]["reason"] == "model.not_stated"


def test_the_day_selects_the_table() -> None:
    """A call of last spring is judged by the table of last spring."""
    document = check("--endpoint", CHAT, "--model", SNAPSHOT, "--require", "eu", "--date", "2025-03-01")
    assert (document["catalogue"], document["on"]) == ("openai-2025-02", "2025-03-01")


def imaginable(case: Case) -> bool:
    """Whether options can say the case: one request of a client to a host, and its policy in a few lines."""
    (hop, *later_hops), facts = case.facts.hops, case.facts
    fields = {"on", "method", "hops", "model", "service_tier", "features", "tools"}
    return (
        not later_hops
        and facts == CallFacts(**{key: value for key, value in facts._asdict().items() if key in fields})
        and hop == Hop("https", hop.host, hop.port, hop.path, payload=hop.payload)
        and hop.path.startswith("/v1/")
        and ":" not in hop.host
        and hop.host.isascii()  # the client encodes other hosts before it sends anything
        and case.policy.require != ()
        and case.policy
        == Policy(require=case.policy.require, scope=case.policy.scope, attest=case.policy.attest)
    )


@pytest.mark.parametrize("case", [*filter(imaginable, CASES)][::8], ids=lambda case: case.id)
def test_it_judges_as_in_the_table_of_cases(case: Case, tmp_path: Path) -> None:
    """The same call has the same verdict and the same reasons as in the table for all rooms."""
    facts, (hop,) = case.facts, case.facts.hops
    lines = (
        f"{name} = {{ value = {str(attestation.value).lower()}"
        + (f", until = {attestation.until} }}" if attestation.until else " }")
        for name, attestation in case.policy.attest.items()
    )
    policy = tmp_path / "residency.toml"
    policy.write_text("\n".join(["[attest]", *lines]), encoding="utf-8")
    document = check(
        *("--endpoint", hop.path, "--method", facts.method, "--date", str(facts.on)),
        *("--host", f"{hop.host}:{hop.port}" if hop.port else hop.host),
        *("--require", ",".join(case.policy.require), "--scope", case.policy.scope),
        *(("--model", facts.model) if facts.model else ()),
        *(("--tier", facts.service_tier) if facts.service_tier else ()),
        *(f"--feature={feature}" for feature in facts.features),
        *(f"--tool={tool}" for tool in facts.tools),
        OTEL_RESIDENCY_POLICY=str(policy),
        OTEL_RESIDENCY_CATALOGUE=case.catalogue_setting,
    )
    assert document["verdict"] == case.expected.verdict
    assert {each["reason"] for each in document["findings"]} == set(case.expected.reasons)


@pytest.mark.parametrize(
    ("options", "detail"),
    [
        (
            ("/v1/audio/speech", "--model", "gpt-4o-mini-tts"),
            "gpt-4o-mini-tts is not listed for /v1/audio/speech in ",
        ),
        (("/v1/nonsense",), "the path is in no row of "),
        (("/v1/threads",), "/v1/threads is in no row of "),
    ],
)
def test_a_finding_names_the_endpoint_of_the_call(options: tuple[str, ...], detail: str) -> None:
    """Not another one of its row, and no placeholder for a path that is not known."""
    document = check("--endpoint", *options, "--require", "eu")
    assert any(each["detail"].startswith(detail) for each in document["findings"])


def test_people_read_the_call_the_findings_and_the_verdict() -> None:
    """Plain when piped, no wider than 100, with numbered sources and the verdict last."""
    done = start(
        "check", "--endpoint", CHAT, "--model", "gpt-4o", "--host", "api.openai.com", "--require", "eu"
    )
    assert done.returncode == 1
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "\x1b" not in done.stdout
    assert "rests on  hosts [1]" in done.stdout
    assert "\n[1] " in done.stdout
    assert done.stdout.endswith("ineligible, a violation\n")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ([], "no region is required: pass --require or --base-url, or set OPENAI_BASE_URL"),
        (["--host", EU, "--base-url", f"https://{EU}/v1"], "pass either --host or --base-url, not both"),
        (["--host", f"https://{EU}"], "--host: not a host"),
        (["--require", "uk"], "--require: unknown region 'uk'; did you mean 'gb'?"),
        (["--require", "eu", "--feature", "stor"], "--feature: unknown feature 'stor'. Known: audio_input"),
        (
            ["--require", "eu", "--endpoint", "responses"],
            "--endpoint: not a path; write it like /v1/responses",
        ),
        (["--require", "eu", "--date", "yesterday"], "yesterday"),
        (["--require", "eu", "--scope", "everything"], "'everything' is not one of"),
        (["--require", "eu", "--date", "2024-12-01"], "no table in force on 2024-12-01 names a host of eu"),
    ],
)
def test_what_can_t_be_judged_is_a_usage_error(options: list[str], line: str) -> None:
    """One line says what to mend, and the exit code is 2; a feature that is not known is not left out."""
    done = start("check", "--endpoint", CHAT, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert line in done.stderr
    assert "Traceback" not in done.stderr


def test_secrets_of_a_url_are_not_repeated() -> None:
    """Userinfo and query of the base URL stand nowhere in what is printed."""
    url = f"https://user:geheim@{EU}/v1?key=geheim"
    document = start("check", "--endpoint", CHAT, "--require", "eu", OPENAI_BASE_URL=url)
    assert f"POST https://{EU}{CHAT}" in document.stdout
    assert "geheim" not in document.stdout + document.stderr
