"""The catalogue: which table is in force today, and how old it is."""

from collections.abc import Iterator

from otel_residency.cli.doctor.check import Check, failure, ok, warning
from otel_residency.cli.doctor.environment import Environment
from otel_residency.core.rules.age import age_findings, inherited_findings
from otel_residency.core.verdict import ELIGIBLE

_FIX = "Update the package, or supply the current table by OTEL_RESIDENCY_CATALOGUE."


def checks(env: Environment) -> Iterator[Check]:
    """The revision that a call made now is judged by, and what a verdict notes about its age."""
    revision = env.catalogue.revision_on(env.today)
    findings = list(age_findings(env.catalogue, env.settings.policy, env.today))
    if revision is None:
        yield failure("catalogue.revision", findings[0].detail, _FIX)
        return
    pinned = ", pinned" if env.catalogue.pinned else ""
    seen, age = env.catalogue.known_until(revision), env.catalogue.age(revision, env.today)
    notes = [*findings, *inherited_findings(revision)]
    found = f"{revision.id}{pinned}, last seen {seen}, {age} days ago"
    found += "".join(f"; {note.detail}" for note in notes)
    if not findings:
        yield ok("catalogue.revision", found)
    elif all(each.verdict is ELIGIBLE for each in findings):
        yield warning("catalogue.revision", found, _FIX)
    else:
        limit = env.settings.policy.catalogue_max_age
        yield failure("catalogue.revision", f"{found}; the policy allows {limit}", _FIX)
