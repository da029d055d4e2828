"""What the far ends received, against what they were allowed to: the check behind the tables.

Nothing here takes otel-residency's word for it. The endpoints and the proxy wrote down what reached
them, and each prompt carries a secret of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from examples.demo.cases import CASES, EU, Case
from examples.demo.journal import Received
from examples.demo.otlp import Span


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the application, seen from all sides."""

    mode: str
    directory: Path
    exit_code: int
    stderr: str
    outcomes: dict[str, str]
    """What the application printed, by the name of the call."""
    spans: tuple[Span, ...]
    other_spans: tuple[Span, ...]
    requests: tuple[Received, ...]
    connections: tuple[str, ...]

    def prompt_bytes(self, case: Case, host: str) -> int:
        """How many bytes of this call's prompt arrived at a host."""
        return sum(
            request.body_bytes
            for request in self.requests
            if request.host == host and case.marker in request.markers
        )

    def reached(self, case: Case) -> set[str]:
        """Every host that saw this call's prompt."""
        return {request.host for request in self.requests if case.marker in request.markers}

    def below(self, span: Span) -> list[Span]:
        """The HTTP spans of one call, one for each request it put on the wire."""
        return [other for other in self.other_spans if other.parent_id == span.span_id]

    def abroad(self) -> int:
        """Connections to hosts outside the region, with or without a byte sent over them."""
        return sum(host != EU for host in self.connections)


def problems(run: Run) -> Iterator[str]:
    """Everything that is not as it must be, one sentence each."""
    if run.exit_code:
        yield f"{run.mode}: the application failed with exit code {run.exit_code}\n{run.stderr}"
    if list(run.outcomes) != [case.name for case in CASES]:
        yield f"{run.mode}: the application reported {list(run.outcomes)} instead of its calls"
    if len(run.spans) != len(CASES):
        yield f"{run.mode}: {len(run.spans)} residency spans for {len(CASES)} calls"
    for case, span in zip(CASES, run.spans, strict=False):
        yield from _span_problems(run, case, span)
    for case in CASES:
        yield from _outcome_problems(run, case)
        if case.marker:
            yield from _prompt_problems(run, case)
    if run.mode == "block" and run.abroad():
        yield f"block: {run.abroad()} connections were opened to hosts outside the region"


def _span_problems(run: Run, case: Case, span: Span) -> Iterator[str]:
    where = f"{run.mode}: {case.name}"
    if span.text("residency.endpoint") != case.endpoint:
        yield f"{where}: expected a span for {case.endpoint}, found `{span.name}`"
    if span.attributes.get("residency.violation") is not case.violates:
        yield f"{where}: residency.violation is not {case.violates}"
    hops = span.texts("residency.hop.hosts")
    if tuple(hops) != case.reaches(run.mode):
        yield f"{where}: the span tells of requests to {hops}, not {list(case.reaches(run.mode))}"
    if len(hops) != len(run.below(span)):
        yield f"{where}: {len(run.below(span))} HTTP spans below a span of {len(hops)} requests"
    action = "blocked" if run.mode == "block" else "flagged"
    if span.text("residency.action") != (action if case.violates else ""):
        yield f"{where}: residency.action is {span.text('residency.action')!r}"


def _prompt_problems(run: Run, case: Case) -> Iterator[str]:
    where = f"{run.mode}: {case.name}"
    expected, reached = set(case.reaches(run.mode)), run.reached(case)
    for host in sorted(reached - expected):
        sent = run.prompt_bytes(case, host)
        yield f"{where}: {sent} bytes with {case.marker} arrived at {host}"
    for host in sorted(expected - reached):
        yield f"{where}: the prompt never arrived at {host}, so this call proves nothing"


def _outcome_problems(run: Run, case: Case) -> Iterator[str]:
    refused = run.outcomes.get(case.name) == "ResidencyViolationError"
    if refused is not (run.mode == "block" and case.violates):
        yield f"{run.mode}: {case.name}: the application got {run.outcomes.get(case.name)!r}"
