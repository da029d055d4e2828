"""A request of any HTTP client in the shape of httpx's, which calls are judged by."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from otel_residency.calls.request import NAME_IN_TLS

Given = Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None
"""Headers as HTTP clients have them: each once, or as pairs."""


class Url(NamedTuple):
    """Where a request goes."""

    scheme: str
    raw_host: bytes
    port: int | None
    raw_path: bytes

    @property
    def place(self) -> tuple[str, str, int | None, str]:
        """Scheme, host, port and path as text."""
        return self.scheme, self.raw_host.decode("ascii"), self.port, self.raw_path.decode("ascii", "replace")

    @property
    def netloc(self) -> bytes:
        """Host and port, as a `Host` header names them."""
        # The same text as `netloc` of httpx, so that `read_routing_headers` finds the usual request quickly.
        host = b"[%s]" % self.raw_host if b":" in self.raw_host else self.raw_host
        return host if self.port is None else b"%s:%d" % (host, self.port)


class PlainHeaders:
    """Headers as httpx has them in `raw`, which is all that is read of them."""

    def __init__(self, headers: Given) -> None:
        """Read what an HTTP client was given."""
        pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
        self.raw = [(_bytes(name), _bytes(value)) for name, value in pairs]


class PlainRequest:
    """One request.

    Attributes:
        extensions: its name in TLS, and the call that it belongs to.
        has_body: whether a body is at hand that is not empty.
    """

    def __init__(
        self, *, method: str, url: Url, headers: Given = None, content: Any = None, name_in_tls: Any = None
    ) -> None:
        """Describe a request; `content` is its body, if it is at hand."""
        self.method = method.upper()
        self.url = url
        self.headers = PlainHeaders(headers)
        self.extensions: dict[str, Any] = {NAME_IN_TLS: name_in_tls}
        self.has_body = content is not None and content not in (b"", "")
        self._content = content

    def add_headers(self, headers: Iterable[tuple[Any, Any]]) -> None:
        """Add headers; of `Host` headers only those that differ from where the request goes."""
        # websockets writes a Host header itself; one that names where the connection goes adds nothing.
        present = {self.url.raw_host, self.url.netloc, *(value for _, value in self.headers.raw)}
        more = dict.fromkeys((_bytes(name), _bytes(value)) for name, value in headers)
        self.headers.raw = [
            *self.headers.raw,
            *((name, value) for name, value in more if name.lower() != b"host" or value not in present),
        ]

    @property
    def content(self) -> bytes:
        """The body.

        Raises:
            TypeError: it is not at hand as a whole.
        """
        content = self._content
        if isinstance(content, str):
            return content.encode()
        if isinstance(content, bytes):
            return content
        # Iterators and files can be read once, and the request has to read them: the body counts as unseen.
        raise TypeError


def _bytes(value: Any) -> bytes:
    # `http.client` writes header values as latin-1 too (Python 3.11, `putheader`); what does not fit would
    # raise there.
    return value if isinstance(value, bytes) else str(value).encode("latin-1", "replace")
