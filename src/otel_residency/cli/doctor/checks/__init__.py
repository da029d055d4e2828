"""The checks, one module per topic; each has a function `checks` of what was seen."""

from collections.abc import Iterator

from otel_residency.cli.doctor.check import Check
from otel_residency.cli.doctor.checks import (
    catalogue,
    client,
    gate,
    guard,
    ledger,
    neighbours,
    policy,
    start,
    telemetry,
    versions,
)
from otel_residency.cli.doctor.seen import Seen
from otel_residency.cli.environ import without_secrets

_TOPICS = (versions, start, guard, policy, catalogue, ledger, client, neighbours, gate, telemetry)


def all_checks(seen: Seen) -> Iterator[Check]:
    """Every check that can be made of what was seen; what others wrote is shown without its secrets."""
    for topic in _TOPICS:
        for check in topic.checks(seen):
            found, fix = (without_secrets(text, seen.environ) for text in (check.found, check.fix))
            yield check._replace(found=found, fix=fix)
