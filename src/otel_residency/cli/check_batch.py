"""The subcommand `check-batch`: the verdict on each line of a batch's input file."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console, Group
from rich.markup import escape
from rich.progress import open as open_with_progress
from rich.table import Table
from rich.text import Text

from otel_residency.calls.batches import Contents, read_batch
from otel_residency.calls.body import BodyReader
from otel_residency.calls.state import State
from otel_residency.cli.active_settings import sound_settings
from otel_residency.cli.base_url import base_url_or_usual
from otel_residency.cli.options import Json, Require, Strict
from otel_residency.cli.output import STYLES, as_document, as_lines, console, printable, stop
from otel_residency.core.base_url import BaseUrl
from otel_residency.core.catalogue import path_segments
from otel_residency.core.classify import UNKNOWN
from otel_residency.core.facts import BatchLine, CallFacts, Hop
from otel_residency.core.reasons import REASONS
from otel_residency.core.verdict import SEVERITY, Decision, Verdict
from otel_residency.guard import Guard


def check_batch(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The batch's input, JSON Lines.")],
    *,
    require: Require = "",
    base_url: Annotated[
        str, typer.Option("--base-url", metavar="URL", help="Where the batch would be created.")
    ] = "",
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Judge the lines of a batch's input file, offline.

    The settings of the environment hold, unless an option says otherwise. Without --base-url it is
    OPENAI_BASE_URL, or else the vendor's host of the first required region. It makes no call. Exit code: 0
    if nothing violates the policy, 1 if something does, 2 if the file or a setting can't be read.
    """
    settings = sound_settings(require=require, strict=strict)
    guard = Guard(settings)
    today = datetime.now(UTC).date()
    base = base_url_or_usual(base_url, guard.settings.policy, guard.catalogue, today)
    report = judge(_read(file, guard), base, guard, today)
    typer.echo(as_json(report, base) if json else as_text(report, base))
    raise typer.Exit(int(report.decision.violation))


def _read(file: Path, guard: Guard) -> Contents:
    """Read the file, and show how far it is where somebody is looking."""
    limits = guard.catalogue.entries.batch_files
    if limits is None:
        stop("the catalogue says nothing of batch_files")
    screen = Console(stderr=True)
    try:
        with open_with_progress(
            file,
            "rb",
            description=escape(printable(file.name)),
            console=screen,
            transient=True,
            disable=not screen.is_terminal,
        ) as opened:
            if not opened.seekable():
                stop(f"{file}: can't be read: it is no file on a disk")
            bodies, region_of = BodyReader(guard.catalogue.entries), State(guard.settings).region_of
            return read_batch(opened, bodies, limits, region_of)
    except OSError as error:
        stop(f"{file}: can't be read: {error.strerror}")


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


def as_json(report: Report, base: BaseUrl) -> str:
    """One document with what the table says."""
    decision = report.decision
    document = {
        "base_url": str(base),
        "catalogue": decision.catalogue,
        "required": decision.required,
        "verdict": decision.verdict,
        "violation": decision.violation,
        "reasons": decision.reasons,
        "lines": report.lines,
        "kinds": report.rows,
    }
    return as_document("check-batch", document)


def as_text(report: Report, base: BaseUrl) -> str:
    """A table and, below it, the reasons with their fixes and a line that sums it up."""
    decision = report.decision
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
    for name in ("lines", "endpoint", "model", "verdict", "reasons"):
        table.add_column(name, justify="right" if name == "lines" else "left", overflow="fold")
    for row in report.rows:
        told = ", ".join(_counted(reason, count, row.lines) for reason, count in row.reasons.items())
        verdict = Text(row.verdict, style=STYLES[row.verdict])
        table.add_row(str(row.lines), row.endpoint, Text(row.model or ""), verdict, told)
    violation = ", a violation" if decision.violation else ""
    judged = f"at {base}, required: {', '.join(decision.required) or 'nothing'}, table {decision.catalogue}"
    total = Text(
        f"{report.lines} lines: {decision.verdict}{violation}; {judged}", style=STYLES[decision.verdict]
    )
    reasons = tuple(_reasons(report))
    return as_lines(console(), table, *([Group(*reasons)] if reasons else []), total)


def _counted(reason: str, count: int, lines: int) -> str:
    return reason if count == lines else f"{reason} ({count})"


def _reasons(report: Report) -> Iterator[Text]:
    for code in report.decision.reasons:
        reason = REASONS[code]
        yield Text(f"{code}: {reason.meaning} {reason.fix}")
