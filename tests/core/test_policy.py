"""The rules and exceptions of a policy: which one sets each key of a call."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_residency.core.policy import Policy
from otel_residency.core.policy_rules import (
    ENFORCEMENT,
    KEYS,
    STRICTNESS,
    ExceptionRule,
    Rule,
    When,
    strictest,
    values_of,
)

DAY = date(2026, 11, 20)
CHAT = ("v1", "chat", "completions")
FILE = ("v1", "files", "{file_id}", "content")
UNCERTAIN: tuple[str, ...] = ()
POLICY = Policy(
    require=("eu",),
    scope="storage",
    rule=(
        Rule(When(service="support-us", environment="prod"), ("us",), "processing"),
        Rule(When(service="support-us"), ("us",)),
        Rule(When(environment=("test", "lab")), ()),
        Rule(When(service="support-us"), ("jp",)),
        Rule(When(environment="prod"), on_call="block"),
    ),
)


def exception(when: When, until: date = DAY, **values: Any) -> ExceptionRule:
    """An exception that Jane answers for."""
    return ExceptionRule(when=when, owner="jane@corp.example", reason="ticket 4711", until=until, **values)


@pytest.mark.parametrize(
    ("service", "environment", "require", "scope", "on_call"),
    [
        ("shop", "prod", ("eu",), "storage", "block"),
        ("support-us", "prod", ("us",), "processing", "block"),
        ("support-us", "", ("us",), "storage", "flag"),
        ("shop", "test", (), "storage", "flag"),
        ("shop", "lab", (), "storage", "flag"),
        ("support-us", "test", ("us",), "storage", "flag"),
        ("", "", ("eu",), "storage", "flag"),
    ],
)
def test_for_each_key_the_first_rule_that_matches_wins(
    service: str, environment: str, require: tuple[str, ...], scope: str, on_call: str
) -> None:
    """A rule sets some keys and leaves the others to later rules; no rules are left afterwards."""
    effective = POLICY.for_service(service, environment)
    assert (effective.require, effective.scope, effective.on_call) == (require, scope, on_call)
    assert effective.rule == ()


def test_a_rule_without_a_condition_applies_to_everything() -> None:
    """An empty condition matches any service."""
    policy = Policy(require=("eu",), rule=(Rule(When(), ("us",)),))
    assert policy.for_service("anything", "anywhere").require == ("us",)


def test_rules_for_calls_are_kept_without_what_an_earlier_rule_sets() -> None:
    """Service and environment are settled once; what is left depends on the call."""
    policy = Policy(
        require=("eu",),
        rule=(
            Rule(When(project="p1"), ("us",)),
            Rule(When(service="other", project="p2"), ("jp",)),
            Rule(When(environment="test"), ("gb",), "storage"),
            Rule(When(project="p3"), ("in",)),
            Rule(When(endpoint="/v1/files"), ("kr",), strict=True),
        ),
    )
    prod, test = policy.for_service("shop", "prod"), policy.for_service("shop", "test")
    assert (prod.require, prod.scope) == (("eu",), "processing")
    assert [rule.when for rule in prod.rule] == [When(project="p1"), When(project="p3"), policy.rule[4].when]
    assert (test.require, test.scope) == (("gb",), "storage")
    assert test.rule == (Rule(When(project="p1"), ("us",)), Rule(When(endpoint="/v1/files"), strict=True))
    called = test.for_call("p1", FILE, DAY).policy
    assert (called.require, called.scope, called.strict, called.rule) == (("us",), "storage", True, ())
    assert test.for_call("p3", CHAT, DAY).policy.require == ("gb",)


@pytest.mark.parametrize("project", [None, "", "P1", "p1 ", "p"])
def test_a_rule_for_a_project_holds_for_no_other(project: str | None) -> None:
    """Projects are compared whole; a call that names none has none."""
    policy = Policy(require=("eu",), rule=(Rule(When(project="p1"), ("us",)),)).for_service("", "")
    assert policy.for_call(project, CHAT, DAY).policy.require == ("eu",)


@pytest.mark.parametrize(
    ("path", "endpoint", "matches"),
    [
        ("/v1/files", ("v1", "files"), True),
        ("/v1/files/", FILE, True),
        ("/v1/files", FILE, True),
        ("/v1/files/{id}/content", FILE, True),
        ("/v1/files/{id}/content", ("v1", "files", "file-1", "content"), True),
        ("/v1/files/{id}/content", ("v1", "files", "file-1"), False),
        ("/v1/file", ("v1", "files"), False),
        ("/v1/files", CHAT, False),
        (("/v1/uploads", "/v1/files"), FILE, True),
        ((), FILE, False),
    ],
)
def test_a_path_is_that_of_an_endpoint_and_of_everything_below(
    *, path: str | tuple[str, ...], endpoint: tuple[str, ...], matches: bool
) -> None:
    """Whole segments are compared; an id may stand for each placeholder."""
    policy = Policy(rule=(Rule(When(endpoint=path), strict=True),))
    assert policy.for_call(None, endpoint, DAY).policy.strict is matches


@pytest.mark.parametrize(("day", "required"), [(date(2026, 11, 20), "us"), (date(2026, 11, 21), "eu")])
def test_an_exception_is_in_effect_to_the_end_of_its_last_day(day: date, required: str) -> None:
    """It precedes every rule, and is named; on the day after it is as if it were not there."""
    policy = Policy(
        rule=(Rule(When(), ("eu",)),), exception=(exception(When(service="a"), require=("us",)),)
    ).for_service("a", "")
    applied = policy.for_call(None, CHAT, day)
    assert applied.policy.require == (required,)
    assert (applied.exception is not None) == (required == "us")
    assert policy._replace(exception=()) == Policy(require=("eu",))


def test_the_first_exception_that_applies_is_the_only_one() -> None:
    """One person answers for a call."""
    exceptions = (
        exception(When(endpoint="/v1/files"), strict=False),
        exception(When(), require=("us",))._replace(owner="max@corp.example"),
    )
    policy = Policy(require=("eu",), strict=True, exception=exceptions)
    file, chat = policy.for_call(None, FILE, DAY), policy.for_call(None, CHAT, DAY)
    assert (file.policy.require, file.policy.strict, file.exception) == (("eu",), False, exceptions[0])
    assert (chat.policy.require, chat.policy.strict, chat.exception) == (("us",), True, exceptions[1])


def test_where_the_endpoint_is_not_certain_the_strictest_value_counts() -> None:
    """What a rule for an endpoint may tighten is tightened, and what it may loosen is not."""
    policy = Policy(
        require=("eu",),
        rule=(
            Rule(When(endpoint="/v1/files"), scope="storage", on_call="flag"),
            Rule(When(endpoint="/v1/chat"), ("gb",), on_call="block", on_export="redact"),
            Rule(When(project="p", endpoint="/v1/chat"), strict=True),
        ),
    )
    applied = policy.for_call(None, UNCERTAIN, DAY)
    assert values_of(Rule(When(), *(getattr(applied.policy, key) for key in KEYS))) == {
        "require": ("eu",),
        "scope": "processing",
        "strict": False,
        "on_call": "block",
        "on_export": "redact",
    }
    assert applied.groups == (("gb",),)


names = st.sampled_from(["a", "b"])
conditions: st.SearchStrategy[Any] = st.one_of(st.none(), names, st.lists(names, min_size=1).map(tuple))
rule_values = {
    "require": st.one_of(st.none(), st.sampled_from([("eu",), ("us",), ()])),
    **{key: st.one_of(st.none(), st.sampled_from(order)) for key, order in STRICTNESS.items()},
}
whens = st.builds(
    When,
    service=conditions,
    environment=conditions,
    project=conditions,
    endpoint=st.one_of(st.none(), st.sampled_from(["/v1/files", "/v1/chat/completions"])),
)
policies = st.builds(
    Policy,
    require=st.sampled_from([("eu",), ("us",), ()]),
    **{key: st.sampled_from(order) for key, order in STRICTNESS.items()},  # type: ignore[arg-type]
    rule=st.lists(st.builds(Rule, when=whens, **rule_values), max_size=5).map(tuple),  # type: ignore[arg-type]
    exception=st.lists(
        st.builds(
            ExceptionRule,
            when=whens,
            owner=names,
            reason=names,
            until=st.sampled_from([DAY, date(2026, 11, 19)]),
            **rule_values,  # type: ignore[arg-type]
        ),
        max_size=2,
    ).map(tuple),
)
calls = st.tuples(st.one_of(st.none(), names), st.sampled_from([CHAT, FILE, ("v1", "responses")]))
quick = settings(max_examples=300, deadline=None, derandomize=True)


def winner(policy: Policy, service: str, environment: str, call: Any) -> dict[str, Any]:
    """What rules set for a call, read from the policy as it is written."""
    project, endpoint = call
    applying = [
        each
        for each in (*(each for each in policy.exception if each.until >= DAY), *policy.rule)
        if (when := each.when.in_process(service, environment)) is not None
        and when.names_project(project)
        and when.names_endpoint(endpoint)
    ]
    exceptions = [each for each in applying if isinstance(each, ExceptionRule)][1:]
    found: dict[str, Any] = {}
    for each in applying:
        if each not in exceptions or each is applying[0]:
            found = {**values_of(each), **found}
    return found


@quick
@given(policies, names, names, calls)
def test_a_process_gets_what_the_policy_says_as_it_is_written(
    policy: Policy, service: str, environment: str, call: Any
) -> None:
    """Settling service and environment first changes nothing about any call."""
    applied = policy.for_service(service, environment).for_call(*call, DAY).policy
    written = {key: getattr(policy, key) for key in KEYS} | winner(policy, service, environment, call)
    assert {key: getattr(applied, key) for key in KEYS} == written


@quick
@given(policies, names, names, calls, st.sets(st.sampled_from(ENFORCEMENT)))
def test_a_rule_only_tightens_what_the_environment_or_an_argument_set(
    policy: Policy, service: str, environment: str, call: Any, kept: set[str]
) -> None:
    """The stricter of the two counts, so that neither can loosen what the other says."""
    process = policy.for_service(service, environment, kept)
    applied = process.for_call(*call, DAY).policy
    uncertain = process.for_call(call[0], UNCERTAIN, DAY).policy
    by_rule = winner(policy, service, environment, call)
    for key, order in STRICTNESS.items():
        value, stated = getattr(applied, key), getattr(policy, key)
        expected = by_rule.get(key, stated)
        assert value == (strictest(key, (stated, expected)) if key in kept else expected)
        assert order.index(process.strictest(key)) >= order.index(value)
        if not policy.exception:
            assert order.index(getattr(uncertain, key)) >= order.index(value)


def test_values_for_all_calls_override_rules_and_exceptions() -> None:
    """What holds for every call leaves nothing of that key to a rule or an exception."""
    exception = ExceptionRule(
        when=When(), owner="jane@corp.example", reason="ticket 1", until=DAY, scope="processing"
    )
    policy = POLICY._replace(exception=(exception,)).overridden({"scope": "storage"})
    for call in ((None, CHAT), ("p1", FILE), (None, UNCERTAIN)):
        assert policy.for_call(*call, DAY).policy.scope == "storage"
