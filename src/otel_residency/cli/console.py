"""Text for standard output: coloured if that is a terminal, and not wider than is read with ease."""

from rich.console import Console, RenderableType

WIDTH = 100


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
