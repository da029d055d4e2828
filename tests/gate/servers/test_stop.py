"""A server that is stopped after a call has the call in its ledger; exporters lose what they lose anyway.

The table in docs/ledger.md is what `LOST` says.
"""

import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from broker import celery_app
from loopback import serving

from otel_residency.audit.verify import verify
from otel_residency.telemetry import names
from tests.audit.lines import read_record
from tests.gate.otlp_receiver import Receiver, receiving
from tests.gate.servers.test_servers import HERE, PATIENCE, Place, place_of, started

SOON = 0.2
"""Seconds from the end of the call to the signal: the time in which it is written."""
SERVERS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "uvicorn": lambda fd: ("uvicorn", "--fd", fd, "service:bare_asgi"),
    "uvicorn, 2 workers": lambda fd: ("uvicorn", "--workers", "2", "--fd", fd, "service:bare_asgi"),
    "gunicorn": lambda fd: ("gunicorn", "--bind", f"fd://{fd}", "service:wsgi"),
    "gunicorn, preload": lambda fd: (
        *("gunicorn", "--preload", "--workers", "2"),
        *("--bind", f"fd://{fd}", "service:wsgi"),
    ),
    "gunicorn, uvicorn workers": lambda fd: (
        *("gunicorn", "--worker-class", "uvicorn_worker.UvicornWorker"),
        *("--bind", f"fd://{fd}", "service:bare_asgi"),
    ),
    "hypercorn": lambda fd: ("hypercorn", "--bind", f"fd://{fd}", "service:bare_asgi"),
}
LOST = {"uvicorn", "uvicorn, 2 workers", "gunicorn, uvicorn workers"}
"""Where what the SDK had not sent yet is lost, unless the application shuts its providers down."""


@contextmanager
def placed(folder: Path, **environment: str) -> Iterator[Place]:
    """A vendor that the policy has in the US, while the EU is required."""
    with serving([]) as violating, receiving() as receiver:
        variables = {
            "VIOLATING": violating,
            "OTEL_RESIDENCY_LEDGER": str(folder / "ledger.jsonl"),
            # By themselves they send after 1 and 5 seconds from the start of the process, in time or not.
            "OTEL_BLRP_SCHEDULE_DELAY": "600000",
            "OTEL_BSP_SCHEDULE_DELAY": "600000",
        }
        yield place_of(folder, receiver, {violating: "us"}, **variables, **environment)


def serve_once(place: Place, server: str) -> None:
    """Have a server answer one request, and stop it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/VIOLATING/1"
        command = SERVERS[server](str(listening.fileno()))
        with started(place, *command, descriptors=[listening.fileno()]):
            urlopen(url, timeout=PATIENCE).close()
            time.sleep(SOON)


def check(folder: Path) -> None:
    """Both calls of the request are in the ledger, which is whole."""
    ledger = folder / "ledger.jsonl"
    recorded = [read_record(line).event for line in ledger.read_bytes().splitlines()]
    assert recorded.count(names.EVENT_CALL) == 2
    assert verify([ledger], {}).problems == ()


@pytest.mark.parametrize("server", SERVERS)
def test_a_server(tmp_path: Path, server: str) -> None:
    """SIGTERM soon after a violating call: it is in the ledger, and whether spans are lost is the SDK's."""
    with placed(tmp_path) as place:
        serve_once(place, server)
    check(tmp_path)
    with placed(tmp_path, OTEL_RESIDENCY_ENABLED="false") as without:
        serve_once(without, server)
    sent = [signals(each.receiver) for each in (place, without)]
    assert sent == [set() if server in LOST else {"span", "count", "event"}] * 2


def signals(receiver: Receiver) -> set[str]:
    """What arrived from the instrumentation of the client and the service."""
    spans = any(span.scope != "otel_residency" for span in receiver.spans)
    counts = receiver.holding(["gen_ai.client.operation.duration"])
    events = any(name.startswith("gen_ai.") for name in receiver.log_events)
    found = {"span": spans, "count": bool(counts), "event": events}
    return {name for name, arrived in found.items() if arrived}


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_celery(tmp_path: Path, pool: str) -> None:
    """A worker that is stopped soon after a task has made a violating call."""
    app = celery_app(tmp_path)
    with placed(tmp_path) as place:
        command = ("celery", "--app", "worker", "worker", "--pool", pool, "--concurrency", "2")
        with started(place, *command):
            app.send_task("serve", ("VIOLATING", 1)).get(timeout=PATIENCE)
            time.sleep(SOON)
    check(tmp_path)


def test_rq(tmp_path: Path) -> None:
    """A job of rq makes a violating call, and its process ends at once by `os._exit`."""
    with placed(tmp_path) as place, started(place, sys.executable, str(HERE / "jobs.py")) as process:
        process.wait(PATIENCE)
    check(tmp_path)
