"""Settings: where each comes from, what wins, and what is said about a wrong one."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from otel_residency import environment_variables
from otel_residency.core.policy import (
    Baggage,
    ConfiguredHost,
    LedgerPolicy,
    Policy,
    Rule,
    Statement,
    TelemetryPolicy,
    When,
)
from otel_residency.errors import PolicyError, ResidencyError
from otel_residency.settings.checks import policy_problems
from otel_residency.settings.load import Settings, read_policy_file, read_settings
from otel_residency.settings.problems import Origin
from otel_residency.settings.table import SETTINGS
from tests.frozen import CATALOGUE

FILE = """
require = ["eu", "gb"]
scope = "storage"
on_call = "block"
on_export = "redact"
strict = true
catalogue_max_age = 90
quarantine = "/var/lib/residency/quarantine.jsonl"

[telemetry]
content_regions = ["eu"]
hosts = { "OTLP.example.:4317" = "eu" }

[attest]
zero_data_retention = { value = true, reference = "DPA annex 2" }
retention_amendment = { value = false }

[hosts."LLM.internal.example."]
region = "eu"

[hosts."contoso.openai.azure.com"]
region = "eu"
provider = "azure"
deployments = { chat = "DataZoneStandard" }

[[rule]]
when = { service = "support-us" }
require = ["us"]

[[rule]]
when = { environment = "test lab" }
require = []
scope = "processing"
"""
WHOLE = Policy(
    require=("eu", "gb"),
    scope="storage",
    on_call="block",
    on_export="redact",
    strict=True,
    catalogue_max_age=90,
    attest={
        "zero_data_retention": Statement(value=True, reference="DPA annex 2"),
        "retention_amendment": Statement(value=False),
    },
    hosts={
        "llm.internal.example": ConfiguredHost("eu"),
        "contoso.openai.azure.com": ConfiguredHost("eu", "azure", {"chat": "DataZoneStandard"}),
    },
    telemetry=TelemetryPolicy(("eu",), {"otlp.example:4317": "eu"}),
    quarantine="/var/lib/residency/quarantine.jsonl",
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A policy file that says everything."""
    return _file(tmp_path, FILE)


def _file(folder: Path, text: str) -> str:
    file = folder / "residency.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_without_settings_the_defaults_apply() -> None:
    """Without settings nothing is required, and calls are flagged."""
    settings = read_settings({})
    assert Settings() == settings._replace(stated=None)
    assert (True, Policy(), "newest", (), {}, "") == settings[:6]


def test_the_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an environment given, it is that of the process."""
    monkeypatch.setenv("OTEL_RESIDENCY_REQUIRE", "jp")
    assert read_settings().policy.require == ("jp",)


def test_every_key_of_the_file_counts(path: str) -> None:
    """The file says all that a policy is made of; hosts are written in one way."""
    settings = read_settings({"OTEL_RESIDENCY_POLICY": path})
    assert settings.policy == WHOLE


def test_the_file_may_be_an_argument(path: str, tmp_path: Path) -> None:
    """A path given as an argument wins over the environment's."""
    settings = read_settings({"OTEL_RESIDENCY_POLICY": "missing.toml"}, {"policy": Path(path)})
    assert settings.policy == WHOLE
    other = tmp_path / "other.toml"
    other.write_text('require = ["us"]', encoding="utf-8")
    assert read_settings({}, {"policy": str(other)}).policy.require == ("us",)


VALUES: dict[str, tuple[str, tuple[str, object], tuple[object, object]]] = {
    # key: in the file; in the environment and what it means; as an argument and what it means
    "require": ('require = ["eu"]', ("us, GB,", ("us", "gb")), (["jp"], ("jp",))),
    "scope": ('scope = "processing"', (" Storage ", "storage"), ("processing", "processing")),
    "on_call": ('on_call = "flag"', ("block", "block"), ("flag", "flag")),
    "on_export": ('on_export = "flag"', ("WITHHOLD", "withhold"), ("redact", "redact")),
    "strict": ("strict = false", ("1", True), (False, False)),
}


@pytest.mark.parametrize("key", VALUES)
def test_arguments_win_over_the_environment_and_that_over_the_file(tmp_path: Path, key: str) -> None:
    """Each key, from each place; an empty variable and an argument of None say nothing."""
    in_file, (text, from_environment), (argument, from_argument) = VALUES[key]
    path = _file(tmp_path, in_file)
    variable = f"OTEL_RESIDENCY_{key.upper()}"
    file = {"OTEL_RESIDENCY_POLICY": path}
    alone = getattr(read_settings(file).policy, key)
    assert getattr(Policy(), key) == alone or alone == ("eu",)
    assert alone == getattr(read_settings({**file, variable: " "}).policy, key)
    both = read_settings({**file, variable: text})
    assert from_environment == getattr(both.policy, key)
    assert from_argument == getattr(read_settings({**file, variable: text}, {key: argument}).policy, key)
    assert both == read_settings({**file, variable: text}, {key: None})


def test_an_argument_may_name_regions_as_a_text() -> None:
    """Regions are written as in the environment, or as a list; an empty text requires nothing."""
    environment = {"OTEL_RESIDENCY_REQUIRE": "us"}
    assert read_settings(environment, {"require": "EU, gb"}).policy.require == ("eu", "gb")
    assert read_settings(environment, {"require": ""}).policy.require == ()
    assert read_settings(environment, {"require": []}).policy.require == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("true", True), ("False", False), ("0", False), (" 1 ", True), ("", True)],
)
def test_everything_can_be_switched_off(text: str, *, expected: bool) -> None:
    """The switch is read in any letter case; an argument wins over it."""
    environment = {"OTEL_RESIDENCY_ENABLED": text}
    assert expected == read_settings(environment).enabled
    assert read_settings(environment, {"enabled": True}).enabled
    assert not read_settings(environment, {"enabled": False}).enabled


def test_the_catalogue_is_named_by_argument_or_environment() -> None:
    """A revision or a path; the newest, where nothing is said."""
    environment = {"OTEL_RESIDENCY_CATALOGUE": "openai-2026-10"}
    assert read_settings(environment).catalogue == "openai-2026-10"
    assert read_settings(environment, {"catalogue": Path("own.toml")}).catalogue == "own.toml"
    assert read_settings({"OTEL_RESIDENCY_CATALOGUE": ""}).catalogue == "newest"


def test_every_setting_is_a_variable_that_is_offered_as_a_flag() -> None:
    """The table of settings and the module that `opentelemetry-instrument` reads name the same variables."""
    offered = {value for key, value in vars(environment_variables).items() if key.startswith("OTEL_")}
    assert {setting.variable for setting in SETTINGS} == offered


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("OTEL_RESIDENCY_ENABLED", "maybe", "OTEL_RESIDENCY_ENABLED: 'maybe' is not true or false"),
        (
            "OTEL_RESIDENCY_REQUIRE",
            " , ",
            "OTEL_RESIDENCY_REQUIRE: ',' names no region; write codes separated by commas",
        ),
        (
            "OTEL_RESIDENCY_SCOPE",
            "europe",
            "OTEL_RESIDENCY_SCOPE: 'europe' is not one of: processing, storage",
        ),
        ("OTEL_RESIDENCY_ON_CALL", "stop", "OTEL_RESIDENCY_ON_CALL: 'stop' is not one of: flag, block"),
        (
            "OTEL_RESIDENCY_ON_EXPORT",
            "drop",
            "OTEL_RESIDENCY_ON_EXPORT: 'drop' is not one of: flag, redact, withhold",
        ),
        ("OTEL_RESIDENCY_STRICT", "yes", "OTEL_RESIDENCY_STRICT: 'yes' is not true or false"),
        (
            "OTEL_RESIDENCY_POLICY",
            "missing.toml",
            "missing.toml: can't be read: No such file or directory",
        ),
        ("OTEL_RESIDENCY_POLICY", ".", ".: can't be read: Is a directory"),
    ],
)
def test_a_wrong_variable_is_reported_and_the_rest_holds(variable: str, text: str, message: str) -> None:
    """The message names origin, value and what is allowed; the policy is marked, other settings count."""
    other = "OTEL_RESIDENCY_STRICT" if variable != "OTEL_RESIDENCY_STRICT" else "OTEL_RESIDENCY_ON_CALL"
    settings = read_settings({variable: text, other: "1" if other.endswith("STRICT") else "block"})
    assert (message,) == tuple(map(str, settings.problems))
    assert message == settings.policy.unreadable
    assert settings.enabled
    assert settings.policy.strict or settings.policy.on_call == "block"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("require = 'eu'", "require: 'eu' is not a list"),
        ("require = [1]", "require[0]: 1 is not a string"),
        (
            "requires = ['eu']",
            "requires: unknown key; known are: attest, baggage, catalogue_max_age, exception, ",
        ),
        ("scope = 'europe'", "scope: 'europe' is not one of: processing, storage"),
        ("on_call = 'stop'", "on_call: 'stop' is not one of: flag, block"),
        ("on_export = true", "on_export: true is not one of: flag, redact, withhold"),
        ("quarantine = ['q']", "quarantine: a list is not a string"),
        (
            "[telemetry]\nregions = ['eu']",
            "telemetry.regions: unknown key; known are: content_regions, hosts",
        ),
        ("strict = 'yes'", "strict: 'yes' is not true or false"),
        ("catalogue_max_age = '90'", "catalogue_max_age: '90' is not a whole number"),
        ("attest = ['zdr']", "attest: a list is not a table"),
        ("[attest]\nzdr = true", "attest.zdr: true is not a table"),
        ("[attest.zdr]\nreference = 'x'", "attest.zdr.value: this key is missing"),
        ("[attest.zdr]\nvalue = 'yes'", "attest.zdr.value: 'yes' is not true or false"),
        ("[hosts.'gw.example']\nprovider = 'x'", 'hosts."gw.example".region: this key is missing'),
        ("[hosts.gw]\nregion = 'eu'\nskus = 1", "hosts.gw.skus: unknown key; known are: deployments, "),
        ("[hosts.gw]\nregion = 'eu'\ndeployments = ['a']", "hosts.gw.deployments: a list is not a table"),
        ("[[rule]]\nrequire = ['us']", "rule[0].when: this key is missing"),
        ("[[rule]]\nwhen = { team = 'a' }\nrequire = []", "rule[0].when.team: unknown key; known are: "),
        ("rule = 'all'", "rule: 'all' is not a list"),
        ("unreadable = 'x'", "unreadable: unknown key; known are: "),
    ],
)
def test_a_wrong_key_of_the_file_is_reported_and_the_rest_holds(
    tmp_path: Path, text: str, message: str
) -> None:
    """The message names file, key, value and what is allowed; other keys of the file still count."""
    before = "" if text.startswith("strict") else "strict = true\n"
    path = _file(tmp_path, before + text)
    settings = read_settings({"OTEL_RESIDENCY_POLICY": path})
    (problem,) = settings.problems
    assert problem.file == path
    assert str(problem).startswith(f"{path}: {message}")
    assert str(problem) == settings.policy.unreadable
    assert problem.fix
    assert settings.policy.strict == bool(before)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on_call = 'block'\nrequire = [", "block"),
        ('  on_call="block" # sure\n=', "block"),
        ("# on_call = 'block'\nrequire = [", "flag"),
        ("on_call = 'flag'\nrequire = [", "flag"),
        ("on_call_later = 'block'\n[", "flag"),
        ("\xff", "flag"),
    ],
)
def test_a_file_that_is_no_toml_blocks_if_it_names_block(tmp_path: Path, text: str, expected: str) -> None:
    """A policy that meant to block must not let calls through because of a bracket."""
    path = tmp_path / "residency.toml"
    path.write_bytes(text.encode("latin-1"))
    settings = read_settings({"OTEL_RESIDENCY_POLICY": str(path)})
    assert expected == settings.policy.on_call
    assert str(settings.problems[0]).startswith(f"{path}: is not TOML: ")


@pytest.mark.parametrize("origin", ["variable", "file"])
def test_a_mode_that_does_not_exist_blocks(tmp_path: Path, origin: str) -> None:
    """A misspelt mode can't have meant the default, so it refuses calls until it is mended."""
    path = _file(tmp_path, "on_call = 'blok'")
    wrong = {"variable": {"OTEL_RESIDENCY_ON_CALL": "blok"}, "file": {"OTEL_RESIDENCY_POLICY": path}}[origin]
    policy = read_settings(wrong).policy
    assert policy.on_call == "block"
    assert "'blok' is not one of: flag, block" in str(policy.unreadable)


def test_the_environment_may_require_block_where_no_file_can(tmp_path: Path) -> None:
    """A file that can't be found can't say anything; the environment can, in both directions."""
    missing = {"OTEL_RESIDENCY_POLICY": str(tmp_path / "missing.toml")}
    assert read_settings(missing).policy.on_call == "flag"
    assert read_settings({**missing, "OTEL_RESIDENCY_ON_CALL": "block"}).policy.on_call == "block"
    broken = {"OTEL_RESIDENCY_POLICY": _file(tmp_path, "on_call = 'block'\n[")}
    assert read_settings({**broken, "OTEL_RESIDENCY_ON_CALL": "flag"}).policy.on_call == "flag"


def test_all_problems_are_reported() -> None:
    """One mistake does not hide the next."""
    settings = read_settings({"OTEL_RESIDENCY_STRICT": "yes", "OTEL_RESIDENCY_SCOPE": "all"})
    assert len(settings.problems) == 2
    assert settings.policy.unreadable == "; ".join(map(str, settings.problems))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"enabled": "no"}, "argument enabled: 'no' is not true or false"),
        ({"policy": 7}, "argument policy: 7 is not a path or name"),
        ({"catalogue": 7}, "argument catalogue: 7 is not a path or name"),
        ({"require": ","}, "argument require: ',' names no region; write codes separated by commas"),
        ({"require": 7}, "argument require: 7 is not a list"),
        ({"scope": "all"}, "argument scope: 'all' is not one of: processing, storage"),
        ({"on_call": "stop"}, "argument on_call: 'stop' is not one of: flag, block"),
        ({"strict": 1}, "argument strict: 1 is not true or false"),
        ({"attest": {"x": True}}, "argument attest.x: true is not a table"),
        ({"requires": "eu"}, "argument requires: not known; known are: attest, "),
        ({"unreadable": "x"}, "argument unreadable: not known; known are: "),
    ],
)
def test_a_wrong_argument_is_an_error(arguments: dict[str, Any], message: str) -> None:
    """Who writes code is told at once, with the key, the value and what is allowed."""
    with pytest.raises(PolicyError) as caught:
        read_settings({}, arguments)
    assert str(caught.value).startswith(message)
    assert issubclass(PolicyError, ResidencyError)


@pytest.mark.parametrize(
    ("environment", "require", "scope"),
    [
        ({}, ("eu", "gb"), "storage"),
        ({"OTEL_SERVICE_NAME": "support-us"}, ("us",), "storage"),
        ({"OTEL_SERVICE_NAME": "shop"}, ("eu", "gb"), "storage"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=support-us"}, ("us",), "storage"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=support%2Dus"}, ("us",), "storage"),
        (
            {"OTEL_SERVICE_NAME": "shop", "OTEL_RESOURCE_ATTRIBUTES": "service.name=support-us"},
            ("eu", "gb"),
            "storage",
        ),
        ({"OTEL_RESOURCE_ATTRIBUTES": " deployment.environment.name = test%20lab "}, (), "processing"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "a=b,deployment.environment=test lab,broken"}, (), "processing"),
    ],
)
def test_rules_go_by_service_and_environment(
    path: str, environment: Mapping[str, str], require: tuple[str, ...], scope: str
) -> None:
    """The names are those that telemetry carries; attributes are escaped as in the specification."""
    policy = read_settings({"OTEL_RESIDENCY_POLICY": path, **environment}).policy
    assert (require, scope, ()) == (policy.require, policy.scope, policy.rule)


def test_what_is_looked_at_for_each_call_is_kept(tmp_path: Path) -> None:
    """Rules for projects and keys of the baggage are part of the policy, and of its hash."""
    text = """
        rule = [{ when = { environment = "lab", project = "p" }, require = [] },
                { when = { project = "proj_us" }, require = ["us"] }]
        baggage = { read = ["acme.residency"], write = "acme.residency" }"""
    settings = read_settings({"OTEL_RESIDENCY_POLICY": _file(tmp_path, text)})
    assert settings.policy == Policy(
        rule=(Rule(When(project="proj_us"), ("us",)),),
        baggage=Baggage(("acme.residency",), "acme.residency"),
    )
    assert len({*_hashes([settings.policy, settings.policy._replace(rule=()), Policy()])}) == 3


def test_the_ledger_is_named_by_argument_environment_or_file(tmp_path: Path) -> None:
    """Its path alone may be said elsewhere than in the file; what the file says of it besides holds."""
    file = _file(tmp_path, '[ledger]\npath = "a.jsonl"\nrequired = true\nrotate_bytes = 0')
    environ = {"OTEL_RESIDENCY_POLICY": file}
    assert read_settings(environ).policy.ledger == LedgerPolicy("a.jsonl", required=True, rotate_bytes=0)
    environ |= {"OTEL_RESIDENCY_LEDGER": "b.jsonl"}
    assert read_settings(environ).policy.ledger == LedgerPolicy("b.jsonl", required=True, rotate_bytes=0)
    assert read_settings(environ, {"ledger": Path("c.jsonl")}).policy.ledger.path == "c.jsonl"
    assert read_settings(environ, {"ledger": {"path": "d.jsonl"}}).policy.ledger == LedgerPolicy("d.jsonl")
    wrong = read_settings({**environ, "OTEL_RESIDENCY_POLICY": _file(tmp_path, 'ledger = "e.jsonl"')})
    assert "ledger: a text of 7 characters is not a table" in (wrong.policy.unreadable or "")


def test_where_records_are_kept_is_no_part_of_the_hash() -> None:
    """Services of one policy have one hash; that a record is demanded is a part of it."""
    kept = [
        LedgerPolicy("a.jsonl"),
        LedgerPolicy("b.jsonl", key="k.pem", rotate_bytes=0),
        LedgerPolicy("c", required=True),
    ]
    first, second, demanded = _hashes([Policy(ledger=each) for each in kept])
    assert first == second == Settings().policy_hash != demanded


def _hashes(policies: list[Policy]) -> Iterator[str]:
    for policy in policies:
        yield Settings(policy=policy).policy_hash


def _turned(table: Mapping[str, Any]) -> dict[str, Any]:
    return dict(reversed([*table.items()]))


def test_the_hash_of_a_policy_changes_with_it_and_only_with_it(path: str) -> None:
    """Equal policies have one hash, in whatever order a table was written; each change has another."""
    policy = read_settings({"OTEL_RESIDENCY_POLICY": path}).policy
    turned = policy._replace(attest=_turned(policy.attest), hosts=_turned(policy.hosts))
    assert len({*_hashes([policy, turned, policy._replace(unreadable="why")])}) == 1
    changed = [
        Policy(),
        policy,
        policy._replace(require=("eu",)),
        policy._replace(scope="processing"),
        policy._replace(on_call="flag"),
        policy._replace(on_export="flag"),
        policy._replace(strict=False),
        policy._replace(catalogue_max_age=91),
        policy._replace(attest={}),
        policy._replace(attest={**policy.attest, "zero_data_retention": Statement(value=False)}),
        policy._replace(hosts={}),
        policy._replace(telemetry=TelemetryPolicy()),
        policy._replace(quarantine=""),
        policy._replace(baggage=Baggage(("a",))),
        policy._replace(baggage=Baggage((), "a")),
        policy._replace(rule=(Rule(When(project="a"), ("us",)),)),
    ]
    assert len({*_hashes(changed)}) == len(changed)


def test_the_hash_of_a_policy_is_pinned() -> None:
    """Recorded telemetry names policies by it: it must be the same in the next release."""
    assert (*_hashes([Policy(), WHOLE]),) == ("44136fa355b3", "cf5117180642")


REGIONS_HINT = f"known are: {', '.join(sorted(CATALOGUE.region_codes))}"


@pytest.mark.parametrize(
    ("policy", "problems"),
    [
        (WHOLE, []),
        (Policy(), []),
        (Policy(require=("eu", "us", "au")), []),
        (
            Policy(require=("uk",)),
            [
                f"require: unknown region 'uk'; did you mean 'gb'?; {REGIONS_HINT}",
            ],
        ),
        (
            Policy(require=("Europe", "EU", "global")),
            [
                f"require: unknown region 'Europe'; did you mean 'eu'?; {REGIONS_HINT}",
                f"require: unknown region 'EU'; {REGIONS_HINT}",
                f"require: unknown region 'global'; {REGIONS_HINT}",
            ],
        ),
        (
            Policy(hosts={"gw.example": ConfiguredHost("usa")}),
            [
                f"hosts.\"gw.example\".region: unknown region 'usa'; did you mean 'us'?; {REGIONS_HINT}",
            ],
        ),
        (
            Policy(attest={"zdr": Statement(value=True)}),
            ["attest.zdr: unknown attestation; known are: zero_data_retention, modified_abuse_monitoring, "],
        ),
        (
            Policy(hosts={"us.api.openai.com": ConfiguredHost("eu")}),
            ['hosts."us.api.openai.com": the catalogue lists this host; a policy can\'t move it'],
        ),
        (
            Policy(hosts={"api.openai.eu": ConfiguredHost("eu")}),
            ['hosts."api.openai.eu": the catalogue lists this host; a policy can\'t move it'],
        ),
        (Policy(hosts={"localhost": ConfiguredHost("eu")}), []),
        (Policy(ledger=LedgerPolicy("a.jsonl", required=True)), []),
        (
            Policy(ledger=LedgerPolicy(required=True)),
            ["ledger.required: there is no ledger; set ledger.path"],
        ),
        (
            Policy(rule=(Rule(When(project="p"), ("uk", "eu")),)),
            [f"rule for project \"p\": unknown region 'uk'; did you mean 'gb'?; {REGIONS_HINT}"],
        ),
        (
            Policy(baggage=Baggage(("a b", "", "acme.residency"), "a=b")),
            [f"baggage: {key!r} is not a key of the baggage" for key in ("a b", "", "a=b")],
        ),
        (
            Policy(hosts={"c.openai.azure.com": ConfiguredHost("eu", "azure", {"chat": "Gold"})}),
            [
                "hosts.\"c.openai.azure.com\".deployments.chat: 'Gold' is not a deployment type; known are: ",
            ],
        ),
        (
            Policy(hosts={"gw.example": ConfiguredHost("eu", "openai", {"chat": "Standard"})}),
            ["hosts.\"gw.example\".deployments.chat: 'Standard' is not a deployment type; known are: "],
        ),
    ],
)
def test_what_is_not_in_the_catalogue_is_reported(policy: Policy, problems: list[str]) -> None:
    """Regions, attestations, hosts and deployment types are checked by name, with a hint where one helps."""
    found = [str(problem) for problem in policy_problems(policy, CATALOGUE)]
    assert len(problems) == len(found)
    assert [
        (start, problem)
        for start, problem in zip(problems, found, strict=True)
        if not problem.startswith(start)
    ] == []


@pytest.mark.parametrize(
    ("environ", "arguments", "expected"),
    [
        ({"OTEL_RESIDENCY_POLICY": "FILE"}, {}, "FILE: require: unknown region 'uk'"),
        ({"OTEL_RESIDENCY_REQUIRE": "uk"}, {}, "OTEL_RESIDENCY_REQUIRE: unknown region 'uk'"),
        ({}, {"require": "uk"}, "argument require: unknown region 'uk'"),
        (
            {},
            {"hosts": {"a.example": {"region": "uk"}}},
            "argument hosts.\"a.example\".region: unknown region 'uk'",
        ),
    ],
)
def test_a_problem_names_the_source_of_its_value(
    tmp_path: Path, environ: dict[str, str], arguments: dict[str, Any], expected: str
) -> None:
    """A wrong region is reported for the file, variable or argument that named it."""
    file = _file(tmp_path, 'require = ["uk"]')
    settings = read_settings({key: value.replace("FILE", file) for key, value in environ.items()}, arguments)
    (problem,) = policy_problems(settings.policy, CATALOGUE, settings.origins)
    assert str(problem).startswith(expected.replace("FILE", file))


def test_every_key_has_an_origin_unless_it_has_its_default(path: str) -> None:
    """The origin is the last source that gave the value; the ledger's path and key have their own."""
    environ = {
        "OTEL_RESIDENCY_POLICY": path,
        "OTEL_RESIDENCY_SCOPE": "everything",
        "OTEL_RESIDENCY_ON_CALL": "blok",
        "OTEL_RESIDENCY_LEDGER": "a.jsonl",
        "OTEL_RESIDENCY_LEDGER_KEY": "key.pem",
        "OTEL_SERVICE_NAME": "support-us",
    }
    origins = read_settings(environ, {"strict": True, "catalogue": "newest"}).origins
    assert {key: str(origin) for key, origin in origins.items()} == {
        **dict.fromkeys(
            ("attest", "catalogue_max_age", "hosts", "on_export", "quarantine", "rule", "scope", "telemetry"),
            path,
        ),
        "require": f"{path}, rule 1",
        "on_call": "OTEL_RESIDENCY_ON_CALL, unreadable",
        "strict": "argument strict",
        "policy": "OTEL_RESIDENCY_POLICY",
        "catalogue": "argument catalogue",
        "ledger.path": "OTEL_RESIDENCY_LEDGER",
        "ledger.key": "OTEL_RESIDENCY_LEDGER_KEY",
    }
    assert read_settings({}).origins == {}
    assert read_settings({}, {"enabled": False}).origins == {"enabled": Origin(name="argument enabled")}


def test_rules_are_not_applied_to_a_file_that_is_read_alone(path: str) -> None:
    """All rules of a file are read, so that a wrong region in any of them is found."""
    settings = read_policy_file(path)
    assert [rule.require for rule in settings.policy.rule] == [("us",), ()]
    policy = settings.policy._replace(rule=(Rule(When("support-us", "lab"), ("uk",)),))
    (problem,) = policy_problems(policy, CATALOGUE, settings.origins)
    assert (problem.file, problem.key) == (path, 'rule for service "support-us", environment "lab"')
