"""Checks the rules and exceptions of a policy: what they name exists, and somebody answers for exceptions."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from otel_residency.core.catalogue import path_segments
from otel_residency.core.decode import nearest_name
from otel_residency.core.policy import Policy
from otel_residency.core.policy_rules import KEYS, ExceptionRule, Rule, When, listed, values_of
from otel_residency.core.shown import shown, shown_name, text_if_shown
from otel_residency.settings.problems import PolicyProblem

if TYPE_CHECKING:
    from otel_residency.core.catalogue import Catalogue


def name_of_rule(rule: Rule | ExceptionRule) -> str:
    """A rule by its conditions, since the policy of a service has not all of the file's rules."""
    conditions = (
        f"{name} {' or '.join(map(_quoted, listed(names)))}"
        for name, names in rule.when._asdict().items()
        if names is not None
    )
    kind = "exception" if isinstance(rule, ExceptionRule) else "rule"
    return f"{kind} for {', '.join(conditions) or 'all calls'}"


def _quoted(text: str) -> str:
    return f'"{shown_name(text)}"'


def rule_problems(policy: Policy, catalogue: "Catalogue") -> Iterator[PolicyProblem]:
    """What is wrong with the rules and exceptions, but for the regions that they require."""
    for rule in policy.all_rules:
        name = name_of_rule(rule)
        if not values_of(rule):
            problem = f"sets nothing; it may set {', '.join(KEYS)}"
            yield PolicyProblem(file="", key=name, value="", problem=problem, fix="Set one, or remove it.")
        for condition, names in rule.when._asdict().items():
            if names is not None and not all(listed(names) or ("",)):
                problem, fix = f"{condition} names nothing", f"Name one, or remove {condition}."
                yield PolicyProblem(file="", key=name, value="", problem=problem, fix=fix)
        yield from _endpoint_problems(name, rule.when, catalogue)
    for exception in policy.exception:
        for key in ("owner", "reason"):
            if not getattr(exception, key).strip():
                problem, fix = f"{key} is empty", f"Write the {key}, for the auditor to read."
                yield PolicyProblem(file="", key=name_of_rule(exception), value="", problem=problem, fix=fix)


def _endpoint_problems(name: str, when: When, catalogue: "Catalogue") -> Iterator[PolicyProblem]:
    paths = _paths(catalogue)
    for path in filter(None, listed(when.endpoint)):
        only = When(endpoint=path)
        if not any(only.names_endpoint(path_segments(each)) for each in paths):
            yield PolicyProblem(
                file="",
                key=name,
                value=text_if_shown(path, paths),
                problem=f"{shown(path, paths)} is no endpoint of the catalogue, and none is below it",
                fix=nearest_name(path, paths),
            )


def _paths(catalogue: "Catalogue") -> list[str]:
    return [endpoint.path for endpoint in catalogue.entries.endpoints]
