"""The far ends: every host of the demo, on loopback, with real TLS under its real name.

A test authority issues one certificate per host. The application trusts that authority and no other
(SSL_CERT_FILE), so it could not talk to the real hosts even if it reached them.
"""

import json
import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import trustme

from examples.demo.answers import Answer, answer, server_sent
from examples.demo.journal import Journal

MARKER = re.compile(rb"SECRET-[0-9a-f]{8}")
EDGES = {"eu.api.openai.com": "FRA", "api.openai.com": "IAD", "us.api.openai.com": "IAD"}


class Host(ThreadingHTTPServer):
    """One host name on a loopback port of its own."""

    daemon_threads = True

    def __init__(self, name: str, authority: trustme.CA, journal: Journal) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.name = name
        self.journal = journal
        self.numbers = count(1)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        # The handshake is left to the thread of the connection: a silent client blocks nobody else.
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )


class Request(BaseHTTPRequestHandler):
    """Reads a request to its end, writes down what was in it, and answers."""

    protocol_version = "HTTP/1.1"
    server: Host

    def do_GET(self) -> None:
        """Lists."""
        self._serve()

    def do_POST(self) -> None:
        """Everything with a prompt."""
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: the journal has it all."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        markers = sorted({found.decode() for found in MARKER.findall(self.path.encode() + body)})
        self.server.journal.write(
            "request",
            host=self.server.name,
            method=self.command,
            path=self.path,
            body_bytes=len(body),
            markers=markers,
        )
        is_json = self.headers.get_content_type() == "application/json"
        given = answer(
            self.server.name,
            self.command,
            self.path,
            json.loads(body) if is_json and body else {},
            authorized="authorization" in self.headers,
        )
        self._send(given)

    def _send(self, given: Answer) -> None:
        self.send_response(given.status)
        for name, value in {**self._usual_headers(), **given.headers}.items():
            self.send_header(name, value)
        if given.events:
            self.send_header("content-type", "text/event-stream; charset=utf-8")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for chunk in server_sent(given.events):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            self.wfile.write(b"0\r\n\r\n")
        else:
            body = json.dumps(given.body).encode() if given.body else b""
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def _usual_headers(self) -> dict[str, str]:
        number = next(self.server.numbers)
        headers = {
            "x-request-id": f"req_{number:032x}",
            "openai-organization": "example-gmbh",
            "openai-project": "proj_demo",
            "openai-processing-ms": "42",
            "openai-version": "2020-10-01",
        }
        if edge := EDGES.get(self.server.name):
            headers["cf-ray"] = f"{number:016x}-{edge}"
        return headers


@contextmanager
def far_ends(names: Sequence[str], directory: Path) -> Iterator[dict[str, int]]:
    """Serve the hosts: gives each one's port, leaves `ca.pem` and the journal in `directory`."""
    authority = trustme.CA(organization_name="otel-residency demo")
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    journal = Journal(directory / "endpoints.jsonl")
    with ExitStack() as stack:
        stack.callback(journal.close)
        ports: dict[str, int] = {}
        for name in names:
            host = Host(name, authority, journal)
            stack.callback(host.server_close)
            Thread(target=host.serve_forever, args=(0.05,), daemon=True).start()
            stack.callback(host.shutdown)
            ports[name] = host.server_port
        yield ports
