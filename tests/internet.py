"""The internet as the tests have it: every host on loopback, with real TLS under its own name.

The client is led through a CONNECT proxy, as it would be in a company. A host comes into being when it is
first asked for; what it answers is up to the test, and whatever reaches it is kept.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

import trustme

from examples.demo.loopback import Asked, Reply, Respond, serving
from examples.demo.proxy import way_out

EU = "eu.api.openai.com"
US = "us.api.openai.com"
GLOBAL = "api.openai.com"
BOGUS = "api.openai.eu"
AZURE = "contoso.openai.azure.com"
GATEWAY = "llm.internal.example"

PATIENCE = 20
"""Seconds after which a test that waits for something fails. Nothing is ever waited for that long."""


class Internet:
    """All hosts, and what reached them.

    Attributes:
        respond: what a host answers; set by the test.
        requests: every request that arrived, in full and in order.
        connections: the host of every connection that was asked of the proxy.
        unreachable: hosts to which the proxy makes no connection.
    """

    def __init__(self, authority: trustme.CA, respond: Respond) -> None:
        self._authority = authority
        self._ordinary = respond
        self._stack = ExitStack()
        self._ports: dict[str, int] = {}
        self.reset()

    def reset(self) -> None:
        """Forget what was seen, and answer as usual."""
        self.respond = self._ordinary
        self.requests: list[Asked] = []
        self.connections: list[str] = []
        self.unreachable: set[str] = set()

    def received(self, host: str) -> list[Asked]:
        """The requests that arrived at one host."""
        return [request for request in self.requests if request.host == host]

    @property
    def hosts(self) -> list[str]:
        """The host of each request that arrived, in order."""
        return [request.host for request in self.requests]

    def close(self) -> None:
        """Shut every host down."""
        self._stack.close()

    # What the proxy asks, and what it tells.

    def get(self, name: str) -> int | None:
        """Where a host is: it is started when it is first asked for."""
        if name in self.unreachable:
            return None
        if name not in self._ports:
            try:
                host = serving(name.strip("[]"), self._authority, self._answer)
                self._ports[name] = self._stack.enter_context(host)
            except UnicodeError:  # no certificate can be issued for it
                return None
        return self._ports[name]

    def write(self, event: str, **fields: object) -> None:
        """Note the connections."""
        if event == "connect":
            self.connections.append(str(fields["host"]))

    def _answer(self, request: Asked) -> Reply:
        self.requests.append(request)
        return self.respond(request)


@contextmanager
def connected(directory: Path, respond: Respond) -> Iterator[tuple[Internet, dict[str, str]]]:
    """An internet, and the environment variables by which a process is connected to it and nothing else."""
    authority = trustme.CA(organization_name="otel-residency tests")
    certificate = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(certificate))
    internet = Internet(authority, respond)
    try:
        with way_out(internet, internet) as proxy:
            yield (
                internet,
                {
                    "HTTP_PROXY": proxy,
                    "HTTPS_PROXY": proxy,
                    "SSL_CERT_FILE": str(certificate),
                    "OPENAI_API_KEY": "sk-test",
                },
            )
    finally:
        internet.close()


class Gate:
    """Holds an answer back until the test lets it go on: the order of events, without a clock."""

    def __init__(self) -> None:
        self._opened = Event()

    def open(self) -> None:
        """Let it go on."""
        self._opened.set()

    def wait(self) -> None:
        """Hold it here until then."""
        if not self._opened.wait(PATIENCE):
            raise TimeoutError("nobody opened the gate")
