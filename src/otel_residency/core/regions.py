"""Groups of regions that requirements name: how one is read, and what several of them leave."""

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

Group = tuple[str, ...]
"""Codes of regions of which one is enough; an empty group allows none."""

UNREADABLE: Group = ("unreadable",)
"""In the place of a requirement that can't be read; no region has this code."""
NONE = "none"
"""The requirement that allows no region: how one is written down that contradicts itself."""

_CODE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}")
_LIMIT = 256
"""Characters of a text, or items of a list, that may be a requirement; longer is none."""


def read_group(value: object) -> Group:
    """The group that `value` names: a text with codes separated by commas, or a list or set of such texts.

    Returns:
        The codes in lower case, sorted, each once; `UNREADABLE` for whatever else it is.
    """
    if isinstance(value, list | tuple | AbstractSet):
        if len(value) > _LIMIT or not all(isinstance(text, str) for text in value):
            return UNREADABLE
        value = ",".join(value)
    if not isinstance(value, str) or len(value) > _LIMIT or not value.isascii():
        return UNREADABLE
    codes = {code.strip(" \t") for code in value.lower().split(",")} - {""}
    if codes == {NONE}:
        return ()
    return tuple(sorted(codes)) if codes and all(map(_CODE.fullmatch, codes)) else UNREADABLE


def common(groups: Iterable[Group]) -> Group:
    """The codes that stand in every one of `groups`, in the order of the first."""
    first, *others = groups
    return tuple(code for code in first if all(code in other for other in others))
