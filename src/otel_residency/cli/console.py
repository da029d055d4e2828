"""Standard output as rich writes to it."""

from rich.console import Console

WIDTH = 100
"""Columns of a page or pipe, and the most that is read with ease in a terminal."""


def page() -> Console:
    """Standard output, `WIDTH` columns wide, or less in a narrower terminal."""
    made = Console(highlight=False)
    return Console(highlight=False, width=min(made.width, WIDTH) if made.is_terminal else WIDTH)
