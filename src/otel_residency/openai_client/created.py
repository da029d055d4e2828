"""Where the things are that calls create."""

from otel_residency.core.classify import UNKNOWN
from otel_residency.core.entries import Creation
from otel_residency.guard import Judged
from otel_residency.openai_client.judging import Judging
from otel_residency.openai_client.seen import Seen
from otel_residency.openai_client.state import State

_CREATED = range(200, 300)
_DOUBTS = frozenset(
    {
        *("gateway.left_region", "gateway.provider_mismatch", "gateway.route"),
        *("host.header_mismatch", "host.region_contradicted", "project.region_mismatch"),
    }
)
"""Reasons for which the region of the host is not where a thing was created."""


def creation_of(state: State, judging: Judging) -> Creation | None:
    """Where the answer gives the ids of what was created, if this is a call that creates something."""
    if judging.judged is None or judging.facts is None:
        return None
    creation = state.creations.get(judging.judged.decision.endpoint)
    features = judging.facts.features
    if creation is None or creation.unless in features or creation.only not in (None, *features):
        return None
    return creation


def remember(state: State, judging: Judging, seen: Seen, judged: Judged | None) -> None:
    """Note where the things are that the answer says were created, if that is known."""
    creation = creation_of(state, judging)
    if creation is None or judged is None or not judging.hops:
        return
    doubted = any(finding.reason in _DOUBTS for finding in judged.decision.findings)
    if seen.status not in _CREATED or doubted or state.guard.creates_elsewhere(judging.hops[-1]):
        return
    regions = {judged.decision.region}
    if creation.with_path and judging.facts is not None:
        named = state.bodies.named(judging.facts.hops[0].path, None)
        regions = {state.region_of(name) or UNKNOWN for _, name in named}
    if len(regions) == 1 and UNKNOWN not in regions:
        for name in seen.answer.created:
            state.memory.remember(name, *regions)
