"""Serve two customers, and show what became of each request: `python -m examples.tenants`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener
from wsgiref.simple_server import WSGIRequestHandler, make_server

import trustme

from examples.demo.endpoints import FarEnds
from examples.demo.journal import Journal, requests
from examples.demo.loopback import far_ends
from examples.demo.proxy import way_out
from otel_residency import ResidencyInstrumentor

POLICY = Path(__file__).with_name("residency.toml")
EU, US = "eu.api.openai.com", "us.api.openai.com"
REQUESTS = (
    # token, page, the secret in the claim, and what must become of it: status, and host that it reached
    ("token-rossi", "/summary", "SECRET-00000001", 200, EU),
    ("token-smith", "/summary", "SECRET-00000002", 200, US),
    ("token-rossi", "/letter", "SECRET-00000003", 451, None),
    ("token-smith", "/letter", "SECRET-00000004", 200, US),
)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


@contextmanager
def served() -> Iterator[int]:
    """The application, guarded, on a port of its own."""
    from examples.tenants.app import CUSTOMERS, app, client_of  # noqa: PLC0415 - after the environment is set

    ResidencyInstrumentor().instrument(policy=POLICY)
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_port
        server.shutdown()
    for customer in CUSTOMERS.values():
        client_of(customer.region).close()
    ResidencyInstrumentor().uninstrument()


def ask(port: int, token: str, page: str, claim: str) -> int:
    """The status that one request is answered with."""
    url = f"http://127.0.0.1:{port}{page}"
    request = Request(url, claim.encode(), {"Authorization": f"Bearer {token}"})
    try:
        with build_opener(ProxyHandler({})).open(request) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def main() -> int:
    """Run and show; 1 if anything was not as it must be."""
    with TemporaryDirectory() as folder:
        directory = Path(folder)
        authority = trustme.CA(organization_name="otel-residency example")
        authority.cert_pem.write_to_path(str(directory / "ca.pem"))
        with (
            Journal(directory / "far.jsonl") as arrivals,
            Journal(directory / "proxy.jsonl") as departures,
            far_ends((EU, US), authority, FarEnds(arrivals).respond) as ports,
            way_out(ports, departures) as proxy,
        ):
            os.environ |= {
                "OPENAI_API_KEY": "sk-example",
                "HTTPS_PROXY": proxy,
                "SSL_CERT_FILE": str(directory / "ca.pem"),
            }
            with served() as port:
                answered = [ask(port, token, page, secret) for token, page, secret, *_ in REQUESTS]
        reached = {marker: seen.host for seen in requests(directory / "far.jsonl") for marker in seen.markers}
    failed = False
    for (token, page, secret, status, host), got in zip(REQUESTS, answered, strict=True):
        failed |= (got, reached.get(secret)) != (status, host)
        print(f"{token:12} {page:9} {got}  {reached.get(secret) or 'nothing sent'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
