"""The subcommands of `policy`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from otel_residency.settings.load import read_settings
from tests.cli.command import read_document, start
from tests.internet import EU

SOUND = """
require = ["eu"]
on_call = "block"
[attest]
zero_data_retention = { value = true, reference = "DPA annex 2" }
[[rule]]
when = { service = "support-us" }
require = ["us"]
"""
WRONG = """
require = ["uk"]
on_call = "blok"
onexport = "redact"
[attest]
zero_data = { value = true }
[projects]
file = "nowhere.json"
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A policy that is sound."""
    file = tmp_path / "residency.toml"
    file.write_text(SOUND, encoding="utf-8")
    return file


def problems(*arguments: str, **variables: str) -> list[dict[str, str]]:
    """What `policy check` tells; it must end as that says."""
    done = start("policy", "check", *arguments, "--json", **variables)
    found: list[dict[str, str]] = read_document(done.stdout)["problems"]
    assert (done.returncode, done.stderr) == (int(bool(found)), "")
    return found


def shown(**variables: str) -> Any:
    """What `policy show` tells."""
    return read_document(start("policy", "show", "--json", **variables).stdout)


def test_a_sound_policy_has_no_problems(policy: Path) -> None:
    """Nothing is wrong with it, for people and for programs."""
    assert problems(str(policy)) == []
    assert start("policy", "check", str(policy)).stdout == f"{policy}: no problems\n"


def test_every_wrong_key_is_reported_with_value_and_fix(policy: Path) -> None:
    """Not only the first one: values, keys, regions, attestations, and files that it names."""
    policy.write_text(WRONG, encoding="utf-8")
    found = {each["key"]: (each["problem"], each["fix"]) for each in problems(str(policy))}
    assert found["on_call"] == ("'blok' is not one of: flag, block", "Write one of: flag, block.")
    assert found["onexport"][1] == "Write on_export."
    assert found["require"][0].startswith("unknown region 'uk'")
    assert found["require"][1] == 'Write "gb".'
    assert found["attest.zero_data"][1] == "Write zero_data_retention."
    assert found[""][1] == "Write the file again with `otel-residency attest`."
    assert len(found) == 5
    text = start("policy", "check", str(policy))
    assert text.returncode == 1
    assert text.stdout.endswith("5 problems\n")


@pytest.mark.parametrize(
    ("text", "key", "found", "fix"),
    [
        ('require = "eu"', "require", "'eu' is not a list", 'Write ["eu"].'),
        ('[rule]\nrequire = ["us"]', "rule", "a table is not a list", "Write [[rule]]."),
        ('[[rule]]\nwhen = { servce = "x" }', "rule[0].when.servce", "unknown key", "Write service."),
        ("strict = 1", "strict", "1 is not true or false", "Write true or false."),
        (
            "catalogue_max_age = -1",
            "catalogue_max_age",
            "-1 is not a number of days",
            "Write a number of days",
        ),
        (
            '[hosts."https://u:p@llm.example/v1"]\nregion = "eu"',
            'hosts."…"',
            "is not a host",
            "Write a host",
        ),
        ('[hosts."*.llm.example"]\nregion = "eu"', 'hosts."…"', "is not a host", "Write a host"),
        ('[ledger]\npaht = "x"', "ledger.paht", "unknown key", "Write path."),
        (
            "[attest]\nzdr = true",
            "attest.zdr",
            "true is not a table",
            "Write a table: zdr = { value = true, ",
        ),
        ('require = ["de"]', "require", "unknown region 'de', which is part of 'eu'", 'Write "eu".'),
        (f'[hosts."{EU}"]\nregion = "us"', f'hosts."{EU}"', "a policy can't move it", "Remove this table."),
    ],
)
def test_each_mistake_has_its_place_and_its_fix(
    policy: Path, text: str, key: str, found: str, fix: str
) -> None:
    """A host that is a URL or a pattern among them, which would match no call; userinfo is not repeated."""
    policy.write_text(f"{text}\n", encoding="utf-8")
    problem = problems(str(policy))[0]
    assert (problem["file"], problem["key"]) == (str(policy), key)
    assert found in problem["problem"]
    assert fix in problem["fix"]
    assert "u:p" not in str(problem)


def test_hosts_are_written_with_a_port_or_without(policy: Path) -> None:
    """Names and addresses, in upper case and with a trailing dot as well."""
    hosts = (
        "llm.example",
        "LLM2.example.",
        "llm.example:8443",
        "127.0.0.9:80",
        "[fd00::1]:443",
        "localhost:8080",
    )
    tables = (f'[hosts."{host}"]\nregion = "eu"\n' for host in hosts)
    policy.write_text("".join(tables), encoding="utf-8")
    assert problems(str(policy)) == []


def test_a_file_that_can_t_be_read_is_a_problem(policy: Path) -> None:
    """One that is not there, and one that is not TOML."""
    assert (
        problems(str(policy.with_name("no.toml")))[0]["problem"] == "can't be read: No such file or directory"
    )
    policy.write_text("require = [", encoding="utf-8")
    assert problems(str(policy))[0]["problem"].startswith("is not TOML")


def test_without_a_file_the_active_settings_are_checked(policy: Path) -> None:
    """Variables by their names, and the file that one of them names."""
    policy.write_text(WRONG, encoding="utf-8")
    found = problems(
        OTEL_RESIDENCY_POLICY=str(policy),
        OTEL_RESIDENCY_SCOPE="everything",
        OTEL_RESIDENCY_REQUIRE="europe",
        OTEL_RESIDENCY_CATALOGUE="openai-1999",
    )
    here = [each["key"] for each in found if not each["file"]]
    assert sorted(here) == ["OTEL_RESIDENCY_CATALOGUE", "OTEL_RESIDENCY_REQUIRE", "OTEL_RESIDENCY_SCOPE"]
    assert len(found) == 8
    assert problems() == []


def test_each_value_is_shown_with_its_origin(policy: Path) -> None:
    """Default, file, variable, and the rule for a service; with the hash of the telemetry."""
    variables = {
        "OTEL_RESIDENCY_POLICY": str(policy),
        "OTEL_RESIDENCY_STRICT": "true",
        "OTEL_SERVICE_NAME": "support-us",
    }
    found = shown(**variables)
    assert found["hash"] == read_settings(variables).policy_hash
    values = {key: (each["value"], each["origin"]) for key, each in found["values"].items()}
    assert values["require"] == (["us"], f"{policy}, rule 1")
    assert values["on_call"] == ("block", str(policy))
    assert values["strict"] == (True, "OTEL_RESIDENCY_STRICT")
    assert values["scope"] == ("processing", "default")
    assert values["attest"][1] == str(policy)
    text = start("policy", "show", **variables).stdout
    assert text.endswith(f"policy {found['hash']}\n")


RULES = """
require = ["eu"]
on_call = "block"
[[rule]]
when = { endpoint = ["/v1/files", "/v1/uploads"] }
scope = "storage"
[[rule]]
when = { service = "support-us", environment = "prod" }
require = ["us"]
on_call = "flag"
[[rule]]
when = { project = "proj_us" }
require = ["us"]
[[exception]]
when = { service = "migration-2026", endpoint = "/v1/files" }
require = ["us"]
owner = "jane@corp.example"
reason = "moves old files, ticket 4711"
until = 2099-01-31
[[exception]]
when = { service = "import" }
strict = true
owner = "max@corp.example"
reason = "first weeks"
until = 2099-01-31
"""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), {"require": (["eu"], ""), "scope": ("processing", "default"), "on_call": ("block", "")}),
        (
            ("--endpoint", "/v1/files/file-1/content"),
            {"scope": ("storage", ", rule 1"), "require": (["eu"], "")},
        ),
        (("--service", "support-us"), {"require": (["eu"], ""), "on_call": ("block", "")}),
        (
            ("--service", "support-us", "--environment", "prod"),
            {
                "require": (["us"], ", rule 2"),
                "on_call": ("flag", ", rule 2"),
                "scope": ("processing", "default"),
            },
        ),
        (("--project", "proj_us"), {"require": (["us"], ", rule 3")}),
        (
            (
                "--service",
                "support-us",
                "--environment",
                "prod",
                "--project",
                "proj_us",
                "--endpoint",
                "/v1/files",
            ),
            {"require": (["us"], ", rule 2"), "scope": ("storage", ", rule 1")},
        ),
        (
            ("--service", "migration-2026", "--endpoint", "/v1/files"),
            {"require": (["us"], ", exception 1"), "scope": ("storage", ", rule 1")},
        ),
        (("--service", "migration-2026", "--endpoint", "/v1/responses"), {"require": (["eu"], "")}),
        (("--service", "import"), {"strict": (True, ", exception 2"), "require": (["eu"], "")}),
    ],
)
def test_the_rule_that_sets_each_key_is_named(
    policy: Path, options: tuple[str, ...], expected: dict[str, tuple[object, str]]
) -> None:
    """For any service, environment, endpoint and project; an exception with its owner."""
    policy.write_text(RULES, encoding="utf-8")
    done = start("policy", "show", *options, "--json", OTEL_RESIDENCY_POLICY=str(policy))
    document = read_document(done.stdout)
    assert done.returncode == 0
    for key, (value, origin) in expected.items():
        found = document["values"][key]
        assert (found["value"], found["origin"]) == (
            value,
            origin if origin == "default" else f"{policy}{origin}",
        )
    under = document["exception"]
    assert (under is not None) == ("exception" in str(expected))
    if under is not None:
        text = start("policy", "show", *options, OTEL_RESIDENCY_POLICY=str(policy)).stdout
        assert f"exception until 2099-01-31, by {under['owner']}: {under['reason']}" in text


def test_an_endpoint_is_a_path() -> None:
    """Anything else would match no rule."""
    done = start("policy", "show", "--endpoint", "files")
    assert (done.returncode, "--endpoint: not a path" in done.stderr) == (2, True)


def test_an_exception_that_ends_soon_is_noted(policy: Path) -> None:
    """It is no problem; one that has ended is noted too, in the settings in effect here as well."""
    soon = (datetime.now(UTC) + timedelta(days=20)).date()
    policy.write_text(RULES.replace("2099-01-31", str(soon), 1), encoding="utf-8")
    for arguments, variables in (((str(policy),), {}), ((), {"OTEL_RESIDENCY_POLICY": str(policy)})):
        done = start("policy", "check", *arguments, "--json", **variables)
        (note,) = read_document(done.stdout)["notes"]
        assert done.returncode == 0
        assert note.endswith(f"(jane@corp.example): ends on {soon}")
    policy.write_text(RULES.replace("2099-01-31", "2026-01-31", 1), encoding="utf-8")
    text = start("policy", "check", str(policy)).stdout
    assert "(jane@corp.example): ended on 2026-01-31 and is not in effect" in " ".join(text.split())
    policy.write_text(RULES.replace("owner", "onwer"), encoding="utf-8")
    assert problems(str(policy))[0]["fix"] == "Write owner."


def test_a_ledger_named_by_a_variable_is_not_a_default(policy: Path) -> None:
    """The origin of each setting is read with its value, so that none of the variables is forgotten."""
    variables = {"OTEL_RESIDENCY_LEDGER": "calls.jsonl", "OTEL_RESIDENCY_LEDGER_KEY": "key.pem"}
    ledger = shown(**variables)["values"]["ledger"]
    assert (ledger["value"]["path"], ledger["origin"]) == ("calls.jsonl", ", ".join(variables))
    policy.write_text("[ledger]\nrequired = true\n", encoding="utf-8")
    both = shown(OTEL_RESIDENCY_POLICY=str(policy), **variables)["values"]["ledger"]
    assert both["origin"] == ", ".join((str(policy), *variables))


def test_a_variable_that_can_t_be_read_is_shown_as_such() -> None:
    """The value that holds is not said to be the variable's, and the command ends with 1."""
    done = start("policy", "show", "--json", OTEL_RESIDENCY_SCOPE="everything")
    assert done.returncode == 1
    assert read_document(done.stdout)["values"]["scope"] == {
        "value": "processing",
        "origin": "OTEL_RESIDENCY_SCOPE, unreadable",
    }
    assert "problem" not in start("policy", "show", OTEL_RESIDENCY_SCOPE="everything").stderr
