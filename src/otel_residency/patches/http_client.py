"""The patch of `http.client`, the standard library's HTTP client.

What is judged is what is about to be written to the socket, over a connection to the host that was dialled: a
subclass can't go round that.
"""

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from otel_residency.errors import RefusalError
from otel_residency.patches.guarded import non_vendor_hosts, run_guarded
from otel_residency.patches.patching import wrap_client

if TYPE_CHECKING:
    from otel_residency.calls.call import Call

_HOST = len("host")
_DIALLED = "_otel_residency_dialled"
"""Attribute of a connection with the host and port that it dialled."""


def patch(module: ModuleType) -> None:
    """Patch `http.client`, which has just been imported."""
    wrap_client(module, "HTTPConnection.connect", connect)
    # Here all lines of the request are in the buffer and none is on the wire; `request` is one of several
    # ways to write them.
    wrap_client(module, "HTTPConnection.endheaders", _endheaders)


def connect(wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
    """Keep what a connection dials, since its `host` may be changed afterwards."""
    # An attribute of the connection, and no table of connections: it goes with it, and needs no hash of it.
    setattr(connection, _DIALLED, _destination(connection))
    return wrapped(*args, **kwargs)


def dialled(connection: Any) -> tuple[str, int]:
    """Host and port that a connection has dialled, or will dial."""
    found = None if connection.sock is None else getattr(connection, _DIALLED, None)
    return found or _destination(connection)


def _destination(connection: Any) -> tuple[str, int]:
    """Host and port to which a connection leads, through a proxy too."""
    # Private: `set_tunnel` of Python 3.11 keeps the name there, and `host` is the proxy then.
    host = getattr(connection, "_tunnel_host", None) or connection.host
    return host, getattr(connection, "_tunnel_port", None) or connection.port


def _endheaders(wrapped: Any, connection: Any, args: Any, kwargs: Any) -> Any:
    from http.client import HTTPException

    send = partial(wrapped, *args, **kwargs)
    return send_judged(send, connection, connection._buffer, partial(_open, connection), HTTPException)


def send_judged(
    send: Callable[[], Any],
    connection: Any,
    written: list[Any],
    judge: "Callable[[], Call | None]",
    kind: type[Exception],
) -> Any:
    """Send the headers that were written to a connection, as the call that `judge` returns.

    Raises:
        RefusalError: in block mode; an error of `kind`, too.
    """
    try:
        call = run_guarded(judge, kind)
    except RefusalError:
        written.clear()  # `close` does not, and the next request would send the refused one
        connection.close()
        raise
    if call is None:
        return send()
    from otel_residency.patches.plain_calls import until_the_end

    with until_the_end(call):
        return send()


def _open(connection: Any) -> "Call | None":
    """The judged call of the written lines; `None` if they go to no vendor, or belong to a judged hop."""
    sock, lines = connection.sock, connection._buffer  # nothing public shows what is about to be written
    host, port = dialled(connection)
    # The socket knows the name that was asked for in the handshake; before it is connected, urllib3 has it on
    # the connection.
    in_tls = getattr(sock, "server_hostname", None) or getattr(connection, "server_hostname", None)
    # The first letter before anything else: this runs for every request of every library above, and a slice
    # costs more.
    host_headers = [line for line in lines if line[0] in b"Hh" and line[:_HOST].lower() == b"host"]
    key = (host, in_tls, *host_headers)
    if key in non_vendor_hosts() and b"://" not in lines[0]:
        return None
    from otel_residency.patches.plain_calls import open_request

    if in_tls == connection.host or not isinstance(in_tls, str):  # that of a proxy, or of a stand-in
        in_tls = None
    # `putrequest` of Python 3.11 has encoded the line as ASCII, and refused control characters.
    method, url, _ = lines[0].decode("ascii").split(" ", 2)
    from http.client import HTTPS_PORT

    # Nothing else public says whether a connection speaks TLS before it is opened.
    scheme = "https" if connection.default_port == HTTPS_PORT else "http"
    parts = (line.partition(b":") for line in lines[1:])
    headers = [(name.strip(), value.strip()) for name, _, value in parts]
    return open_request(method, (scheme, host, port, url), headers, in_tls, key)
