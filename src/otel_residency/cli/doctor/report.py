"""What the probe tells the doctor, and its way there and back as plain data."""

from typing import NamedTuple

from otel_residency.core.base_url import BaseUrl


class Problem(NamedTuple):
    """An error or warning that the auto-instrumentation logged."""

    what: str
    error: str | None = None
    """Type of the exception."""
    message: str = ""
    fatal: bool = False
    """Whether it ended the initialisation."""


class Provider(NamedTuple):
    """A provider as the program finds it."""

    signal: str
    name: str
    sdk: bool
    gated: bool
    """Whether finished items pass the place where the export gate stands."""


class Processor(NamedTuple):
    """A processor or metric reader, and where its exporter sends to."""

    signal: str
    name: str
    exporter: str | None = None
    host: str | None = None
    port: int | None = None
    early: bool = False
    """Whether it has an exporter and does something of its own when a span starts."""


class Place(NamedTuple):
    """A file or folder, as the program finds it."""

    path: str
    exists: bool = True
    error: str | None = None
    """Why it can't be written to, or made."""
    folder: bool = False
    mode: int = 0
    owner: int = 0
    size: int = 0


class Key(NamedTuple):
    """The key that a ledger is signed with."""

    path: str | None = None
    """`None` where a variable holds the key itself."""
    error: str | None = None
    """Why it can't be used."""
    mode: int = 0


class Ledger(NamedTuple):
    """Where records of calls go to."""

    written: Place
    """The file, or the folder in which each process has one."""
    beside: Place
    """The file with the checkpoints."""
    around: Place
    """The folder that the first one stands in."""
    begun: bool
    """Whether there are records."""
    free: int
    """Bytes."""
    key: Key | None = None


class Report(NamedTuple):
    """What a program under `opentelemetry-instrument` looks like from the inside."""

    problems: tuple[Problem, ...] = ()
    guarded: bool = False
    missing: tuple[str, ...] = ()
    missing_clients: tuple[str, ...] = ()
    client: bool = False
    """Whether openai is installed."""
    client_error: str | None = None
    """Why it can't be imported all the same."""
    conflict: str | None = None
    gate: bool = False
    gate_missing: tuple[str, ...] = ()
    providers: tuple[Provider, ...] = ()
    processors: tuple[Processor, ...] = ()
    sampler: str | None = None
    base_url: BaseUrl | None = None
    """That of a client made without arguments, as its HTTP library reads it."""
    url_error: str | None = None
    """Why a client without arguments can't be made."""
    ledger: Ledger | None = None
    user: int = 0

    @property
    def came_through(self) -> bool:
        """Whether the initialisation went to its end."""
        return not any(problem.fatal for problem in self.problems)
