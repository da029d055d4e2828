"""The input of the rules, and helpers that several of them use."""

from collections.abc import Callable
from typing import NamedTuple

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.facts import CallFacts
from otel_residency.core.hosts import HostMatch
from otel_residency.core.paths import EndpointMatch, is_canonical, raw_segments
from otel_residency.core.policy import Policy, PolicyOfCall
from otel_residency.core.revision import Revision, Row

GLOBAL = "global"
WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
"""Methods of requests that usually have no body."""
_SOCKETS = frozenset({"ws", "wss"})


class Case(NamedTuple):
    """The input of the rules: the facts, and how one place that the call reached is classified."""

    facts: CallFacts
    catalogue: Catalogue
    policy: Policy
    revision: Revision
    host: HostMatch
    endpoint: EndpointMatch
    rows: tuple[Row, ...]
    target: str | None
    """The region whose terms apply: that of the host, if the requirement allows it."""
    policy_at: Callable[[tuple[str, ...]], PolicyOfCall]
    """The policy for another endpoint, by the segments of its path: the vendor calls it for a batch."""

    def at_scope_of(self, path: str) -> "Case":
        """The case with the scope of the endpoint with this path."""
        scope = self.policy_at(raw_segments(path) if is_canonical(path) else ()).policy.scope
        return self if scope == self.policy.scope else self._replace(policy=self.policy._replace(scope=scope))


def sends(facts: CallFacts) -> bool:
    """Whether the request sends a prompt: in its body, or over the WebSocket that it opens."""
    return facts.method not in WITHOUT_BODY or any(
        hop.scheme in _SOCKETS or hop.payload for hop in facts.hops
    )


def listed(row: Row, model: str) -> bool:
    """Whether the row lists exactly this id, ignoring case."""
    # Never by prefix: a table lists some snapshots of a model and leaves out others.
    name = model.lower()
    return any(name == each.lower() for each in row.models or ())
