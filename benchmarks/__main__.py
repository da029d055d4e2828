"""`python -m benchmarks`: measure everything; `python -m benchmarks profile chat`: where our time goes."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import calls, gate, report, show, stages, startup
from benchmarks.calls import ROOT, Size
from benchmarks.cases import CASES

RESULTS = Path(__file__).with_name("RESULTS.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and show. Whatever the numbers are, it is no failure."""
    options = _parser().parse_args(arguments)
    console = Console()
    console = console if console.is_terminal else Console(width=max(130, console.width))
    if options.command == "profile":
        stages.show(options.case, stages.profile(options.case, options.calls), console)
        return 0

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    measured = None
    if options.only in (None, "calls"):
        names = tuple(options.case) if options.case else calls.NAMES
        measured = calls.measure(Size(options.sets, options.rounds), names, tell)
    gated = gate.measure(options.rounds, tell) if options.only in (None, "gate") else None
    started = startup.measure(options.pairs, tell) if options.only in (None, "startup") else None
    recorded = None
    if options.only == "report":
        ledgers = options.output.parent / "ledgers"
        recorded = report.measure(options.recorded, ledgers, options.way, tell, options.batch)
    results = show.report(measured, gated, started, recorded)
    show.on_screen(results, console)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(show.plain_data(results), indent=1) + "\n", encoding="utf-8")
    if options.record:
        page = show.as_page(results, RESULTS.read_text(encoding="utf-8"))
        RESULTS.write_text(page, encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--sets", type=int, default=5, help="sets of fresh processes (%(default)s)")
    parser.add_argument("--rounds", type=int, default=20, help="rounds per set (%(default)s)")
    parser.add_argument("--pairs", type=int, default=15, help="starts in either environment (%(default)s)")
    parser.add_argument("--only", choices=("calls", "gate", "startup", "report"), help="measure one part")
    parser.add_argument("--recorded", type=int, default=1_000_000, help="calls to report on (%(default)s)")
    parser.add_argument("--batch", type=int, default=1, help="recorded calls in a line (%(default)s)")
    parser.add_argument("--way", action="append", choices=report.WAYS, help="count them in these ways only")
    parser.add_argument("--case", action="append", choices=calls.NAMES, help="measure these calls only")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "benchmarks.json", metavar="PATH")
    parser.add_argument("--record", action="store_true", help=f"put what was measured into {RESULTS.name}")
    commands = parser.add_subparsers(dest="command")
    profile = commands.add_parser("profile", help="show where our time goes within a call")
    profile.add_argument("case", choices=CASES)
    profile.add_argument("--calls", type=int, default=500)
    return parser


if __name__ == "__main__":
    sys.exit(main())
