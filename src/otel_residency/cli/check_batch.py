"""The subcommand `check-batch`: the verdict on each line of the input file of a batch."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from os import fstat
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console, Group
from rich.markup import escape
from rich.progress import wrap_file
from rich.table import Table
from rich.text import Text

from otel_residency.calls.batches import Contents, read_batch
from otel_residency.calls.body import BodyReader
from otel_residency.calls.state import State
from otel_residency.cli.active_settings import sound_settings
from otel_residency.cli.base_url import base_url_or_usual, shown_url
from otel_residency.cli.options import Json, Require, Strict
from otel_residency.cli.output import as_document, printable, stop
from otel_residency.cli.terminal import STYLES, as_lines, console
from otel_residency.core.base_url import BaseUrl
from otel_residency.core.catalogue import path_segments
from otel_residency.core.facts import BatchLine, CallFacts, Hop
from otel_residency.core.reasons import REASONS
from otel_residency.core.regions import UNKNOWN
from otel_residency.core.verdict import SEVERITY, Decision, Verdict
from otel_residency.guard import Guard
from otel_residency.runtime.regular_file import open_regular


def check_batch(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Input file of the batch, JSON Lines.")],
    *,
    require: Require = "",
    base_url: Annotated[
        str,
        typer.Option("--base-url", metavar="URL", help="Base URL for the batch (default: OPENAI_BASE_URL)."),
    ] = "",
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Check the input file of a batch before it is uploaded.

    Uses the settings of the environment; options override them. The base URL is --base-url, else
    OPENAI_BASE_URL, else the vendor's host of the first required region. Makes no call. Exit code: 0 if
    nothing violates the policy, 1 if something does, 2 if the file or a setting can't be read.
    """
    settings = sound_settings(require=require, strict=strict)
    guard = Guard(settings)
    today = datetime.now(UTC).date()
    base = base_url_or_usual(base_url, guard.settings.policy, guard.catalogue, today)
    result = check_contents(_read(file, guard), base, guard, today)
    url = shown_url(base, guard.catalogue)
    typer.echo(as_json(result, url) if json else as_text(result, url))
    raise typer.Exit(int(result.decision.violation))


def _read(file: Path, guard: Guard) -> Contents:
    """Read the file, with a progress bar if standard error is a terminal."""
    limits = guard.catalogue.entries.batch_files
    if limits is None:
        stop("the catalogue has no batch_files section")
    screen = Console(stderr=True)
    try:
        with (
            open_regular(file) as content,
            wrap_file(
                content,
                total=fstat(content.fileno()).st_size,
                description=escape(printable(file.name)),
                console=screen,
                transient=True,
                disable=not screen.is_terminal,
            ) as opened,
        ):
            bodies, region_of = BodyReader(guard.catalogue.entries), State(guard.settings).region_of
            return read_batch(opened, bodies, limits, region_of)
    except OSError as error:
        stop(f"{file}: can't be read: {error.strerror}")


class LineGroup(NamedTuple):
    """The lines with one endpoint and model."""

    endpoint: str
    """`unknown` for a path that is not in the catalogue, and for lines that can't be read."""
    model: str | None
    lines: int
    verdict: Verdict
    reasons: Mapping[str, int]
    """How many of the lines have each reason."""


class BatchResult(NamedTuple):
    """The verdict on a file."""

    decision: Decision
    """The decision on a batch of the file."""
    lines: int
    groups: tuple[LineGroup, ...]
    """The worst verdict first, then the most lines."""


def check_contents(contents: Contents, base: BaseUrl, guard: Guard, today: date) -> BatchResult:
    """Check the creation of a batch with these contents, and each kind of line by itself."""
    hop = Hop(scheme=base.scheme, host=base.host, port=base.port, path=f"{base.path}/batches", payload=True)
    facts = CallFacts(on=today, method="POST", hops=(hop,), base_path=base.path, batch_lines=contents.lines)
    groups = sorted(
        _groups(contents, facts, guard), key=lambda group: (-SEVERITY[group.verdict], -group.lines)
    )
    return BatchResult(guard.judge(facts).decision, contents.total, tuple(groups))


def _groups(contents: Contents, facts: CallFacts, guard: Guard) -> Iterator[LineGroup]:
    decisions: dict[tuple[str, str | None], list[tuple[Decision, int]]] = {}
    for line, count in contents.kinds:
        decision = guard.judge(facts._replace(batch_lines=(line,))).decision
        decisions.setdefault((_endpoint(line, guard), line.model), []).append((decision, count))
    for (endpoint, model), group in decisions.items():
        reasons = Counter[str]()
        for decision, count in group:
            reasons.update(dict.fromkeys(decision.reasons, count))
        worst = max((decision.verdict for decision, _ in group), key=SEVERITY.__getitem__)
        yield LineGroup(
            endpoint=endpoint,
            model=model,
            lines=sum(count for _, count in group),
            verdict=worst,
            reasons=dict(sorted(reasons.items())),
        )


def _endpoint(line: BatchLine, guard: Guard) -> str:
    found = guard.catalogue.endpoint(path_segments(line.path))
    return found.path if found else UNKNOWN


def as_json(result: BatchResult, base_url: str) -> str:
    """The JSON document."""
    decision = result.decision
    document = {
        "base_url": base_url,
        "catalogue": decision.catalogue,
        "required": decision.required,
        "verdict": decision.verdict,
        "violation": decision.violation,
        "reasons": decision.reasons,
        "lines": result.lines,
        "kinds": result.groups,
    }
    return as_document("check-batch", document)


def as_text(result: BatchResult, base_url: str) -> str:
    """A table, the reasons with their fixes, and a summary."""
    decision = result.decision
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
    for name in ("lines", "endpoint", "model", "verdict", "reasons"):
        table.add_column(name, justify="right" if name == "lines" else "left", overflow="fold")
    for group in result.groups:
        reasons = ", ".join(_counted(reason, count, group.lines) for reason, count in group.reasons.items())
        verdict = Text(group.verdict, style=STYLES[group.verdict])
        table.add_row(str(group.lines), group.endpoint, Text(group.model or ""), verdict, reasons)
    violation = ", a violation" if decision.violation else ""
    required = ", ".join(decision.required) or "nothing"
    details = f"at {base_url}, required: {required}, table {decision.catalogue}"
    total = Text(
        f"{result.lines} lines: {decision.verdict}{violation}; {details}", style=STYLES[decision.verdict]
    )
    explained = tuple(_reasons(result))
    return as_lines(console(), table, *([Group(*explained)] if explained else []), total)


def _counted(reason: str, count: int, lines: int) -> str:
    return reason if count == lines else f"{reason} ({count})"


def _reasons(result: BatchResult) -> Iterator[Text]:
    for code in result.decision.reasons:
        reason = REASONS[code]
        yield Text(f"{code}: {reason.meaning} {reason.fix}")
