"""The subcommand `report`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from otel_residency.audit import gaps
from otel_residency.audit.clickhouse import connected
from otel_residency.audit.engines import RecordSource, over_clickhouse, over_files
from otel_residency.audit.render.data import as_csv, as_json
from otel_residency.audit.render.html import as_html
from otel_residency.audit.render.markdown import as_markdown
from otel_residency.audit.render.wording import answer
from otel_residency.audit.replay import PolicyFor
from otel_residency.audit.report import AuditReport, make_report
from otel_residency.audit.verify import is_ledger, verify
from otel_residency.catalogue import load_catalogue
from otel_residency.cli.console import as_shown
from otel_residency.cli.environ import variables
from otel_residency.cli.report.show import as_text
from otel_residency.cli.stop import stop
from otel_residency.core.policy import Policy
from otel_residency.errors import AuditError, CatalogueError
from otel_residency.records.files import find_checkpoints, find_ledgers
from otel_residency.settings.load import policy_problems, read_settings

_CLICKHOUSE_PASSWORD: Final = "CLICKHOUSE_PASSWORD"  # noqa: S105 - the name of a variable
_DATES: Final = ["%Y-%m-%d"]


class Format(StrEnum):
    """What a report is written as."""

    TEXT = "text"
    HTML = "html"
    MARKDOWN = "markdown"
    JSON = "json"
    CSV = "csv"


_WRITERS: Final[Mapping[Format, Callable[[AuditReport], str]]] = {
    Format.TEXT: as_text,
    Format.HTML: as_html,
    Format.MARKDOWN: as_markdown,
    Format.JSON: as_json,
    Format.CSV: as_csv,
}
_SUFFIXES: Final = {
    ".html": Format.HTML,
    ".htm": Format.HTML,
    ".md": Format.MARKDOWN,
    ".json": Format.JSON,
    ".csv": Format.CSV,
}


def report(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATHS]...", help="Ledgers, OTLP JSON files of a Collector, folders."),
    ] = None,
    *,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=_DATES, metavar="DAY", help="First day, UTC.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=_DATES, metavar="DAY", help="Last day, UTC.")
    ] = None,
    form: Annotated[
        Format | None, typer.Option("--format", help="Without it, by the name of --output, or text.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the report there.")
    ] = None,
    catalogue: Annotated[
        str,
        typer.Option(
            "--catalogue", metavar="CHOICE", help="Judge again by this revision, or by a file of tables."
        ),
    ] = "newest",
    what_if: Annotated[
        Path | None,
        typer.Option("--what-if", metavar="POLICY", help="Show what this policy would have blocked."),
    ] = None,
    clickhouse: Annotated[
        str,
        typer.Option("--clickhouse", metavar="URL", help="Query a ClickHouse that a Collector writes to."),
    ] = "",
    chains: Annotated[
        bool, typer.Option("--verify", help="Check the chains of the ledgers, too; takes twice as long.")
    ] = False,
) -> None:
    """Report which recorded calls met their residency requirement.

    Files may be plain or compressed by gzip or zstd. Every record is judged again from its own facts.
    A URL of --clickhouse is like https://USER@HOST:8443/DATABASE; the password is CLICKHOUSE_PASSWORD.
    Exit code: 0 if no call violates its policy, 1 if one does, by its record or judged again, or a
    chain is broken, 2 if there is no report.
    """
    if paths and clickhouse:
        stop("pass either paths or --clickhouse, not both")
    if not paths and not clickhouse:
        stop("pass the files or folders to report on, or --clickhouse")
    write = form or (_SUFFIXES.get(output.suffix.lower(), Format.TEXT) if output else Format.TEXT)
    first, last = (each.date() if each else None for each in (since, until))
    if first and last and first > last:
        stop(f"--from {first} is later than --to {last}")
    try:
        chain = _verified(paths or []) if chains else (gaps.UNVERIFIED,)
        made = _report(
            paths or [], clickhouse, catalogue, what_if, {"since": first, "until": last, "chain": chain}
        )
        text = _WRITERS[write](made)
        if output:
            if any(_is_same(output, each.name) for each in made.inputs):
                stop(f"{output}: was read for this report and would be overwritten; pass another --output")
            output.write_text(text, encoding="utf-8")
            text = as_shown(f"{answer(made)}\nThe report is in {output}.\n")
    except (AuditError, CatalogueError) as error:
        stop(str(error))
    except OSError as error:
        stop(f"{error.filename or output}: {error.strerror}")
    typer.echo(text, nl=not text.endswith("\n"))
    broken = chains and any(gap.kind == "chain" for gap in made.gaps)
    violating = made.violations or made.unrecorded_violations or made.replay.violations
    raise typer.Exit(int(bool(violating or broken)))


def _is_same(output: Path, name: str) -> bool:
    try:
        return output.samefile(name)
    except OSError:  # one of them is not there
        return False


def _report(
    paths: list[Path], clickhouse: str, choice: str, what_if: Path | None, asked: Mapping[str, Any]
) -> AuditReport:
    catalogue = load_catalogue(choice)
    policy_for = None if what_if is None else _policy_for(what_if)
    vendors = frozenset(host for host, each in catalogue.hosts.items() if each.kind == "api")

    def ask(source: RecordSource) -> AuditReport:
        return make_report(source, catalogue, datetime.now(UTC), what_if=policy_for, **asked)

    if clickhouse:
        with connected(clickhouse, variables().get(_CLICKHOUSE_PASSWORD, "")) as (name, query):
            return ask(over_clickhouse(name, query, vendors))
    with _progress() as progress, over_files(paths, vendors, progress) as source:
        return ask(source)


def _verified(paths: list[Path]) -> tuple[gaps.Gap, ...]:
    """What is wrong with the chains of the ledgers, and which files have none."""
    files = find_ledgers(paths)
    ledgers = [file for file in files if is_ledger(file)]
    found = verify(ledgers, {}, checkpoints=find_checkpoints(paths))
    problems = [gaps.Gap("chain", f"The ledger was altered: {each}") for each in found.problems]
    if found.unknown:
        problems.append(gaps.Gap("chain", f"{found.unknown} more such places."))
    others = [file for file in files if file not in ledgers]
    unchecked = [gaps.Gap("input", f"{each}: not a ledger, so not checked for changes.") for each in others]
    return (*problems, *unchecked)


def _policy_for(path: Path) -> PolicyFor:
    """The policy of a file for each service, by the rules in it."""
    problems = policy_problems(_read_policy(path, {}), load_catalogue())
    if problems:
        stop(f"policy {path}: {'; '.join(problems)}")

    def policy_for(service: str, environment: str) -> Policy:
        attributes = {"service.name": service, "deployment.environment.name": environment}
        return _read_policy(path, attributes)

    return policy_for


def _read_policy(path: Path, attributes: Mapping[str, str]) -> Policy:
    environ = {
        "OTEL_SERVICE_NAME": attributes.get("service.name", ""),
        "OTEL_RESOURCE_ATTRIBUTES": ",".join(f"{key}={value}" for key, value in attributes.items()),
    }
    policy = read_settings(environ, {"policy": path}).policy
    if policy.unreadable:
        stop(policy.unreadable)
    return policy


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Show how far it is where somebody is looking."""
    screen = Console(stderr=True)
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as shown:
        task = shown.add_task("reading", total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
