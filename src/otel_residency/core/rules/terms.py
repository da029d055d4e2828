"""Contract terms: which the policy states on a day, and whether they meet what a rule needs."""

from collections.abc import Iterator, Mapping
from datetime import date

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.policy import Policy, Statement
from otel_residency.core.revision import NOTHING, Needs
from otel_residency.core.rules.case import Case
from otel_residency.core.verdict import CONDITIONAL, INELIGIBLE, Finding


def terms_in_force(attest: Mapping[str, Statement], catalogue: Catalogue, day: date) -> dict[str, Statement]:
    """The statements that hold on `day`, with the terms that they contain.

    The last day of a statement still counts; after it, nothing is stated.
    """
    stated = {name: each for name, each in attest.items() if each.until is None or day <= each.until}
    for name, statement in tuple(stated.items()):
        if statement.value:
            stated |= dict.fromkeys(with_contained(name, catalogue), statement)
    return stated


def with_contained(term: str, catalogue: Catalogue) -> tuple[str, ...]:
    """A term, and those that hold wherever it does."""
    attestation = catalogue.attestations.get(term)
    return (term, *attestation.contains) if attestation is not None else (term,)


def needs_findings(
    needs: Needs, policy: Policy, reason: str, why: str, not_covered: Mapping[str, str] = NOTHING
) -> Iterator[Finding]:
    """A finding for each group of terms of which none holds: conditional, or ineligible if all are denied.

    Args:
        needs: the groups.
        policy: the policy, with the terms that are in force.
        reason: the code of the findings.
        why: what needs the terms.
        not_covered: terms that do not count here although they may hold, and why.
    """
    for group in needs:
        stated = {name: policy.attest[name].value for name in group if name in policy.attest}
        if any(holds and name not in not_covered for name, holds in stated.items()):
            continue
        denied = len(stated) == len(group) and not any(stated.values())
        names = " or ".join([name for name in group if name not in not_covered] or group)
        limits = "".join(f"; {name} {not_covered[name]}" for name in stated if stated[name])
        yield Finding(
            reason,
            INELIGIBLE if denied else CONDITIONAL,
            f"{'not attested' if denied else 'needs attestation'}: {names}; {why}{limits}",
        )


def needs_here(case: Case, needs: Needs, reason: str, why: str) -> Iterator[Finding]:
    """The same for the endpoint of a case: a term that does not cover it does not meet a need there."""
    yield from needs_findings(needs, case.policy, reason, why, _not_covered(case, needs))


def holds_here(case: Case, term: str) -> bool:
    """Whether the policy states a term that covers the endpoint of a case."""
    statement = case.policy.attest.get(term)
    return statement is not None and statement.value and not _not_covered(case, ((term,),))


def _not_covered(case: Case, needs: Needs) -> dict[str, str]:
    found = {}
    for term in (name for group in needs for name in group):
        covered = case.catalogue.coverage(case.revision, term, case.endpoint.segments)
        if covered.startswith("no"):
            found[term] = f"does not cover {case.endpoint.template}"
        elif not covered.startswith("yes"):
            found[term] = f"is {covered} for {case.endpoint.template}"
    return found
