"""The input of the rules, and helpers that several of them use."""

from typing import NamedTuple

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.facts import CallFacts
from otel_residency.core.hosts import HostMatch
from otel_residency.core.paths import EndpointMatch
from otel_residency.core.policy import Policy
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
