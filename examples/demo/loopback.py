"""Any host name on a loopback port of its own, with real TLS under that name.

A test authority issues one certificate per host. A client that trusts that authority and no other
(SSL_CERT_FILE) could not talk to the real hosts even if it reached them.
"""

import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple, TypeAlias

import trustme


class Asked(NamedTuple):
    """A request as it arrived."""

    host: str
    """The host that was dialled, whatever the request calls it."""
    method: str
    path: str
    headers: Message
    body: bytes


class Reply(NamedTuple):
    """What a host answers; a body of parts is sent part by part, and one that raises breaks off."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes | Iterable[bytes] = b""


Respond: TypeAlias = Callable[[Asked], Reply]


class Host(ThreadingHTTPServer):
    """One host name on a loopback port of its own."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, name: str, authority: trustme.CA, respond: Respond) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        # Python before 3.14 does not lock an SSLSocket. A client that reads in a thread of its own, as that
        # of websockets does, handles tickets while another thread writes, and at times nothing is sent.
        context.num_tickets = 0
        super().__init__(("127.0.0.1", 0), Request)
        self.name = name
        self.respond = respond
        # The handshake is left to the thread of the connection: a silent client blocks nobody else.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about connections that either side broke off."""
        del request, client_address


class Request(BaseHTTPRequestHandler):
    """Reads a request to its end, and sends what its host answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Host

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: those who answer write down what they want to know."""

    def do_POST(self) -> None:
        """Answer a request of any method."""
        asked = Asked(self.server.name, self.command, self.path, self.headers, self._body())
        self._send(self.server.respond(asked))

    do_GET = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_POST  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if isinstance(reply.body, bytes):
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
            return
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for part in reply.body:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")


@contextmanager
def serving(name: str, authority: trustme.CA, respond: Respond) -> Iterator[int]:
    """Serve one host name; gives its port."""
    host = Host(name, authority, respond)
    thread = Thread(target=host.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield host.server_port
    finally:
        host.shutdown()
        host.server_close()


@contextmanager
def far_ends(names: Sequence[str], authority: trustme.CA, respond: Respond) -> Iterator[dict[str, int]]:
    """Serve several host names; gives each one's port."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(serving(name, authority, respond)) for name in names}
