"""Environment variables that begin like settings of ours and are none."""

import logging
from datetime import date

import pytest

from otel_residency.core.facts import CallFacts, Hop
from otel_residency.guard import Guard, Judgement
from otel_residency.settings.load import Settings, read_settings
from otel_residency.settings.table import SETTINGS, Setting
from otel_residency.settings.unknown_variables import unknown_variables
from tests.cli.command import read_document, start

NEWER = "OTEL_RESIDENCY_FLEET"


def judged(settings: Settings) -> Judgement:
    """The judgement of a call that is eligible."""
    hop = Hop(scheme="https", host="eu.api.openai.com", port=None, path="/v1/responses", payload=True)
    return Guard(settings).judge(CallFacts(on=date(2026, 11, 20), method="POST", hops=(hop,)))


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: each.variable)
def test_a_misspelt_variable_names_the_nearest_one_and_refuses_in_block_mode(setting: Setting) -> None:
    """Of each setting: letters added, left out, exchanged, or in lower case."""
    name = setting.variable
    for wrong in (
        f"{name}D",
        f"{name}_2",
        name[:-1],
        name[:-2] + name[:-3:-1],
        name[:-4] + name[-3:],
        name.lower(),
    ):
        if wrong in {each.variable for each in SETTINGS}:
            continue
        settings = read_settings({wrong: "x", "OTEL_RESIDENCY_ON_CALL": "block"})
        (problem,) = settings.problems
        assert problem.key == wrong
        assert problem.fix.startswith("Write OTEL_RESIDENCY_"), wrong
        assert "policy.unreadable" in judged(settings).decision.reasons
        assert judged(settings).decision.violation


def test_a_variable_of_a_newer_release_is_a_note_and_refuses_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged once and marks the telemetry, also in block mode: after a rollback calls go on."""
    with caplog.at_level(logging.WARNING):
        settings = read_settings({NEWER: "x", "OTEL_RESIDENCY_ON_CALL": "block"})
        guard = Guard(settings)
        guard.log_problems()
    found = judged(settings)
    assert not found.decision.violation
    assert "policy.unknown_variable" in found.span["residency.reasons"]  # type: ignore[operator]
    assert settings.policy.unreadable is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert settings.policy_hash == read_settings({"OTEL_RESIDENCY_ON_CALL": "block"}).policy_hash


def test_other_variables_are_no_settings_of_ours() -> None:
    """Known ones, empty ones, those of OpenTelemetry, and what Kubernetes sets for a service of our name."""
    services = [
        f"OTEL_RESIDENCY_GATE_{end}" for end in ("SERVICE_HOST", "SERVICE_PORT_HTTP", "PORT_80_TCP_ADDR")
    ]
    known = [each.variable for each in SETTINGS]
    assert [*unknown_variables([*known, *services, "OTEL_RESOURCE_ATTRIBUTES", "PATH"])] == []
    assert [*unknown_variables(["OTEL_RESIDENCE_REQUIRE", NEWER])] == ["OTEL_RESIDENCE_REQUIRE", NEWER]
    assert read_settings({"OTEL_RESIDENCY_REQUIRED": ""}).problems == ()


@pytest.mark.parametrize("name", ["OTEL_RESIDENCY_REQUIRED", NEWER])
def test_commands_fail_with_the_nearest_name(name: str) -> None:
    """`policy check`, `doctor` and `run`, whether it is misspelt or only unknown."""
    checked = start("policy", "check", "--json", **{name: "eu"})
    (problem,) = read_document(checked.stdout)["problems"]
    assert (checked.returncode, problem["key"], problem["value"]) == (1, name, "")
    examined = start("doctor", "--json", **{name: "eu"})
    assert examined.returncode == 1
    assert name in examined.stdout
    done = start("run", "python", "-c", "print('started')", **{name: "eu"})
    assert (done.returncode, done.stdout) == (78, "")
    assert name in done.stderr
