"""The checks, one module per topic with a function `checks`."""

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
from otel_residency.cli.doctor.environment import Environment
from otel_residency.cli.environ import without_secrets

_TOPICS = (versions, start, guard, policy, catalogue, ledger, client, neighbours, gate, telemetry)


def all_checks(env: Environment) -> Iterator[Check]:
    """The result of every check, without secrets in text that others wrote."""
    for topic in _TOPICS:
        for check in topic.checks(env):
            found, fix = (without_secrets(text, env.environ) for text in (check.found, check.fix))
            yield check._replace(found=found, fix=fix)
