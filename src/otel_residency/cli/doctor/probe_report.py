"""The report of the probe, which it writes as JSON for the doctor."""

import re
from typing import NamedTuple

from otel_residency.core.base_url import BaseUrl

NOT_FOUND = re.compile(r"component '?(.*?)'? not found in entry point 'opentelemetry_(\w+)_exporter'")
EXPORTERS = {
    "otlp": "opentelemetry-exporter-otlp",
    "otlp_proto_grpc": "opentelemetry-exporter-otlp-proto-grpc",
    "otlp_proto_http": "opentelemetry-exporter-otlp-proto-http",
    "otlp_json_file": "opentelemetry-exporter-otlp-json-file",
    "prometheus": "opentelemetry-exporter-prometheus",
    "zipkin": "opentelemetry-exporter-zipkin",
}
"""The package of an exporter, by its name in OTEL_*_EXPORTER."""


class StartProblem(NamedTuple):
    """An error or warning that the auto-instrumentation logged."""

    what: str
    error: str | None = None
    """Type of the exception."""
    message: str = ""
    """What it says about a component that is not installed; the rest may repeat a variable."""
    fatal: bool = False
    """Whether it ended the initialisation."""


class Provider(NamedTuple):
    """A provider in the program."""

    signal: str
    name: str
    sdk: bool
    gated: bool
    """Whether finished items pass the method that the export gate patches."""


class Processor(NamedTuple):
    """A processor or metric reader, and where its exporter sends to."""

    signal: str
    name: str
    exporter: str | None = None
    host: str | None = None
    port: int | None = None
    early: bool = False
    """Whether it has an exporter and an `on_start` of its own."""


class LedgerPath(NamedTuple):
    """A file or folder of the ledger."""

    path: str
    exists: bool = True
    error: str | None = None
    """Why it can't be written or created."""
    folder: bool = False
    mode: int = 0
    owner: int = 0
    size: int = 0


class LedgerKey(NamedTuple):
    """The key that a ledger is signed with."""

    path: str | None = None
    """`None` where a variable holds the key itself."""
    error: str | None = None
    """Why it can't be used."""
    mode: int = 0


class LedgerState(NamedTuple):
    """Files and folders of the ledger."""

    written: LedgerPath
    """The file, or the folder in which each process has one."""
    checkpoints: LedgerPath
    """The file with the checkpoints."""
    folder: LedgerPath
    """The folder that contains the first one."""
    has_records: bool
    free: int
    """Bytes."""
    key: LedgerKey | None = None


class ProbeReport(NamedTuple):
    """A program under `opentelemetry-instrument`, inspected from within."""

    problems: tuple[StartProblem, ...] = ()
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
    ledger: LedgerState | None = None
    user: int = 0

    @property
    def initialised(self) -> bool:
        """Whether the initialisation completed."""
        return not any(problem.fatal for problem in self.problems)
