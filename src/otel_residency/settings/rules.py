"""Which rule or exception of a policy sets each key, for people who read the settings."""

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

from otel_residency.core.policy import Policy
from otel_residency.core.policy_rules import ExceptionRule, Rule, When, values_of
from otel_residency.settings.problems import Origin, Origins


class DescribedCall(NamedTuple):
    """The part of a call that rules depend on."""

    project: str | None
    endpoint: tuple[str, ...]
    """Segments of its path."""
    on: date


class RuleUse(NamedTuple):
    """The rule or exception that sets a key."""

    kind: str
    """Its key in the policy file."""
    name: str
    value: Any


def rules_by_key(
    policy: Policy, service: str, environment: str, call: DescribedCall | None = None
) -> dict[str, RuleUse]:
    """The rule or exception that applies to each key, of those that some rule sets.

    Args:
        policy: the policy with all of its rules.
        service: name of the service.
        environment: name of its environment.
        call: one call; without it, what applies to all calls of the service.
    """
    found: dict[str, RuleUse] = {}
    for kind, name, rule in _numbered(policy, call):
        when = rule.when.in_process(service, environment)
        if when is not None and _applies(when, call):
            for key, value in values_of(rule).items():
                found.setdefault(key, RuleUse(kind, name, value))
    return found


def _numbered(policy: Policy, call: DescribedCall | None) -> Iterator[tuple[str, str, Rule | ExceptionRule]]:
    for number, exception in enumerate(policy.exception, 1):
        if call is not None and call.on <= exception.until:
            yield "exception", f"exception {number}", exception
    for number, rule in enumerate(policy.rule, 1):
        yield "rule", f"rule {number}", rule


def _applies(when: When, call: DescribedCall | None) -> bool:
    if call is None:
        return when == When()
    return when.names_project(call.project) and when.names_endpoint(call.endpoint)


def rule_origin(use: RuleUse, value: Any, before: Origin, origins: Origins) -> Origin:
    """The origin of a key that a rule sets.

    Args:
        use: the rule.
        value: the value in effect.
        before: the origin of the key without the rule.
        origins: the origins of all keys.
    """
    if value != use.value:
        return before._replace(note=f"{use.name} can't loosen it")
    return origins.get(use.kind, Origin())._replace(note=use.name)
