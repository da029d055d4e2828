"""Rules of a policy file against the environment, arguments and a later `instrument()`."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_residency.core.policy import Policy
from otel_residency.core.policy_rules import ENFORCEMENT, STRICTNESS, strictest
from otel_residency.settings.checks import policy_problems
from otel_residency.settings.ending import ending_exceptions
from otel_residency.settings.later import adjusted, no_looser
from otel_residency.settings.load import read_policy_file, read_settings
from otel_residency.settings.rules import DescribedCall
from tests.frozen import CATALOGUE

EXCEPTION = """
[[exception]]
when = { service = "migration-2026" }
require = ["us"]
owner = "jane@corp.example"
reason = "moves old files, ticket 4711"
until = 2027-01-31
"""
VARIABLE = {key: f"OTEL_RESIDENCY_{key.upper()}" for key in STRICTNESS}


def written(folder: Path, text: str) -> str:
    """The path of a policy file with this text."""
    file = folder / "residency.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def literal(value: object) -> str:
    """A value as TOML and variables write it."""
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'


@pytest.mark.parametrize(
    ("file", "rule", "variable", "argument", "expected", "origin"),
    [
        # what only the file says, a rule may set either way
        ("block", "flag", None, None, "flag", "FILE, rule 1"),
        ("flag", "block", None, None, "block", "FILE, rule 1"),
        (None, "block", None, None, "block", "FILE, rule 1"),
        ("block", None, None, None, "block", "FILE"),
        # what a variable or an argument says, a rule may only tighten
        ("block", None, "flag", None, "flag", "OTEL_RESIDENCY_ON_CALL"),
        (None, "block", "flag", None, "block", "FILE, rule 1"),
        (None, "flag", "block", None, "block", "OTEL_RESIDENCY_ON_CALL, rule 1 can't loosen it"),
        (None, "block", "block", None, "block", "FILE, rule 1"),
        ("flag", "block", None, "flag", "block", "FILE, rule 1"),
        ("flag", "flag", None, "block", "block", "argument on_call, rule 1 can't loosen it"),
        ("flag", "block", "block", "flag", "block", "FILE, rule 1"),
        ("block", None, "block", "flag", "flag", "argument on_call"),
    ],
)
def test_precedence_of_how_hard_it_is_enforced(
    tmp_path: Path,
    *,
    file: str | None,
    rule: str | None,
    variable: str | None,
    argument: str | None,
    expected: str,
    origin: str,
) -> None:
    """Of `on_call`, which differs by environment here; `policy show` names the rule."""
    top = f'on_call = "{file}"\n' if file else ""
    table = f'[[rule]]\nwhen = {{ environment = "prod" }}\non_call = "{rule}"\n' if rule else ""
    path = written(tmp_path, top + table)
    environ = {"OTEL_RESIDENCY_POLICY": path, "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=prod"}
    if variable:
        environ["OTEL_RESIDENCY_ON_CALL"] = variable
    found = read_settings(environ, {"on_call": argument})
    assert (found.policy.on_call, found.problems) == (expected, ())
    assert str(found.origins["on_call"]) == origin.replace("FILE", path)


@pytest.mark.parametrize("key", ["require", "scope"])
def test_what_a_rule_requires_wins_over_the_environment_and_arguments(tmp_path: Path, key: str) -> None:
    """Either way, as somebody signs the file."""
    path = written(tmp_path, '[[rule]]\nwhen = {}\nrequire = ["us"]\nscope = "storage"\n')
    environ = {
        "OTEL_RESIDENCY_POLICY": path,
        "OTEL_RESIDENCY_REQUIRE": "eu",
        "OTEL_RESIDENCY_SCOPE": "processing",
    }
    expected = {"require": ("us",), "scope": "storage"}[key]
    for arguments in ({}, {"require": "jp", "scope": "processing"}):
        assert getattr(read_settings(environ, arguments).policy, key) == expected


modes = st.fixed_dictionaries({}, optional={key: st.sampled_from(STRICTNESS[key]) for key in ENFORCEMENT})
quick = settings(max_examples=60, deadline=None, derandomize=True)


@quick
@given(file=modes, rule=modes, variables=modes, arguments=modes, later=modes)
def test_nothing_loosens_what_a_rule_of_the_file_sets(
    tmp_path_factory: pytest.TempPathFactory,
    *,
    file: dict[str, Any],
    rule: dict[str, Any],
    variables: dict[str, Any],
    arguments: dict[str, Any],
    later: dict[str, Any],
) -> None:
    """No combination of variables, arguments and a later `instrument()`; nor does that loosen those two."""
    top = "".join(f"{key} = {literal(value)}\n" for key, value in file.items())
    set_by_rule = "".join(f"{key} = {literal(value)}\n" for key, value in rule.items())
    table = f"[[rule]]\nwhen = {{}}\n{set_by_rule}" if rule else ""
    path = written(tmp_path_factory.mktemp("policy"), top + table)
    environ = {"OTEL_RESIDENCY_POLICY": path}
    environ |= {VARIABLE[key]: literal(value).strip('"') for key, value in variables.items()}
    first = read_settings(environ, arguments)
    changed = adjusted(first, later)
    again = no_looser(read_settings(environ, {**arguments, **later}), first)
    for key in ENFORCEMENT:
        stated = arguments.get(key, variables.get(key))
        for found in (first, changed, again):
            value = getattr(found.policy, key)
            if key in rule:
                assert strictest(key, (value, rule[key])) == value
            if stated is not None:
                assert strictest(key, (value, stated)) == value
        # What only the file set, a later call may set either way; a rule holds against it.
        if stated is None and key in later:
            expected = strictest(key, (later[key], rule.get(key, later[key])))
            assert getattr(changed.policy, key) == expected
        if key in later:
            assert strictest(key, (getattr(changed.policy, key), later[key])) == getattr(changed.policy, key)


def test_rules_for_endpoints_are_tightened_too(tmp_path: Path) -> None:
    """A rule for an endpoint can't loosen a variable either, and is named for a call of it."""
    rule = '[[rule]]\nwhen = { endpoint = "/v1/files" }\non_call = "flag"\nscope = "storage"\n'
    path = written(tmp_path, rule)
    environ = {"OTEL_RESIDENCY_POLICY": path, "OTEL_RESIDENCY_ON_CALL": "block"}
    call = DescribedCall(None, ("v1", "files"), date(2026, 11, 20))
    found, _ = read_settings(environ).for_call(call)
    assert (found.policy.on_call, found.policy.scope) == ("block", "storage")
    assert str(found.origins["on_call"]) == "OTEL_RESIDENCY_ON_CALL, rule 1 can't loosen it"
    assert str(found.origins["scope"]) == f"{path}, rule 1"


@pytest.mark.parametrize(
    ("text", "key", "problem"),
    [
        (EXCEPTION.replace('owner = "jane@corp.example"\n', ""), "exception[0].owner", "this key is missing"),
        (EXCEPTION.replace('reason = "moves', 'raison = "moves'), "exception[0].raison", "unknown key"),
        (EXCEPTION.replace("until = 2027-01-31\n", ""), "exception[0].until", "this key is missing"),
        (EXCEPTION.replace("2027-01-31", "31"), "exception[0].until", "31 is not a date"),
        (EXCEPTION.replace("2027-01-31", '"soon"'), "exception[0].until", "'soon' is not a date like"),
        (EXCEPTION.replace('"moves old files, ticket 4711"', '" "'), "exception for", "reason is empty"),
        (EXCEPTION.replace('"jane@corp.example"', '""'), "exception for", "owner is empty"),
        (EXCEPTION.replace('require = ["us"]\n', ""), "exception for", "sets nothing"),
        (EXCEPTION.replace('["us"]', '["uk"]'), "exception for", "unknown region 'uk'"),
        ('[[rule]]\nwhen = { service = "a" }', 'rule for service "a"', "sets nothing"),
        ("[[rule]]\nwhen = { service = [] }\nstrict = true", "rule for service", "service names nothing"),
        ("[[rule]]\nwhen = { service = 1 }\nstrict = true", "rule[0].when.service", "1 is not a string"),
        (
            '[[rule]]\nwhen = { endpoint = "/v1/file" }\nstrict = true',
            'rule for endpoint "/v1/file"',
            "is no endpoint of the catalogue",
        ),
        (
            '[[rule]]\nwhen = { endpoint = ["/v1/files", "files"] }\nstrict = true',
            'rule for endpoint "/v1/files" or "files"',
            "'files' is no endpoint",
        ),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, text: str, key: str, problem: str) -> None:
    """With its place; until it is corrected, block mode refuses every call."""
    path = written(tmp_path, text)
    found = read_policy_file(path)
    problems = [*found.problems, *policy_problems(found.policy, CATALOGUE, found.origins)]
    assert len(problems) == 1
    assert problems[0].key.startswith(key)
    assert problem in problems[0].problem
    assert problems[0].file == path
    assert problems[0].fix


def test_a_sound_exception_has_no_problem_and_a_note_before_its_end(tmp_path: Path) -> None:
    """The note comes thirty days ahead, and stays after the end."""
    found = read_policy_file(written(tmp_path, EXCEPTION))
    assert (found.problems, policy_problems(found.policy, CATALOGUE)) == ((), [])
    name = 'exception for service "migration-2026" (jane@corp.example)'
    assert ending_exceptions(found.policy, date(2026, 12, 31)) == []
    assert ending_exceptions(found.policy, date(2027, 1, 1)) == [f"{name}: ends on 2027-01-31"]
    assert ending_exceptions(found.policy, date(2027, 1, 31)) == [f"{name}: ends on 2027-01-31"]
    (ended,) = ending_exceptions(found.policy, date(2027, 2, 1))
    assert ended == f"{name}: ended on 2027-01-31 and is not in effect"


@pytest.mark.parametrize(
    ("text", "on_call", "on_export"),
    [
        ('[[rule]]\nwhen = {}\non_call = "blok"', "block", "flag"),
        ('[[rule]]\nwhen = { servce = "a" }\non_call = "block"\non_export = "redact"', "block", "withhold"),
        ('[[rule]]\nwhen = { servce = "a" }\non_call = "flag"', "flag", "flag"),
        ('on_call = "block"\n[[rule]]\nwhen = 1\non_call = "flag"', "block", "flag"),
    ],
)
def test_rules_that_can_t_be_read_count_by_the_modes_that_they_name(
    tmp_path: Path, text: str, on_call: str, on_export: str
) -> None:
    """A misspelled condition must not switch off what the rule asked for."""
    policy = read_settings({"OTEL_RESIDENCY_POLICY": written(tmp_path, text)}).policy
    assert (policy.on_call, policy.on_export) == (on_call, on_export)
    assert policy.unreadable


def test_an_old_policy_file_is_still_read(tmp_path: Path) -> None:
    """Rules as they were written before: one value a condition, `require` and `scope` alone."""
    path = written(
        tmp_path, 'require = ["eu"]\n[[rule]]\nwhen = { project = "p1" }\nrequire = ["us"]\nscope = "storage"'
    )
    policy = read_settings({"OTEL_RESIDENCY_POLICY": path}).policy
    called = policy.for_call("p1", ("v1", "files"), date(2026, 11, 20)).policy
    assert called == Policy(require=("us",), scope="storage")
