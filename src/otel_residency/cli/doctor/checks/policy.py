"""The policy: readable, with a requirement, and with what the vendor's table asks to be attested."""

from collections.abc import Iterator

from otel_residency.cli.doctor.check import Check, failure, ok, warning
from otel_residency.cli.doctor.seen import Seen


def checks(seen: Seen) -> Iterator[Check]:
    """What is required, what happens to what violates it, and what the contract is said to hold."""
    policy = seen.settings.policy
    for problem in seen.problems:
        refused = "; every call is refused" if policy.on_call == "block" else ""
        yield failure("policy.readable", f"{problem}{refused}", problem.fix)
    if not seen.problems:
        yield ok("policy.readable", f"policy {seen.settings.policy_hash}")
    if policy.require:
        yield ok("policy.require", f"{', '.join(policy.require)}, for {policy.scope}")
    else:
        fix = "Set OTEL_RESIDENCY_REQUIRE, for instance to eu."
        yield warning("policy.require", "no region is required: only require() makes violations", fix)
    strict = "strict" if policy.strict else "not strict"
    yield ok("policy.modes", f"on_call {policy.on_call}, on_export {policy.on_export}, {strict}")
    yield from _attestations(seen)


def _attestations(seen: Seen) -> Iterator[Check]:
    policy, revision = seen.settings.policy, seen.catalogue.revision_on(seen.today)
    complete = True
    for region in policy.require:
        terms = revision.regions.get(region) if revision else None
        for group in terms.needs if terms else ():
            said = [policy.attest[name].value for name in group if name in policy.attest]
            if any(said):
                continue
            complete = False
            refused = len(said) == len(group)
            verdict = "calls there are ineligible" if refused else "calls there are at best conditional"
            yield warning(
                "policy.attestations",
                f"{region} asks for {' or '.join(group)}; {verdict}",
                "State what your contract holds under [attest] of the policy, or obtain it.",
            )
    if complete:
        none = "nothing to attest without a required region"
        yield ok("policy.attestations", "all stated" if policy.require else none)
