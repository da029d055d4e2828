"""What reads bytes of others, each as a function of bytes that may raise only what it documents."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from otel_residency.audit.line_reader import LineReader
from otel_residency.audit.otlp import NotOtlpError
from otel_residency.audit.rows import ParsedLine, read_line
from otel_residency.calls.body import BodyReader
from otel_residency.catalogue import load_catalogue
from otel_residency.cli.scan.files import reader_of
from otel_residency.cli.scan.ignored import read_ignored
from otel_residency.cli.scan.literals import UnreadableError
from otel_residency.core.decide import decide
from otel_residency.core.facts import CallFacts, Hop
from otel_residency.core.policy import Policy
from otel_residency.errors import CatalogueError
from otel_residency.export_gate.http_spans import read_hop
from otel_residency.settings.load import read_settings

CATALOGUE = load_catalogue()
BODIES = BodyReader(CATALOGUE.entries)
DAY = date(2026, 11, 30)
VENDORS = frozenset({"eu.api.openai.com"})


def url(data: bytes) -> None:
    """A URL: the attribute of a span, and host and path of a call that is judged."""
    text = data.decode("latin-1")
    hop = read_hop({"url.full": text})
    host, _, path = text.partition("/")
    for each in filter(None, (hop, Hop(scheme="https", host=host, port=None, path=f"/{path}"))):
        decide(CallFacts(on=DAY, method="POST", hops=(each,)), CATALOGUE, Policy(require=("eu",)))


def event(data: bytes) -> None:
    """A message of a WebSocket session, which is read as a body is."""
    BODIES.read_message(data)


def batch_line(data: bytes) -> None:
    """A line of a batch file."""
    BODIES.read_line(data, lambda _: None)


def policy(data: bytes) -> None:
    """A policy: whatever is wrong with it is a problem that is reported."""
    with TemporaryDirectory() as directory:
        file = Path(directory) / "residency.toml"
        file.write_bytes(data)
        read_settings({"OTEL_RESIDENCY_POLICY": str(file)})


def catalogue(data: bytes) -> None:
    """A catalogue of the user's."""
    with TemporaryDirectory() as directory:
        file = Path(directory) / "catalogue.json"
        file.write_bytes(data)
        with suppress(CatalogueError):
            load_catalogue(str(file))


def otlp_line(data: bytes) -> None:
    """A line of OTLP JSON with a record."""
    with suppress(NotOtlpError):
        read_line(data)


def report_line(data: bytes) -> None:
    """A line of a ledger or of telemetry: after others of its kind it is read as it is by itself."""
    reader = LineReader(VENDORS)
    for line in (data, data, data.replace(b"1", b"2"), data):
        assert _read(reader.read, line) == _read(partial(read_line, vendors=VENDORS), line)


def _read(read: Callable[[bytes], ParsedLine], line: bytes) -> ParsedLine | None:
    with suppress(NotOtlpError):
        return read(line)
    return None


def _scanned(name: str) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        with suppress(UnreadableError):
            list(reader_of(Path(name))(data))
        read_ignored(data)

    return read


TARGETS: dict[str, Callable[[bytes], None]] = {
    "url": url,
    "event": event,
    "batch_line": batch_line,
    "policy": policy,
    "catalogue": catalogue,
    "otlp_line": otlp_line,
    "report_line": report_line,
    **{
        f"scan_{name.rpartition('.')[2]}": _scanned(name)
        for name in ("a.py", "a.toml", ".env", "a.yaml", "a.ipynb", "a.sh")
    },
}
