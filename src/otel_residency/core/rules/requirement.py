"""What is required of one call: by the policy, by the rule for its project, and by whom it is made for."""

from typing import NamedTuple

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.facts import CallFacts
from otel_residency.core.policy import Policy
from otel_residency.core.regions import Group, common
from otel_residency.core.verdict import INDETERMINATE, INELIGIBLE, Finding


class Required(NamedTuple):
    """What a call is judged by."""

    policy: Policy
    regions: Group
    """The regions that all requirements leave; empty without a requirement, and where they leave none."""
    findings: tuple[Finding, ...]


def required_of(facts: CallFacts, catalogue: Catalogue, policy: Policy, *, vouched: bool) -> Required:
    """Apply the rules for projects, then what is asked for besides: that can only tighten.

    So can the project that answered, where it is not `vouched` for by the vendor's own host.
    """
    answered = facts.answer.project if facts.answer else None
    asked = facts.required
    named = policy.for_project(facts.project)
    policy = policy.for_project(answered or facts.project)
    if not vouched and policy is not named:
        asked = (*asked, *filter(None, [policy.require]))
        policy = policy if policy.scope == "processing" else named
        policy = policy._replace(require=named.require)
    findings = []
    if answered and facts.project and answered != facts.project:
        detail = "another project answered than the one that was asked"
        findings.append(Finding("project.changed", INDETERMINATE, detail))
    if not asked:
        return Required(policy, policy.require, tuple(findings))
    known = [group for group in asked if catalogue.region_codes.issuperset(group)]
    if len(known) < len(asked):  # whose text may be anybody's, and is not repeated
        detail = "a requirement names a region that the catalogue does not know, or can't be read"
        findings.append(Finding("requirement.unknown", INELIGIBLE, detail))
    if policy.require:
        known.insert(0, policy.require)
    left = common(known) if known else ()
    if known and not left:
        said = " and ".join(" or ".join(group) or "none" for group in known)
        findings.append(Finding("requirement.conflict", INELIGIBLE, f"{said} are required at once"))
    narrowed = policy._replace(require=left or policy.require, stated=policy.require)
    return Required(narrowed, left, tuple(findings))
