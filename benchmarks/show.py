"""The results on a screen, as JSON, and as a page of the repository."""

import importlib.metadata
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.calls import Chunks, Results, Row
from benchmarks.gate import Gated
from benchmarks.report import Took
from benchmarks.startup import Pair, Startup

AIM_RATIO, AIM_CHUNK, AIM_SPAN, AIM_START = 1.5, 0.5, 1.5, 15
AIMS = (
    f"Aims, not limits: a call at most {AIM_RATIO} times what the floor adds, a chunk at most {AIM_CHUNK} µs "
    f"more, an unrelated span at most {AIM_SPAN} µs more behind the export gate, "
    f"the start of a process without openai at most {AIM_START} ms."
)
_PACKAGES = (
    "otel-residency",
    "openai",
    "httpx2",
    "opentelemetry-sdk",
    "opentelemetry-instrumentation",
    "wrapt",
)
_CALLS = ("call", "plain", "control", "floor", "ours", "ratio", "processor: floor", "ours", "ratio")
_CHUNKS = ("stream", "plain", "control", "floor", "ours", "ours - floor")
_GATE = ("span", "on_export", "without", "added", "ratio")
_RECORDED = ("counted by", "calls", "GB", "seconds", "processor seconds", "MB of memory", "load")
_STARTUP = ("start of a process", "without", "added", "ratio")
Cells = Sequence[str]


class Report(NamedTuple):
    """One run of the benchmark."""

    date: str
    machine: str
    versions: Mapping[str, str]
    calls: Results | None
    gate: Sequence[Gated] | None
    startup: Startup | None
    recorded: Sequence[Took] | None


def report(
    calls: Results | None,
    gate: Sequence[Gated] | None = None,
    startup: Startup | None = None,
    recorded: Sequence[Took] | None = None,
) -> Report:
    """What was measured, with what it was measured on."""
    load = f", load {os.getloadavg()[1]:.1f}" if hasattr(os, "getloadavg") else ""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}{load}"
    return Report(f"{datetime.now(UTC):%Y-%m-%d}", machine, versions(), calls, gate, startup, recorded)


def versions() -> dict[str, str]:
    """The interpreter and the packages that a result depends on."""
    installed = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **installed}


def plain_data(value: Any) -> Any:
    """Named tuples as objects, for JSON."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {key: plain_data(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain_data(each) for each in value]
    return value


def on_screen(results: Report, console: Console) -> None:
    """One table per question."""
    for title, header, rows in _tables(results):
        table = Table(title=title, title_justify="left")
        for number, name in enumerate(header):
            table.add_column(name, justify="right" if number else "left", no_wrap=not number)
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for line in (*_checks(results), AIMS):
        console.print(line, highlight=False)


def as_page(results: Report, before: str = "") -> str:
    """RESULTS.md: the tables of the page `before`, and in their place those that were measured now."""
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    _, *sections = before.split("\n## ")
    told = {title: text.strip() for title, _, text in (each.partition("\n") for each in sections)}
    told.pop(_READING, None)
    checks = _checks(results)
    for title, header, rows in _tables(results):
        lines = [
            " | ".join(header),
            " | ".join(["---"] + ["--:"] * (len(header) - 1)),
            *map(" | ".join, rows),
        ]
        measured = f"Measured on {results.date}: {results.machine}; {versions}."
        told[title] = "\n\n".join(("\n".join(f"| {line} |" for line in lines), measured, *checks))
    parts = [f"## {title}\n\n{text}" for title, text in told.items()]
    return "\n\n".join((f"# What it costs\n\n{AIMS}", *parts, f"## {_READING}\n\n{_HOW_TO_READ}")) + "\n"


_READING = "How to read it"
_HOW_TO_READ = """\
* Every number is a difference to the plain client, taken within one round of one run: the machine may be slow
  or busy, it is so for all. Compare ratios, not microseconds, and never with another run.
* **plain** is the time of a call without instrumentation, against a far end inside the process. A real call
  waits for a network and a model, a thousand times as long.
* **control** adds nothing: it is a second plain process. What it seems to add is what can't be seen here.
* **floor** is one SDK span with twelve attributes around the call, exported in batches to an exporter that
  drops them: the least that tells anything about a call.
* **ours** is `ResidencyInstrumentor` in flag mode with `require = "eu"`, two attestations, the same span
  processor, a metric reader and a logger provider: body read, call judged before and after, every hop seen,
  one span, one metric.
* **ratio** is ours over floor. In brackets stand the least and the most that a set of fresh processes said.
* **processor** is processor time of all threads of the process: garbage collection and export cost there too.
* A chunk is the median time from one chunk of a stream to the next. The floor does nothing there: what it
  seems to add is the larger process.
* The export gate is switched on and off in turn within one process; **without** is the time to start a span,
  end it and hand it to a processor that does nothing.
* The start of a process is measured between two environments that differ in otel-residency alone.
* Recorded calls are counted one way after the other, in the same ledgers; **load** is that of the machine at
  its end, and processor time does not depend on it as much as seconds do. The report also judges every call
  again; jq and pandas count by verdict and region alone."""


def _tables(results: Report) -> Iterator[tuple[str, Cells, list[Cells]]]:
    if results.calls:
        yield "Added per call, µs", _CALLS, [_call(row) for row in results.calls.rows]
        if results.calls.chunks:
            yield "Added per chunk of a stream, µs", _CHUNKS, [_chunk(each) for each in results.calls.chunks]
    if results.gate:
        yield "Added to a span by the export gate, µs", _GATE, [_gated(each) for each in results.gate]
    if results.startup:
        yield "Added to the start of a process", _STARTUP, [_pair(each) for each in results.startup.rows]
    if results.recorded:
        batch = results.recorded[0].batch
        lines = "each in a line, as in a ledger" if batch == 1 else f"{batch} in a line, as Collectors write"
        yield f"Counting recorded calls, {lines}", _RECORDED, [_took(each) for each in results.recorded]


def _took(took: Took) -> Cells:
    return (
        took.way,
        f"{took.calls:,}",
        f"{took.gigabytes:.1f}",
        f"{took.seconds:.1f}",
        f"{took.processor:.1f}",
        f"{took.megabytes:.0f}",
        f"{took.load:.1f}",
    )


def _call(row: Row) -> Cells:
    floor, ours = row.added["floor"], row.added["ours"]
    return (
        row.title,
        f"{row.plain:.0f}",
        f"{row.added['control'].wall:+.0f}",
        *(f"{each.wall:+.0f} [{each.low:.0f}, {each.high:.0f}]" for each in (floor, ours)),
        _ratio(row.ratio),
        f"{floor.processor:+.0f}",
        f"{ours.processor:+.0f}",
        _ratio(row.processor_ratio),
    )


def _ratio(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"


def _chunk(chunks: Chunks) -> Cells:
    added = [*chunks.added.values(), chunks.added["ours"] - chunks.added["floor"]]
    return (chunks.title, f"{chunks.plain:.1f}", *(f"{each:+.2f}" for each in added))


def _gated(gated: Gated) -> Cells:
    return (gated.name, gated.mode, f"{gated.without:.2f}", f"{gated.added:+.2f}", f"{gated.ratio:.2f}")


def _pair(pair: Pair) -> Cells:
    return (
        pair.title,
        f"{pair.without:.1f} {pair.unit}",
        f"{pair.added:+.1f} {pair.unit}",
        f"{pair.ratio:.2f}",
    )


def _checks(results: Report) -> Iterator[str]:
    if results.calls:
        yield f"{results.calls.eligible:,} calls were judged eligible by ours while it was timed."
    if results.startup:
        early = results.startup.openai_early
        yield f"openai is {'ALREADY' if early else 'not'} imported when the application starts."
        if not results.startup.active:
            yield "NOT MEASURED: ours was not at work where it is installed."
