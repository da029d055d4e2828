"""A process that makes calls and records them: real chains, files and threads, without the client."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import time_ns
from typing import Any

from opentelemetry.sdk.resources import Resource

from otel_residency.core.facts import CallFacts, Hop
from otel_residency.core.policy import LedgerPolicy, Policy
from otel_residency.guard import Guard
from otel_residency.ledger.ledger import Ledger
from otel_residency.ledger.process import Process
from otel_residency.ledger.recorded_call import RecordedCall
from otel_residency.settings.ledger_key import read_ledger_key
from otel_residency.settings.load import Settings
from otel_residency.telemetry import names

RESOURCE = Resource({"service.name": "claims"})


def guard(options: LedgerPolicy) -> Guard:
    """A guard whose policy names the ledger."""
    return Guard(Settings(policy=Policy(require=("eu",), ledger=options)))


def ledger(path: Path, failures: list[Any] | None = None, **options: Any) -> Ledger:
    """A ledger at `path`."""
    policy = LedgerPolicy(str(path), **options)
    judge = guard(policy)
    process = Process(lambda: judge, info, lambda: RESOURCE.attributes, partial(_failed, failures))
    return Ledger(policy, process, partial(read_ledger_key, judge.settings.policy))


def _failed(failures: list[Any] | None, part: str, error: BaseException | None) -> None:
    if failures is None:
        raise AssertionError(part) from error
    failures.append((part, error))


def info() -> Mapping[str, Any]:
    """As little as a record of the policy may say."""
    return {names.POLICY: "0" * 12, names.CATALOGUE: "openai-2026-11"}


def call(host: str = "eu.api.openai.com", model: str = "gpt-5.2") -> RecordedCall:
    """One call, judged."""
    now = time_ns()
    hop = Hop("https", host, None, "/v1/chat/completions", payload=True)
    facts = CallFacts(datetime.now(UTC).date(), "POST", (hop,), model=model)
    return RecordedCall(
        started=now,
        ended=now + 10**6,
        judgement=_JUDGE.judge(facts),
        attributes={},
        outcome={names.HOP_HOSTS: [host]},
        span=None,
    )


_JUDGE = guard(LedgerPolicy())
