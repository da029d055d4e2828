"""Rules of a policy."""

import pytest

from otel_residency.core.policy import Policy, Rule, When

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
