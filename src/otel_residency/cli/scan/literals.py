"""What the readers find in files: literal values, clients, calls, and what is not literal.

What a literal stands for, such as a URL or a model, shows in its key and its text.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

URL = re.compile(r"(?:https?|wss?)://\S+")
HOST_KEY = re.compile(r"(?:.*[_.])?(?:host|hostname|domain|server|endpoint|url|base)", re.IGNORECASE)
_MODEL_KEY = re.compile(r"(?:.*[_.])?models?(?:_?(?:name|id))?", re.IGNORECASE)
FAMILY = "openai"
_DEFAULT = re.compile(r"\$\{\w+:?-([^}]*)\}")
"""A variable of the shell or of compose, with its default."""
_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_VENDOR_PREFIX = re.compile(r"openai[/:]")
"""The prefix that routers put before a model."""
_AZURE = "azure"


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


def text_of(literal: Literal) -> str:
    """The text, or the default of the variable that it is."""
    default = _DEFAULT.fullmatch(literal.value)
    return default[1] if default else literal.value


def snake_case(key: str) -> str:
    """A key as Python would write it, whatever the language of the file."""
    return _CAMEL_CASE.sub("_", key).replace("-", "_").lower()


def names_host_or_model(key: str) -> bool:
    """Whether a key names the host or the model of calls to the vendor."""
    name = snake_case(key)
    return FAMILY in name and bool(HOST_KEY.fullmatch(name) or _MODEL_KEY.fullmatch(name))


def is_url(literal: Literal) -> bool:
    """Whether the text is a URL."""
    return bool(URL.fullmatch(text_of(literal)))


def names_model(literal: Literal) -> bool:
    """Whether the value is a model; on Azure it is the name of a deployment."""
    return bool(_MODEL_KEY.fullmatch(snake_case(literal.key))) and _AZURE not in literal.key.lower()


def model_of(literal: Literal) -> str:
    """The model that the text names."""
    return _VENDOR_PREFIX.sub("", text_of(literal), count=1)


def has_deployments(found: Iterable[Found]) -> bool:
    """Whether a file makes a client for Azure, where `model` may be the name of a deployment."""
    return any(isinstance(each, Literal) and _AZURE in each.key.lower() and not each.value for each in found)
