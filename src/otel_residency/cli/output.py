"""Prints text and tables, JSON documents, and error messages."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from otel_residency.cli import USAGE
from otel_residency.core.decode import to_plain
from otel_residency.core.entries import Source
from otel_residency.core.verdict import Verdict
from otel_residency.version import __version__

WIDTH = 100
STYLES: Mapping[Verdict, str] = {
    Verdict.ELIGIBLE: "green",
    Verdict.CONDITIONAL: "yellow",
    Verdict.INDETERMINATE: "yellow",
    Verdict.INELIGIBLE: "bold red",
    Verdict.NOT_APPLICABLE: "dim",
}


class _Console(Console):
    """Replaces control characters in all text, which may come from files and telemetry of others."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            text = segment.text if segment.control else as_shown(segment.text)
            yield Segment(text, segment.style, segment.control)


def console() -> Console:
    """Standard output."""
    made = _Console(markup=False, highlight=False)
    return _Console(
        markup=False, highlight=False, width=min(made.width, WIDTH) if made.is_terminal else WIDTH
    )


def as_shown(text: str) -> str:
    """Lines of text without control characters."""
    return printable(text, "\n\N{NO-BREAK SPACE}")


def is_unicode(out: Console) -> bool:
    """Whether it can show more than ASCII."""
    return out.encoding.lower().startswith("utf")


def as_lines(out: Console, *parts: RenderableType) -> str:
    """The parts, with an empty line between them."""
    with out.capture() as captured:
        for number, part in enumerate(parts):
            if number:
                out.print()
            out.print(part)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def columns(*titles: str) -> Table:
    """A table without lines; without titles it has two columns and no header."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", show_header=bool(titles))
    for title in titles or ("", ""):
        table.add_column(title, overflow="fold")
    return table


def source_lines(source: Source) -> Text:
    """A citation with its address underlined."""
    text = Text(source.cited)
    if source.url:
        text.highlight_words([source.url], "underline")
    return text


def printable(text: str, keep: str = "") -> str:
    """`text` with `?` for each character that is not printable and not in `keep`."""
    return "".join(letter if letter.isprintable() or letter in keep else "?" for letter in text)


def as_document(command: str, content: Any) -> str:
    """The JSON document that `--json` prints: version, command, and the keys of `content`.

    Each command's keys are in docs/cli.schema.json.
    """
    return as_json({"otel_residency": __version__, "command": command, **to_plain(content, defaults=True)})


def as_json(value: Any) -> str:
    """`value` as indented JSON."""
    return json.dumps(to_plain(value, defaults=True), indent=2, ensure_ascii=False)


def print_error(line: str) -> None:
    """Print `line` on standard error."""
    sys.stderr.write(f"otel-residency: {printable(line)}\n")


def stop(line: str, code: int = USAGE) -> NoReturn:
    """Print why on standard error, and end with this exit code."""
    print_error(line)
    sys.exit(code)
