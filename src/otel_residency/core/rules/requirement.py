"""The policy and the requirement for one call: by its rules and exceptions, and for its customer."""

from typing import NamedTuple

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.facts import CallFacts
from otel_residency.core.policy import Policy, PolicyOfCall
from otel_residency.core.regions import Group, common
from otel_residency.core.verdict import INDETERMINATE, INELIGIBLE, Finding


class Required(NamedTuple):
    """The policy that applies to one call."""

    policy: Policy
    regions: Group
    """The regions that all requirements allow; empty without a requirement, and if they allow none."""
    findings: tuple[Finding, ...]


def policy_of_call(facts: CallFacts, policy: Policy, endpoint: tuple[str, ...]) -> PolicyOfCall:
    """Apply the rules and exceptions for the project and the endpoint of a call, as `Policy.for_call` does.

    No response loosens a requirement: the rules for a project that one names can only tighten the policy.
    """
    applied = policy.for_call(facts.project, endpoint, facts.on)
    for project in facts.answer.values("project") if facts.answer else ():
        other = policy.for_call(project, endpoint, facts.on)
        if other.policy != applied.policy:
            applied = applied.tightened(other)
    return applied


def required_of(facts: CallFacts, catalogue: Catalogue, applied: PolicyOfCall) -> Required:
    """Apply the requirements for the customer, which can only tighten the policy of the call."""
    policy, groups = applied.policy, (*facts.required, *applied.groups)
    findings = []
    answered = facts.answer.values("project") if facts.answer else ()
    if len({*answered, *filter(None, (facts.project,))}) > 1:
        detail = "the response names another project than the request, or several"
        findings.append(Finding("project.changed", INDETERMINATE, detail))
    if not groups:
        return Required(policy, policy.require, tuple(findings))
    readable = [group for group in groups if catalogue.region_codes.issuperset(group)]
    if len(readable) < len(groups):
        # The detail does not repeat the text: in baggage, it may come from anybody.
        detail = "a requirement can't be read, or names a region that the catalogue does not list"
        findings.append(Finding("requirement.unknown", INELIGIBLE, detail))
    if policy.require:
        # First, as `common` keeps the order of the first group: that of the policy.
        readable.insert(0, policy.require)
    regions = common(readable) if readable else ()
    if readable and not regions:
        required = " and ".join(" or ".join(group) or "none" for group in readable)
        findings.append(Finding("requirement.conflict", INELIGIBLE, f"{required} are required at once"))
    narrowed = policy._replace(require=regions or policy.require, stated=policy.require)
    return Required(narrowed, regions, tuple(findings))
