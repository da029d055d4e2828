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


def required_of(facts: CallFacts, catalogue: Catalogue, policy: Policy, *, at_vendor: bool) -> Required:
    """Apply the rules for projects, then the requirements for the customer, which can only tighten it.

    Anybody but the vendor can name a project in a response. So the rule for a project that a response names
    can only tighten the requirement, too, unless the last request went to a host of the vendor (`at_vendor`).
    """
    answered = facts.answer.project if facts.answer else None
    groups = facts.required
    named = policy.for_project(facts.project)
    policy = policy.for_project(answered or facts.project)
    if not at_vendor and policy is not named:
        groups = (*groups, *filter(None, [policy.require]))
        policy = policy if policy.scope == "processing" else named
        policy = policy._replace(require=named.require)
    findings = []
    if answered and facts.project and answered != facts.project:
        detail = "the response names another project than the request"
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
