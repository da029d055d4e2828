"""Text for standard output: coloured if that is a terminal, and not wider than is read with ease."""

from collections.abc import Mapping

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from otel_residency.core.entries import Source
from otel_residency.core.verdict import Verdict

WIDTH = 100
STYLES: Mapping[Verdict, str] = {
    Verdict.ELIGIBLE: "green",
    Verdict.CONDITIONAL: "yellow",
    Verdict.INDETERMINATE: "yellow",
    Verdict.INELIGIBLE: "bold red",
    Verdict.NOT_APPLICABLE: "dim",
}


def console() -> Console:
    """Standard output."""
    made = Console(highlight=False)
    return Console(highlight=False, width=min(made.width, WIDTH) if made.is_terminal else WIDTH)


def is_unicode(out: Console) -> bool:
    """Whether it shows more than ASCII."""
    return out.encoding.lower().startswith("utf")


def as_lines(out: Console, *parts: RenderableType) -> str:
    """The parts below one another, with an empty line between them."""
    with out.capture() as captured:
        for number, part in enumerate(parts):
            if number:
                out.print()
            out.print(part)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def columns(*titles: str) -> Table:
    """A table without lines; without titles, of names and what they stand for."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", show_header=bool(titles))
    for title in titles or ("", ""):
        table.add_column(title, overflow="fold")
    return table


def source_lines(source: Source) -> Text:
    """A source as it is cited, its address underlined."""
    told = Text(source.cited)
    if source.url:
        told.highlight_words([source.url], "underline")
    return told
