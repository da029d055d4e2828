"""The demo on a screen: one table per mode, and one for the far ends' side of the story."""

import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from examples.demo.cases import CASES, Case
from examples.demo.otlp import Span
from examples.demo.proof import Run

VERDICTS = {
    "eligible": "green",
    "conditional": "yellow",
    "indeterminate": "yellow",
    "ineligible": "red",
    "not_applicable": "dim",
}
ACTIONS = {"flagged": "yellow", "blocked": "bold cyan"}
TITLES = {
    "flag": "OTEL_RESIDENCY_ON_CALL=flag: every call goes out, and is judged",
    "block": "OTEL_RESIDENCY_ON_CALL=block: a violating call is stopped before it leaves",
}
WIDTH = 100


def page(flag: Run, block: Run) -> RenderableType:
    """Both runs and the proof, top to bottom."""
    return Group("", calls_table(flag), "", calls_table(block), "", proof_table(flag, block))


def calls_table(run: Run) -> Table:
    """One row per call, from the exported spans alone."""
    table = _table(TITLES[run.mode])
    table.add_column("call\nendpoint", no_wrap=True)
    table.add_column("reached\nsnapshot", no_wrap=True)
    table.add_column("region", no_wrap=True)
    table.add_column("verdict\naction", no_wrap=True)
    table.add_column("reasons", overflow="fold")
    for case, span in zip(CASES, run.spans, strict=False):
        table.add_row(*_row(case, span))
    return table


def _row(case: Case, span: Span) -> Iterator[Text]:
    hosts = span.texts("residency.hop.hosts")
    regions = span.texts("residency.hop.regions")
    verdict = span.text("residency.verdict")
    action = span.text("residency.action")
    yield _lines((case.name, "bold"), (span.text("residency.endpoint"), "dim"))
    yield _lines(
        *([(host, "") for host in hosts] or [("nothing sent", "green")]),
        (span.text("residency.model.snapshot"), "dim"),
    )
    yield _lines(*((region, "") for region in regions or [span.text("residency.region")]))
    yield _lines((verdict, VERDICTS.get(verdict, "")), (action, ACTIONS.get(action, "")))
    # Notes on the table are the same for every call of the day.
    reasons = (each for each in span.texts("residency.reasons") if not each.startswith("catalogue."))
    yield _lines(*((reason, "") for reason in reasons))


def proof_table(flag: Run, block: Run) -> Table:
    """What arrived, by the endpoints' own account."""
    table = _table("What the far ends received of each violating call, in their own records")
    table.add_column("call", no_wrap=True)
    table.add_column("far end", no_wrap=True)
    table.add_column("prompt bytes, flag", justify="right")
    table.add_column("prompt bytes, block", justify="right")
    for case in (case for case in CASES if case.violates):
        for host in case.flagged:
            sent, blocked = flag.prompt_bytes(case, host), block.prompt_bytes(case, host)
            allowed = "in the region, " if host in case.blocked else ""
            stray = blocked and not allowed
            table.add_row(
                Text(case.name, "bold"),
                host,
                str(sent),
                Text(f"{allowed}{blocked}", "red" if stray else "" if allowed else "green"),
            )
    table.add_section()
    table.add_row(
        Text("connections opened", "bold"),
        "outside the region",
        str(flag.abroad()),
        Text(str(block.abroad()), "red" if block.abroad() else "green"),
    )
    return table


def conclusion(runs: Iterable[Run], problems: Sequence[str]) -> Text:
    """Where the spans are, and whether everything was as it must be."""
    text = Text()
    for run in runs:
        path = os.path.relpath(run.directory / "spans.jsonl")
        requests = sum(len(run.below(span)) for span in run.spans)
        text.append(f"\n{path}", "bold")
        text.append(f"  {len(run.spans)} calls, {requests} HTTP requests below them")
    for problem in problems:
        text.append("\nFAILED ", "bold red").append(problem)
    if not problems:
        blocked = sum(case.violates for case in CASES)
        allowed = len(CASES) - blocked
        text.append("\nProved: ", "bold green")
        text.append(f"{blocked} violating calls were blocked, and no byte of their prompts reached ")
        text.append(f"a host that must not have it; the other {allowed} calls went through.")
    return text.append("\n")


def save_picture(path: Path, picture: RenderableType) -> None:
    """The tables as SVG, the same bytes for the same runs; no font is fetched by whoever looks."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(picture)
    drawing = console.export_svg(title="make demo")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawing, flags=re.DOTALL), encoding="utf-8")


def _table(title: str) -> Table:
    return Table(
        title=f"{title}\n",
        title_style="bold",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )


def _lines(*lines: tuple[str, str]) -> Text:
    return Text("\n").join(Text(line, style) for line, style in lines if line)
