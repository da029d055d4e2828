"""Text for standard output: coloured if that is a terminal, and not wider than is read with ease."""

from collections.abc import Iterator, Mapping

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from otel_residency.cli.plain import printable
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


class _Console(Console):
    """Whatever names of others hold, the terminal is told nothing but what is ours."""

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
    """Lines of text as they can be shown in a terminal."""
    return printable(text, "\n\N{NO-BREAK SPACE}")


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
