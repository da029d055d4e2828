"""The policy: whether it can be read, what it requires, and which attestations are missing."""

from collections.abc import Iterator

from otel_residency.cli.doctor.check import Check, failure, ok, warning
from otel_residency.cli.doctor.environment import Environment
from otel_residency.core.decide import decide
from otel_residency.core.facts import BASE_PATH, CallFacts, Hop
from otel_residency.core.rules.table import MISSING_TERM
from otel_residency.core.shown import shown_name
from otel_residency.core.verdict import INELIGIBLE, Verdict


def checks(env: Environment) -> Iterator[Check]:
    """Problems of the settings, the requirement, the modes, and the attestations."""
    policy = env.settings.policy
    for problem in env.problems:
        refused = "; every call is refused" if policy.on_call == "block" else ""
        yield failure("policy.readable", f"{problem}{refused}", problem.fix)
    if not env.problems:
        yield ok("policy.readable", f"policy {env.settings.policy_hash}")
    if policy.require:
        yield ok("policy.require", f"{', '.join(policy.require)}, for {policy.scope}")
    else:
        fix = "Set OTEL_RESIDENCY_REQUIRE, for instance to eu."
        yield warning("policy.require", "no region is required: only require() causes violations", fix)
    strict = "strict" if policy.strict else "not strict"
    rules = len(policy.all_rules)
    more = f"; {rules} rules or exceptions may change that for a call" if rules else ""
    yield ok("policy.modes", f"on_call {policy.on_call}, on_export {policy.on_export}, {strict}{more}")
    yield from _attestations(env)


def _attestations(env: Environment) -> Iterator[Check]:
    required = env.settings.policy.require
    findings = dict.fromkeys(each for region in required for each in _missing(env, region))
    for region, project, detail, verdict in findings:
        where = f"{region}, {_named(project)}" if project else region
        verdict_there = "ineligible" if verdict is INELIGIBLE else f"at best {verdict}"
        yield warning(
            "policy.attestations",
            f"{where}: {detail}; calls there are {verdict_there}",
            "State what your contract holds under [attest] of the policy, or obtain it.",
        )
    if not findings:
        none = "nothing to attest without a required region"
        limited = [path for path in _listed(env) if any(any(_missing(env, code, path)) for code in required)]
        stated = f"all stated, but for {', '.join(limited)}" if limited else "all stated"
        yield ok("policy.attestations", stated if required else none)


def _named(project: str) -> str:
    """A project as its id, which a variable may not hold."""
    return shown_name(project) if project.startswith("proj_") else "the project of OPENAI_PROJECT_ID"


def _listed(env: Environment) -> list[str]:
    """The paths of the table that is in force today."""
    revision = env.catalogue.revision_on(env.today)
    rows = [row for row in revision.rows if row.kind == "endpoint"] if revision is not None else []
    return sorted({path for row in rows for path in row.services})


def _missing(
    env: Environment, region: str, path: str = f"{BASE_PATH}/responses"
) -> Iterator[tuple[str, str, str, Verdict]]:
    """What the core finds missing for a call in `region`, made with each project that may answer there."""
    policy = env.settings.policy._replace(require=(region,))
    host = env.catalogue.host_of(region, env.today)
    hop = Hop(scheme="https", host=host, port=None, path=path, payload=True)
    for project in _projects(env, region):
        facts = CallFacts(on=env.today, method="POST", hops=(hop,), project=project or None)
        for finding in decide(facts, env.catalogue, policy).findings:
            if finding.reason == MISSING_TERM:
                yield region, project, finding.detail, finding.verdict


def _projects(env: Environment, region: str) -> list[str]:
    """The project that the client names, else those of `region` in the policy's file, else `""`."""
    if named := env.environ.get("OPENAI_PROJECT_ID", ""):
        return [named]
    residencies = env.catalogue.project_residency
    there = [
        name
        for name, project in env.settings.policy.seen_projects.items()
        if project.residency in residencies and residencies[project.residency].region == region
    ]
    return there or [""]
