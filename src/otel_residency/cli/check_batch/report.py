"""What the lines of a file are worth, by model and endpoint."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from typing import NamedTuple

from otel_residency.calls.batches import Contents
from otel_residency.cli.base_url import BaseUrl
from otel_residency.core.catalogue import path_segments
from otel_residency.core.classify import UNKNOWN
from otel_residency.core.facts import BatchLine, CallFacts, Hop
from otel_residency.core.verdict import SEVERITY, Decision, Verdict
from otel_residency.guard import Guard


class Row(NamedTuple):
    """The lines for one endpoint and model."""

    endpoint: str
    """`unknown` for a path that the catalogue does not know, and for lines that could not be read."""
    model: str | None
    lines: int
    verdict: Verdict
    reasons: Mapping[str, int]
    """How many of the lines have each reason."""


class Report(NamedTuple):
    """What the file is worth."""

    decision: Decision
    """That on a batch of the file."""
    lines: int
    rows: tuple[Row, ...]
    """The worst first, then those of the most lines."""


def judge(contents: Contents, base: BaseUrl, guard: Guard, today: date) -> Report:
    """Judge the creation of a batch with these contents, and each kind of line by itself."""
    hop = Hop(base.scheme, base.host, base.port, f"{base.path}/batches", payload=True)
    facts = CallFacts(today, "POST", (hop,), base.path, batch_lines=contents.lines)
    rows = sorted(_rows(contents, facts, guard), key=lambda row: (-SEVERITY[row.verdict], -row.lines))
    return Report(guard.judge(facts).decision, contents.total, tuple(rows))


def _rows(contents: Contents, facts: CallFacts, guard: Guard) -> Iterator[Row]:
    places: dict[tuple[str, str | None], list[tuple[Decision, int]]] = {}
    for line, count in contents.kinds:
        decision = guard.judge(facts._replace(batch_lines=(line,))).decision
        places.setdefault((_endpoint(line, guard), line.model), []).append((decision, count))
    for (endpoint, model), judged in places.items():
        reasons = Counter[str]()
        for decision, count in judged:
            reasons.update(dict.fromkeys(decision.reasons, count))
        worst = max((decision.verdict for decision, _ in judged), key=SEVERITY.__getitem__)
        yield Row(endpoint, model, sum(count for _, count in judged), worst, dict(sorted(reasons.items())))


def _endpoint(line: BatchLine, guard: Guard) -> str:
    found = guard.catalogue.endpoint(path_segments(line.path))
    return found.path if found else UNKNOWN
