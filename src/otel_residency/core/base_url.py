"""The base URL of a client, in the parts that a verdict depends on."""

from typing import NamedTuple
from urllib.parse import urlsplit

from otel_residency.core.interruption import reraise_interruption


class BaseUrl(NamedTuple):
    """A base URL without user information and query."""

    scheme: str
    host: str
    port: int | None
    """`None` is the default port."""
    path: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{host}{port}{self.path}"


def read_base_url(text: str) -> BaseUrl | None:
    """The parts of a URL, its path without final slashes; `None` if a client can't call it."""
    try:
        parts = urlsplit(text)
        base = BaseUrl(
            scheme=parts.scheme, host=parts.hostname or "", port=parts.port, path=parts.path.rstrip("/")
        )
    except ValueError:  # a port that is no number, or brackets that don't match
        reraise_interruption()
        return None
    return base if base.scheme in ("http", "https") and base.host else None
