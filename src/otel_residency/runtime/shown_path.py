"""How messages show a path that somebody configured."""

import os
from pathlib import Path

from otel_residency.core.shown import HIDDEN, is_file_name


def shown_path(path: str | Path) -> str:
    """A path, if it leads somewhere or its suffix shows that it is one; else the part that leads somewhere.

    A key in the place of a path is none of these.
    """
    text = os.fspath(path)
    if not text or os.path.lexists(text) or is_file_name(text):
        return text
    parent = next(
        (each for each in map(str, Path(text).parents) if each != "." and os.path.lexists(each)), ""
    )
    return os.path.join(parent, HIDDEN)  # noqa: PTH118 - an empty parent stays empty
