"""The subcommand `report`: which recorded calls violated their policy."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from otel_residency.audit import gaps, phrases
from otel_residency.audit.clickhouse import connected
from otel_residency.audit.engines import RecordSource, over_clickhouse, over_files
from otel_residency.audit.outcomes import Outcome
from otel_residency.audit.render import wording
from otel_residency.audit.render.data import as_csv, as_json
from otel_residency.audit.render.html import as_html
from otel_residency.audit.render.markdown import as_markdown
from otel_residency.audit.render.wording import answer
from otel_residency.audit.replay import PolicyFor
from otel_residency.audit.report import AuditReport, make_report
from otel_residency.audit.verify import is_ledger, verify
from otel_residency.catalogue import load_catalogue
from otel_residency.cli.environ import variables
from otel_residency.cli.output import as_document, as_shown, stop
from otel_residency.cli.terminal import as_lines, console, is_unicode
from otel_residency.core.policy import Policy
from otel_residency.errors import AuditError, CatalogueError, PolicyError
from otel_residency.records.files import find_checkpoints, find_ledgers
from otel_residency.runtime.private_file import write_private
from otel_residency.settings.checks import policy_problems
from otel_residency.settings.load import read_policy_file, read_settings

_CLICKHOUSE_PASSWORD: Final = "CLICKHOUSE_PASSWORD"  # noqa: S105 - the name of a variable
_DATES: Final = ["%Y-%m-%d"]


class ReportFormat(StrEnum):
    """Format of a report."""

    TEXT = "text"
    HTML = "html"
    MARKDOWN = "markdown"
    JSON = "json"
    CSV = "csv"


_SUFFIXES: Final = {
    ".html": ReportFormat.HTML,
    ".htm": ReportFormat.HTML,
    ".md": ReportFormat.MARKDOWN,
    ".json": ReportFormat.JSON,
    ".csv": ReportFormat.CSV,
}


def report(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATHS]...", help="Ledgers, OTLP JSON files of a Collector, or folders."),
    ] = None,
    *,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=_DATES, metavar="DAY", help="First day, UTC.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=_DATES, metavar="DAY", help="Last day, UTC.")
    ] = None,
    form: Annotated[
        ReportFormat | None, typer.Option("--format", help="Default: by the suffix of --output, else text.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="File to write the report to.")
    ] = None,
    catalogue: Annotated[
        str,
        typer.Option(
            "--catalogue",
            metavar="CHOICE",
            help="Revision, or catalogue file, to check the calls with again.",
        ),
    ] = "newest",
    what_if: Annotated[
        Path | None,
        typer.Option("--what-if", metavar="POLICY", help="Show what this policy would have blocked."),
    ] = None,
    clickhouse: Annotated[
        str,
        typer.Option(
            "--clickhouse", metavar="URL", help="Read from a ClickHouse that a Collector writes to."
        ),
    ] = "",
    chains: Annotated[
        bool, typer.Option("--verify", help="Verify the hash chains, too; takes twice as long.")
    ] = False,
) -> None:
    """Report which recorded calls violated their policy.

    Files may be compressed with gzip or zstd. The verdict of every record is computed again from its facts.
    Write the URL of --clickhouse like https://USER@HOST:8443/DATABASE; the password is CLICKHOUSE_PASSWORD.
    Exit code: 0 if no call violates its policy, 1 if one does, by its record or computed again, or a chain is
    broken, 2 if there is no report.
    """
    if paths and clickhouse:
        stop("pass either paths or --clickhouse, not both")
    if not paths and not clickhouse:
        stop("pass the files or folders to report on, or --clickhouse")
    write = form or (_SUFFIXES.get(output.suffix.lower(), ReportFormat.TEXT) if output else ReportFormat.TEXT)
    first, last = (each.date() if each else None for each in (since, until))
    if first and last and first > last:
        stop(f"--from {first} is later than --to {last}")
    try:
        chain = _verified(paths or []) if chains else (gaps.UNVERIFIED,)
        result = _report(
            paths or [], clickhouse, catalogue, what_if, {"since": first, "until": last, "chain": chain}
        )
        text = _WRITERS[write](result)
        if output:
            if any(_is_same(output, each.name) for each in result.inputs):
                stop(f"{output}: is an input of this report and would be overwritten; use another --output")
            write_private(output, text, what="report")
            text = as_shown(f"{answer(result)}\nThe report is in {output}.\n")
    except (AuditError, CatalogueError, PolicyError) as error:
        stop(str(error))
    except OSError as error:
        stop(f"{error.filename or output}: {error.strerror}")
    typer.echo(text, nl=not text.endswith("\n"))
    broken = chains and any(gap.kind == "chain" for gap in result.gaps)
    violating = result.violations or result.unrecorded_violations or result.replay.violations
    raise typer.Exit(int(bool(violating or broken)))


def _is_same(output: Path, name: str) -> bool:
    try:
        return output.samefile(name)
    except OSError:  # one of them does not exist
        return False


def _report(
    paths: list[Path], clickhouse: str, choice: str, what_if: Path | None, options: Mapping[str, Any]
) -> AuditReport:
    catalogue = load_catalogue(choice)
    policy_for = None if what_if is None else _policy_for(what_if)
    vendors = frozenset(host for host, each in catalogue.hosts.items() if each.kind == "api")

    def from_source(source: RecordSource) -> AuditReport:
        return make_report(source, catalogue, datetime.now(UTC), what_if=policy_for, **options)

    if clickhouse:
        with connected(clickhouse, variables().get(_CLICKHOUSE_PASSWORD, "")) as (name, query):
            return from_source(over_clickhouse(name, query, vendors))
    with _progress() as progress, over_files(paths, vendors, progress) as source:
        return from_source(source)


def _verified(paths: list[Path]) -> tuple[gaps.Gap, ...]:
    """Problems with the hash chains, and the files without one."""
    files = find_ledgers(paths)
    ledgers = [file for file in files if is_ledger(file)]
    found = verify(ledgers, {}, checkpoints=find_checkpoints(paths))
    problems = [gaps.Gap("chain", f"The hash chain has a problem: {each}") for each in found.problems]
    if found.unknown:
        problems.append(gaps.Gap("chain", f"{found.unknown} more such places."))
    unchained = [file for file in files if file not in ledgers]
    return (
        *problems,
        *(gaps.Gap("input", f"{file}: not a ledger, so not checked for changes.") for file in unchained),
    )


def _policy_for(path: Path) -> PolicyFor:
    """The policy of a file for each service, by its rules."""
    settings = read_policy_file(str(path))
    problems = (*settings.problems, *policy_problems(settings.policy, load_catalogue(), settings.origins))
    if problems:
        stop("; ".join(map(str, problems)))

    def policy_for(service: str, environment: str) -> Policy:
        attributes = {"service.name": service, "deployment.environment.name": environment}
        resource = ",".join(f"{key}={value}" for key, value in attributes.items())
        return read_settings({"OTEL_RESOURCE_ATTRIBUTES": resource}, {"policy": path}).policy

    return policy_for


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A progress bar if standard error is a terminal."""
    screen = Console(stderr=True)
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as shown:
        task = shown.add_task("reading", total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


_STYLES: Final[Mapping[str, str]] = {
    Outcome.KEPT: "green",
    Outcome.CONDITIONAL: "yellow",
    Outcome.STOPPED: "blue",
    Outcome.BROKEN: "bold red",
    Outcome.UNKNOWN: "yellow",
}
_SERVICES: Final = 15
_GAPS: Final = 10


def as_text(report: AuditReport) -> str:
    """The answer, the numbers, findings and gaps; the other formats have more."""
    out = console()
    lines = as_lines(out, *_parts(report))
    return lines if is_unicode(out) else lines.replace("\N{NO-BREAK SPACE}", " ")


def _parts(report: AuditReport) -> Iterator[RenderableType]:
    yield Text(wording.answer(report), style="bold")
    yield Text(wording.limits_in_short(report))
    if not report.calls:
        return
    yield _services(report)
    if report.findings:
        yield Group(*_findings(report))
    if report.exceptions:
        yield Group(*map(Text, _exceptions(report)))
    yield Text(wording.replayed(report.replay))
    if report.replay.differences:
        yield Group(*(Text(wording.difference(each), style="red") for each in report.replay.differences))
    if report.replay.what_if is not None:
        stopped = sum(each.calls for each in report.replay.what_if)
        yield Text(f"The other policy would have blocked {wording.calls(stopped)} more.")
    if report.gaps:
        more = len(report.gaps) - _GAPS
        lines = [f"gap: {gap.text}" for gap in report.gaps[:_GAPS]]
        yield Group(*map(Text, lines), *([Text(f"and {more} more gaps")] if more > 0 else []))


def _services(report: AuditReport) -> Table:
    shown = [each for each in Outcome if each in report.outcomes]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
    table.add_column("service", overflow="fold")
    for name in ("calls", *(wording.LABELS[each] for each in shown)):
        table.add_column(name, justify="right", overflow="fold")
    for share in report.by["service"][:_SERVICES]:
        counts = (
            Text(phrases.number(count), style=_STYLES.get(each, "") if count else "dim")
            for each in shown
            for count in (share.outcomes.get(each, 0),)
        )
        table.add_row(Text(share.name or "not named"), phrases.number(share.calls), *counts)
    more = len(report.by["service"]) - _SERVICES
    if more > 0:
        table.add_row(f"and {more} more")
    return table


def _exceptions(report: AuditReport) -> Iterator[str]:
    for each in report.exceptions:
        yield f"exception of {each.owner}: {wording.calls(each.calls)}: {each.reason or 'no reason recorded'}"


def _findings(report: AuditReport) -> Iterator[Text]:
    for finding in report.findings:
        head = wording.LABELS[finding.outcome], wording.calls(finding.calls), finding.reason or "no reason"
        title = "{}: {}, {}: ".format(*head)
        yield Text.assemble((title, _STYLES.get(finding.outcome, "")), f"{finding.meaning} {finding.fix}")


def _as_document(report: AuditReport) -> str:
    return as_document("report", json.loads(as_json(report)))


_WRITERS: Final[Mapping[ReportFormat, Callable[[AuditReport], str]]] = {
    ReportFormat.TEXT: as_text,
    ReportFormat.HTML: as_html,
    ReportFormat.MARKDOWN: as_markdown,
    ReportFormat.JSON: _as_document,
    ReportFormat.CSV: as_csv,
}
