"""Groups of region codes, as requirements name them: reading one, and the codes that several share."""

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

Group = tuple[str, ...]
"""Region codes of which any one is enough; an empty group allows none."""

UNKNOWN = "unknown"
"""Stands for a region, provider or endpoint that is not known."""
UNREADABLE: Group = ("unreadable",)
"""Stands for a requirement that can't be read; no region has this code."""
NONE = "none"
"""How a requirement is written that allows no region, because several contradict each other."""

_CODE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}")
_LIMIT = 256
"""Longest text and longest list that are read as a requirement."""


def read_group(value: object) -> Group:
    """Read a group from a text with codes separated by commas, or from a list or set of such texts.

    Returns:
        The codes in lower case, sorted, each once; `UNREADABLE` for any other value.
    """
    if isinstance(value, list | tuple | AbstractSet):
        if len(value) > _LIMIT or not all(isinstance(text, str) for text in value):
            return UNREADABLE
        value = ",".join(value)
    # ASCII before `lower`, which makes a plain k of a Kelvin sign (tests/core/test_regions.py,
    # test_what_is_no_requirement_is_unreadable).
    if not isinstance(value, str) or len(value) > _LIMIT or not value.isascii():
        return UNREADABLE
    codes = {code.strip(" \t") for code in value.lower().split(",")} - {""}
    if codes == {NONE}:
        return ()
    return tuple(sorted(codes)) if codes and all(map(_CODE.fullmatch, codes)) else UNREADABLE


def common(groups: Iterable[Group]) -> Group:
    """The codes that all `groups` contain, in the order of the first."""
    first, *rest = groups
    return tuple(code for code in first if all(code in group for group in rest))
