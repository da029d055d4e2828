"""Connections that speak HTTP/2 and are used without a pool."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from socket import create_server, socket
from typing import Any, NamedTuple

import h2.config
import h2.connection
import h2.events
import httpcore
import httpcore2
import pytest
import trustme
import urllib3
from urllib3.http2.connection import HTTP2Connection

from otel_residency.errors import RefusalError
from tests.internet import EU, PATIENCE, US
from tests.recorded import Instrument

PATH = "/v1/chat/completions"
BODY = b'{"model": "gpt-5.2-2025-12-11"}'


class Server(NamedTuple):
    """A host that speaks HTTP/2.

    Attributes:
        port: where it listens, in the clear by any name.
        paths: those of the requests that arrived.
        trust: a context that trusts it.
    """

    port: int
    paths: list[str]
    trust: ssl.SSLContext


def serve(listener: socket, paths: list[str]) -> None:
    """Answer the requests of one connection after the other."""
    with suppress(OSError):  # it is closed when the test is over
        while True:
            with closing(listener.accept()[0]) as connection, suppress(ssl.SSLError):
                answer(connection, paths)


def answer(connection: socket, paths: list[str]) -> None:
    """Answer the requests of a connection."""
    state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    state.initiate_connection()
    connection.sendall(state.data_to_send())
    while received := connection.recv(65536):
        for event in state.receive_data(received):
            if isinstance(event, h2.events.RequestReceived):
                paths.append(dict(event.headers)[b":path"].decode())
            if isinstance(event, h2.events.StreamEnded):
                state.send_headers(event.stream_id, [(":status", "200")], end_stream=True)
        connection.sendall(state.data_to_send())


@pytest.fixture
def server() -> Iterator[Server]:
    """A host that speaks HTTP/2, with certificates for the vendor's names."""
    authority = trustme.CA()
    trust, context = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(trust)
    authority.issue_cert(EU, US).configure_cert(context)
    context.set_alpn_protocols(["h2"])
    paths: list[str] = []
    with closing(context.wrap_socket(create_server(("127.0.0.1", 0)), server_side=True)) as listener:
        listener.settimeout(PATIENCE)
        threading.Thread(target=serve, args=(listener, paths), daemon=True).start()
        yield Server(listener.getsockname()[1], paths, trust)


def by_urllib3(server: Server, host: str) -> None:
    """A connection of urllib3."""
    connection = HTTP2Connection(host, server.port, ssl_context=server.trust)
    connection._new_conn = partial(socket_to, server)  # type: ignore[method-assign]
    with closing(connection):
        connection.connect()
        connection.request("POST", PATH, BODY)
        connection.getresponse()


def socket_to(server: Server) -> socket:
    """A connection to the server, whatever its name."""
    connection = socket()
    connection.settimeout(PATIENCE)
    connection.connect(("127.0.0.1", server.port))
    return connection


def by_httpcore(library: Any, server: Server, host: str) -> None:
    """A connection of httpcore."""
    plain = library.SyncBackend().connect_tcp("127.0.0.1", server.port)
    stream = plain.start_tls(server.trust, host, PATIENCE)
    origin = library.Origin(b"https", host.encode(), server.port)
    with library.HTTP2Connection(origin, stream) as connection:
        connection.request(
            "POST", f"https://{host}:{server.port}{PATH}", headers=[("host", host)], content=BODY
        )


WAYS = {
    "urllib3": by_urllib3,
    "httpcore": partial(by_httpcore, httpcore),
    "httpcore2": partial(by_httpcore, httpcore2),
}


@pytest.mark.parametrize("send", WAYS.values(), ids=WAYS)
def test_a_connection_is_judged(
    send: Callable[[Server, str], None], server: Server, instrument: Instrument
) -> None:
    """In flag mode a request of a connection is one call; in block mode it is not sent."""
    recorded = instrument()
    send(server, EU)
    send(server, US)
    assert [span.attributes["server.address"] for span in recorded.spans if span.attributes] == [EU, US]
    assert recorded.values("residency.region") == ["eu", "us"]
    assert server.paths == [PATH, PATH]
    instrument(on_call="block")
    with pytest.raises(RefusalError):
        send(server, US)
    assert server.paths == [PATH, PATH]


def test_a_pool_is_judged_once(server: Server, instrument: Instrument) -> None:
    """What the pool of urllib3 sends over such a connection is one call."""
    recorded = instrument()
    with urllib3.HTTPSConnectionPool(EU, server.port, ssl_context=server.trust) as pool:
        connection = type("Connection", (HTTP2Connection,), {"_new_conn": lambda _: socket_to(server)})
        pool.ConnectionCls = connection
        pool.request("POST", PATH, BODY)
    assert recorded.values("server.address") == [EU]
