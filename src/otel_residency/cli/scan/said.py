"""What files say, before anybody judges it."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Place(NamedTuple):
    """Line and column, counted from 1."""

    line: int
    column: int = 1


class Said(NamedTuple):
    """A text under a name: a variable, a key, an argument."""

    place: Place
    key: str
    """`""` for a text that has no name."""
    value: str
    sure: bool = False
    """Whether it is certainly said to a client of the vendor's API."""
    sets: bool = True
    """Whether it sets a variable of the environment, if it has the name of one."""


class Client(NamedTuple):
    """A client of the vendor's API that is made without saying where it calls."""

    place: Place
    settings: tuple[str, ...]
    """What tells it elsewhere, each by its name."""


class Open(NamedTuple):
    """Something that decides where a call goes or what it is, and that a file alone does not tell."""

    place: Place
    what: str


class Call(NamedTuple):
    """A call of the vendor's API, as far as it stands there literally."""

    place: Place
    path: str
    body: Mapping[str, Any]
    places: Mapping[str, Place]
    """Where the values of the body stand."""
    unknown: tuple[str, ...] = ()
    """Arguments that decide, and have no literal value."""


Found = Said | Client | Call | Open


class UnreadableError(Exception):
    """A file that can't be read as what its name says; the message quotes nothing of it."""
