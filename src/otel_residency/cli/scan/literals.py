"""What the readers find in files: literal values, clients, calls, and what is not literal."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Position(NamedTuple):
    """Line and column, counted from 1."""

    line: int
    column: int = 1


class Literal(NamedTuple):
    """A literal text, and the name of the variable, key or argument that it is the value of."""

    place: Position
    key: str
    """Empty for a text without a name."""
    value: str
    sure: bool = False
    """Whether it is certainly an argument of a client of the vendor's API."""
    sets: bool = True
    """Whether it sets an environment variable, if it has the name of one."""


class UnboundClient(NamedTuple):
    """A client of the vendor's API that is made without a base URL."""

    place: Position
    settings: tuple[str, ...]
    """The variables and attributes that it reads its base URL from."""


class Unresolved(NamedTuple):
    """A value that the verdict depends on and that is not literal."""

    place: Position
    what: str


class ApiCall(NamedTuple):
    """A call of the vendor's API with its literal arguments."""

    place: Position
    path: str
    body: Mapping[str, Any]
    places: Mapping[str, Position]
    """Positions of the values of the body."""
    unresolved: tuple[str, ...] = ()
    """Arguments that the verdict depends on and that have no literal value."""


Found = Literal | UnboundClient | ApiCall | Unresolved


class UnreadableError(Exception):
    """A file can't be read as its name suggests; the message quotes nothing of it."""
