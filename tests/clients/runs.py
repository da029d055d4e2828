"""Runs a program of one library against loopback vendors, and keeps all that came of it."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from loopback import Request, Server

from tests.gate.otlp_receiver import Receiver, receiving
from tests.internet import Internet, connected
from tests.vendor import ordinary

HERE = Path(__file__).parent
NAME = os.environ["CLIENT"]
PYTHON = Path(os.environ["CLIENT_PYTHON"])
PATIENCE = 120
WITH = f"with_{NAME.replace('-', '_')}"
POLICY = """\
require = ["eu"]
[attest]
zero_data_retention = {{ value = true, reference = "DPA, annex 2" }}
retention_amendment = {{ value = true, reference = "DPA, annex 3" }}
[hosts."127.0.0.1:{port}"]
provider = "openai"
region = "{region}"
"""
QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else litellm, and dspy with it, fetches a list of prices
    "OPENAI_AGENTS_DISABLE_TRACING": "1",  # else openai-agents exports prompts
}
"""What the libraries are told, so that they ask nobody but the vendor."""


class Vendor(Server):
    """The API on a loopback port of its own.

    Attributes:
        received: the path of every request that arrived.
    """

    def __init__(self) -> None:
        super().__init__([])
        self.RequestHandlerClass = Taken
        self.received: list[str] = []


class Taken(Request):
    """A request that is taken down before it is answered."""

    server: Vendor

    def parse_request(self) -> bool:
        """Take down a request whose head has been read."""
        understood = super().parse_request()
        if understood:
            self.server.received.append(self.path)
        return understood


@contextmanager
def serving() -> Iterator[Vendor]:
    """Serve until the block is left."""
    vendor = Vendor()
    Thread(target=vendor.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield vendor
    finally:
        vendor.shutdown()
        vendor.server_close()


class Ran(NamedTuple):
    """What became of one run.

    Attributes:
        told: what the user saw of each call.
        log: what stood on standard error.
        received: the vendor's paths that were asked for, in order.
        exported: what arrived of telemetry.
        internet: all other hosts.
    """

    results: dict[str, dict[str, Any]]
    log: str
    received: list[str]
    exported: Receiver
    internet: Internet

    def spans(self, endpoint: str = "") -> list[dict[str, Any]]:
        """The attributes of our spans, of all or of one endpoint."""
        return [
            span.attributes
            for span in self.exported.spans
            if span.scope == "otel_residency" and span.name.endswith(endpoint)
        ]

    @property
    def answers(self) -> dict[str, Any]:
        """What each call answered."""
        return {call: result.get("answer") for call, result in self.results.items()}


def run(
    home: Path,
    region: str,
    on_call: str | None,
    program: str = WITH,
    address: str | None = None,
    **variables: str,
) -> Ran:
    """Make the calls to a vendor that the policy says is in `region`, with the EU required.

    Without `on_call` the program runs as if this project were not installed. The vendor's address is given
    in the program's code, or in the variable that `address` names.
    """
    with serving() as vendor, receiving() as receiver, connected(home, ordinary) as (internet, connection):
        policy = home / "residency.toml"
        policy.write_text(POLICY.format(port=vendor.server_port, region=region))
        environment = {
            **connection,
            **QUIET,
            "HOME": str(home),
            "NO_PROXY": "127.0.0.1",
            "PATH": os.environ["PATH"],
            "REQUESTS_CA_BUNDLE": connection["SSL_CERT_FILE"],
        }
        command = [str(PYTHON), str(HERE / "program.py"), program]
        base = f"{vendor.url}/v1"
        if address is None:
            command.append(base)
        else:
            environment[address] = base
        if on_call is not None:
            command.insert(0, str(PYTHON.parent / "opentelemetry-instrument"))
            environment |= {
                "OTEL_RESIDENCY_ON_CALL": on_call,
                "OTEL_RESIDENCY_POLICY": str(policy),
                "OTEL_TRACES_EXPORTER": "otlp",
                "OTEL_METRICS_EXPORTER": "otlp",
                "OTEL_LOGS_EXPORTER": "otlp",
                "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
                "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
            }
        done = subprocess.run(
            command,
            env=environment | variables,
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    assert done.returncode == 0, done.stderr
    return Ran(json.loads(done.stdout.splitlines()[-1]), done.stderr, vendor.received, receiver, internet)
