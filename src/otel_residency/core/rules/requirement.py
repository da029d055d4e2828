"""The requirement for one call: by the policy, by the rule for its project, and for its customer."""

from typing import NamedTuple

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.facts import CallFacts
from otel_residency.core.policy import Policy
from otel_residency.core.regions import Group, common
from otel_residency.core.verdict import INDETERMINATE, INELIGIBLE, Finding


class Required(NamedTuple):
    """The policy that applies to one call."""

    policy: Policy
    regions: Group
    """The regions that all requirements allow; empty without a requirement, and if they allow none."""
    findings: tuple[Finding, ...]


def required_of(facts: CallFacts, catalogue: Catalogue, policy: Policy) -> Required:
    """Apply the rules for projects, then the requirements for the customer, which can only tighten it.

    No response loosens a requirement: the rule for a project that one names can only tighten it, too.
    """
    groups = facts.required
    findings = []
    answered = facts.answer.values("project") if facts.answer else ()
    by_answer = [policy.for_project(project) for project in answered]
    policy = policy.for_project(facts.project)
    for other in by_answer:
        groups = (*groups, *((other.require,) if other.require and other.require != policy.require else ()))
        policy = policy if other.scope == "storage" else policy._replace(scope=other.scope)
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
