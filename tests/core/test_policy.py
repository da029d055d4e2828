"""Rules of a policy."""

import pytest

from otel_residency.core.policy import Policy
from otel_residency.core.policy_rules import Rule, When

POLICY = Policy(
    require=("eu",),
    scope="storage",
    rule=(
        Rule(When(service="support-us", environment="prod"), ("us",), "processing"),
        Rule(When(service="support-us"), ("us",)),
        Rule(When(environment="test"), ()),
        Rule(When(service="support-us"), ("jp",)),
    ),
)


@pytest.mark.parametrize(
    ("service", "environment", "require", "scope"),
    [
        ("shop", "prod", ("eu",), "storage"),
        ("support-us", "prod", ("us",), "processing"),
        ("support-us", "", ("us",), "storage"),
        ("shop", "test", (), "storage"),
        ("support-us", "test", ("us",), "storage"),
        ("", "", ("eu",), "storage"),
    ],
)
def test_the_first_rule_that_matches_wins(
    service: str, environment: str, require: tuple[str, ...], scope: str
) -> None:
    """A rule replaces the requirement, and the scope if it names one; no rules are left afterwards."""
    effective = POLICY.for_service(service, environment)
    assert (require, scope, ()) == (effective.require, effective.scope, effective.rule)


def test_a_rule_without_a_condition_applies_to_everything() -> None:
    """An empty condition matches any service."""
    policy = Policy(require=("eu",), rule=(Rule(When(), ("us",)),))
    assert policy.for_service("anything", "anywhere").require == ("us",)


def test_rules_for_projects_are_kept_up_to_the_first_that_holds_for_the_service() -> None:
    """Service and environment are settled once; what is left says the project of a call."""
    policy = Policy(
        require=("eu",),
        rule=(
            Rule(When(project="p1"), ("us",)),
            Rule(When(service="other", project="p2"), ("jp",)),
            Rule(When(environment="test"), ("gb",), "storage"),
            Rule(When(project="p3"), ("in",)),
        ),
    )
    prod, test = policy.for_service("shop", "prod"), policy.for_service("shop", "test")
    assert (prod.require, prod.scope) == (("eu",), "processing")
    assert [rule.when.project for rule in prod.rule] == ["p1", "p3"]
    assert (test.require, test.scope) == (("gb",), "storage")
    assert [rule.when.project for rule in test.rule] == ["p1"]
    assert (test.for_project("p1").require, test.for_project("p3").require) == (("us",), ("gb",))
    assert test.for_project("p1").scope == "storage"


@pytest.mark.parametrize("project", [None, "", "P1", "p1 ", "p"])
def test_a_rule_for_a_project_holds_for_no_other(project: str | None) -> None:
    """Projects are compared whole; a call that names none has none."""
    policy = Policy(require=("eu",), rule=(Rule(When(project="p1"), ("us",)),)).for_service("", "")
    assert policy.for_project(project).require == ("eu",)
