"""Our own settings in files that are scanned: what is wrong with them."""

from collections.abc import Iterator

from otel_residency.core.decide import violates
from otel_residency.core.verdict import ELIGIBLE, INDETERMINATE, Finding
from otel_residency.guard import Guard
from otel_residency.settings.checks import policy_problems
from otel_residency.settings.load import read_settings
from otel_residency.settings.table import ENABLED, POLICY_SETTINGS
from otel_residency.settings.unknown_variables import unknown_variables

UNKNOWN_VARIABLE = "policy.unknown_variable"
_VARIABLES = frozenset(setting.variable for setting in (ENABLED, *POLICY_SETTINGS))


def is_setting(name: str) -> bool:
    """Whether a variable is a setting of ours, or looks like one."""
    return name in _VARIABLES or any(unknown_variables((name,)))


def setting_findings(variable: str, value: str, guard: Guard) -> Iterator[tuple[Finding, bool]]:
    """What is wrong with a setting, each with whether it violates the policy.

    A wrong one makes every call indeterminate. One that may be of another release is a note.
    """
    settings, catalogue = read_settings({variable: value}), guard.catalogue
    policy = settings.policy
    for problem in (*settings.problems, *policy_problems(policy, catalogue, settings.origins)):
        text = str(problem)
        if text in policy.noted:
            yield Finding(UNKNOWN_VARIABLE, ELIGIBLE, text), False
        else:
            unreadable = policy._replace(unreadable=text)
            violation = violates(INDETERMINATE, unreadable, required=False)
            yield Finding("policy.unreadable", INDETERMINATE, text), violation
