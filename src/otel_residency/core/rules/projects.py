"""Rules for the vendor's project of a call: whether its settings match the host and the policy."""

from collections.abc import Iterator

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.entries import ProjectResidency
from otel_residency.core.facts import CallFacts
from otel_residency.core.hosts import HostMatch
from otel_residency.core.policy import Policy, Project, Statement
from otel_residency.core.regions import UNKNOWN
from otel_residency.core.revision import Revision
from otel_residency.core.rules.case import GLOBAL
from otel_residency.core.rules.hosts import target_region
from otel_residency.core.rules.terms import needs_findings, with_contained
from otel_residency.core.verdict import ELIGIBLE, INDETERMINATE, INELIGIBLE, Finding

_APPROVAL = (("region_approval",),)


def project_findings(
    facts: CallFacts, host: HostMatch, catalogue: Catalogue, policy: Policy
) -> Iterator[Finding]:
    """Findings about the project's settings; none without a file of settings, or for another provider."""
    if policy.projects.file and host.provider == "openai":
        for name in _project_ids(facts):
            yield from _one_project_findings(facts, host, catalogue, policy, name)


def _one_project_findings(
    facts: CallFacts, host: HostMatch, catalogue: Catalogue, policy: Policy, name: str
) -> Iterator[Finding]:
    project = policy.seen_projects.get(name)
    if project is None:
        yield Finding("project.unknown", INDETERMINATE, f"{name} is not in {policy.projects.file}")
        return
    if not _is_fresh(facts, policy, project):
        detail = f"{name} was read on {project.observed}, the call was made on {facts.on}"
        yield Finding("project.stale", INDETERMINATE, detail)
    residency = catalogue.project_residency.get(project.residency)
    if residency is None:
        shown = project.residency or "missing"
        yield Finding("project.unknown", INDETERMINATE, f"the residency of {name} is {shown}")
    else:
        yield from _residency_findings(facts, host, policy, name, residency)
    yield from _retention_findings(catalogue, policy, name, project)


def with_project(
    facts: CallFacts, host: HostMatch, catalogue: Catalogue, policy: Policy, revision: Revision | None
) -> Policy:
    """The policy with the attestations that the project's settings show, which override those it states.

    Only at a host of the vendor: behind a gateway anybody may name a project. Settings that are too old, and
    those of several projects, can only show that an attestation does not hold.
    """
    names = _project_ids(facts)
    projects = [policy.seen_projects[name] for name in names if name in policy.seen_projects]
    if not projects or not host.vendors:
        return policy
    attest = dict(policy.attest)
    for project in projects:
        counts = len(names) == 1 and _is_fresh(facts, policy, project)
        residency = catalogue.project_residency.get(project.residency)
        source = f"{policy.projects.file}, {project.observed}"
        for attestation in catalogue.entries.attestations:
            name = attestation.name
            if attestation.shown_by == "retention" and project.retention:
                holds = name in with_contained(project.retention, catalogue)
                if counts or not holds:
                    attest[name] = Statement(holds, source)
            elif attestation.shown_by == "residency" and counts and name not in attest:
                region = residency.region if residency is not None else None
                if revision is not None and region and region == target_region(host, policy, revision):
                    attest[name] = Statement(value=True, reference=source)
    return policy._replace(attest=attest)


def _is_fresh(facts: CallFacts, policy: Policy, project: Project) -> bool:
    """Whether the settings were read recently enough before the call."""
    # One day after the call is accepted: around midnight the clocks of two machines may differ.
    return -1 <= (facts.on - project.observed).days <= policy.projects.max_age


def default_tier(facts: CallFacts, host: HostMatch, policy: Policy) -> str:
    """The service tier of requests that name none, by the settings of the project; `""` if not known."""
    # However old they are: a tier can only make a verdict worse.
    names = _project_ids(facts) if host.provider == "openai" else ()
    tiers = (policy.seen_projects[name].default_tier for name in names if name in policy.seen_projects)
    return next(filter(None, tiers), "")


def _project_ids(facts: CallFacts) -> tuple[str, ...]:
    """The projects that the response names, else the one that the request names."""
    answered = facts.answer.values("project") if facts.answer else ()
    return answered or ((facts.project,) if facts.project else ())


def _residency_findings(
    facts: CallFacts, host: HostMatch, policy: Policy, name: str, residency: ProjectResidency
) -> Iterator[Finding]:
    what = f"{name} is a project with {residency.name}"
    allowed = policy.require if host.region in (UNKNOWN, GLOBAL) else (host.region,)
    if residency.region not in allowed and allowed:
        since = residency.other_hosts_since
        if since is not None and facts.on >= since and host.region not in (UNKNOWN, GLOBAL):
            yield from needs_findings(_APPROVAL, policy, "project.region_mismatch", f"{what}, on {host.host}")
        else:
            yield Finding("project.region_mismatch", INELIGIBLE, f"{what}, not with {' or '.join(allowed)}")
    elif policy.scope == "processing" and not residency.processing:
        yield Finding("project.region_mismatch", INELIGIBLE, f"{what}, which does not cover processing")


def _retention_findings(
    catalogue: Catalogue, policy: Policy, name: str, project: Project
) -> Iterator[Finding]:
    """Notes where the project's retention differs from what the policy states; the project's counts."""
    for attestation in catalogue.entries.attestations:
        stated = policy.attest.get(attestation.name)
        if (
            attestation.shown_by == "retention"
            and stated is not None
            and project.retention
            and stated.value != (attestation.name in with_contained(project.retention, catalogue))
        ):
            claim = f"the policy states {attestation.name} = {str(stated.value).lower()}"
            yield Finding("attestation.contradicted", ELIGIBLE, f"{claim}, {name} has {project.retention}")
