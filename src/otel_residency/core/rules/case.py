"""What the rules look at, and what several of them ask."""

from collections.abc import Iterator
from typing import NamedTuple

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.classify import EndpointMatch, HostMatch
from otel_residency.core.entries import Needs, Revision, Row
from otel_residency.core.facts import CallFacts
from otel_residency.core.policy import Policy
from otel_residency.core.verdict import CONDITIONAL, INELIGIBLE, Finding

GLOBAL = "global"
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
_SOCKETS = frozenset({"ws", "wss"})


class Case(NamedTuple):
    """What the rules look at: the facts, and what one place that the call reached was classified as."""

    facts: CallFacts
    catalogue: Catalogue
    policy: Policy
    revision: Revision
    host: HostMatch
    endpoint: EndpointMatch
    rows: tuple[Row, ...]
    target: str | None
    """The region whose terms apply: that of the host, where the requirement allows it."""


def needs_findings(needs: Needs, policy: Policy, reason: str, why: str) -> Iterator[Finding]:
    """Attestations that are not stated make a case conditional, refused ones ineligible."""
    for group in needs:
        said = [policy.attest[name].value for name in group if name in policy.attest]
        if any(said):
            continue
        refused = len(said) == len(group)
        names = " or ".join(group)
        yield Finding(
            reason,
            INELIGIBLE if refused else CONDITIONAL,
            f"{'not attested' if refused else 'needs attestation'}: {names}; {why}",
        )


def sends(facts: CallFacts) -> bool:
    """Whether the request carries a prompt: in its body, or over the socket that it opens."""
    return facts.method not in _WITHOUT_BODY or any(hop.scheme in _SOCKETS for hop in facts.hops)


def listed(row: Row, model: str) -> bool:
    """Whether the row lists this very id; upper and lower case are the same."""
    name = model.lower()
    return any(name == each.lower() for each in row.models or ())
