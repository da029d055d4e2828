"""The result of `verify`, for people and for programs."""

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
    """A line for each problem and note, and a summary."""
    counts = (verified.records, "record"), (verified.writers, "process"), (verified.files, "file")
    read = ", ".join(_count(*each) for each in counts)
    if verified.problems:
        problems = _count(len(verified.problems) + verified.unknown, "problem")
        total = Text(f"NOT OK: {read}. {problems}.", style="bold red")
    else:
        signatures = "Signatures not checked (pass --key)."
        if signed:
            signatures = f"{_count(verified.signed, 'signed checkpoint')}."
        total = Text(f"OK: {read}. Hash chain intact. {signatures}", style="green")
    if verified.dropped:
        total.append(f" {_count(verified.dropped, 'call')} could not be recorded, as the ledger reports.")
    lines = [Text(str(problem), style="red") for problem in verified.problems]
    lines += [Text(f"note: {note}", style="yellow") for note in verified.notes]
    out = console()
    with out.capture() as captured:
        for line in (*lines, total):
            out.print(line, soft_wrap=True)  # file and line stay on one line, to be clicked
    return captured.get().rstrip("\n")


def _count(value: int, unit: str) -> str:
    plural = f"{unit}es" if unit.endswith("s") else f"{unit}s"
    return f"{value} {unit if value == 1 else plural}"
