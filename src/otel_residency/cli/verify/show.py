"""What was found as people read it, and as programs do."""

import json

from rich.text import Text

from otel_residency.audit.verify import Verification
from otel_residency.cli.console import console
from otel_residency.version import __version__


def as_json(verified: Verification) -> str:
    """One document."""
    document = {
        "otel_residency": __version__,
        "sound": not verified.problems,
        **verified._asdict(),
        "problems": [problem._asdict() for problem in verified.problems],
        "notes": [note._asdict() for note in verified.notes],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_text(verified: Verification, *, signed: bool) -> str:
    """A line for each thing found, and one that sums it up."""
    counted = f"{verified.lines} lines of {verified.writers} writers in {verified.files} files"
    signatures = f", {verified.signed} signed checkpoints" if signed else ", signatures were not asked for"
    if verified.problems:
        count = len(verified.problems) + verified.unknown
        total = Text(f"NOT as it was written: {counted}, {count} problems", style="bold red")
    else:
        total = Text(f"as it was written: {counted}{signatures}", style="green")
    if verified.dropped:
        total.append(f"; {verified.dropped} calls are not in it, by its writers' own word")
    problems = [Text(str(problem), style="red") for problem in verified.problems]
    notes = [Text(f"note: {note}", style="yellow") for note in verified.notes]
    out = console()
    with out.capture() as captured:
        for line in (*problems, *notes, total):
            out.print(line, soft_wrap=True)  # a place is found by file and line, which stand together
    return captured.get().rstrip("\n")
