"""Text and tables for a terminal."""

from collections.abc import Iterator, Mapping

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from otel_residency.cli.output import as_shown
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
