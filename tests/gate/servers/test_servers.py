"""Under real servers violating calls show no content, those beside them keep theirs, and nothing is lost."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import pytest
from broker import celery_app
from loopback import serving

from tests.gate.otlp_receiver import Receiver, receiving

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
REQUESTS = 12
"""Of each of the two kinds; each makes two calls."""
CALLS = 2 * REQUESTS
KINDS = ("ELIGIBLE", "VIOLATING")
PATIENCE = 60


class Place(NamedTuple):
    """Where a service runs: its variables, and what it sends its telemetry to."""

    environment: dict[str, str]
    receiver: Receiver


@pytest.fixture(params=["redact", "withhold"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Two vendors, of which the policy has one in the EU and one in the US."""
    with serving([]) as eligible, serving([]) as violating, receiving() as receiver:
        yield place_of(
            tmp_path,
            receiver,
            {eligible: "eu", violating: "us"},
            ELIGIBLE=eligible,
            VIOLATING=violating,
            OTEL_RESIDENCY_ON_EXPORT=request.param,
            OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="delta",
            OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="SPAN_AND_EVENT",
        )


def place_of(folder: Path, receiver: Receiver, regions: Mapping[str, str], **more: str) -> Place:
    """A place where the EU is required; the policy names the region of each vendor's base URL."""
    policy = folder / "policy.toml"
    hosts = (f'[hosts."{url.removeprefix("http://")}"]\nregion = "{code}"\n' for url, code in regions.items())
    policy.write_text("".join(hosts), encoding="utf-8")
    environment = {
        "PATH": os.pathsep.join((str(BIN), os.environ["PATH"])),
        "PYTHONPATH": os.pathsep.join((os.environ["PYTHONPATH"], str(HERE))),
        "HOME": str(folder),
        "QUEUE": str(folder),
        "OTEL_RESIDENCY_REQUIRE": "eu",
        "OTEL_RESIDENCY_POLICY": str(policy),
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT": "true",
    }
    return Place(environment | more, receiver)


@contextmanager
def started(
    place: Place, *command: str, descriptors: Collection[int] = ()
) -> Iterator[subprocess.Popen[str]]:
    """A service under `opentelemetry-instrument`; it is asked to end, and waited for."""
    with subprocess.Popen(
        [str(BIN / "opentelemetry-instrument"), *command],
        env=place.environment,
        cwd=place.environment["HOME"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        pass_fds=descriptors,
    ) as process:
        try:
            yield process
            process.terminate()
            sys.stdout.write(process.communicate(timeout=PATIENCE)[0])
        finally:
            process.kill()


def make_requests(serve: Callable[[str, int], None]) -> None:
    """Make all requests, those of both kinds in turns, several at a time."""
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(serve, kind, number) for number in range(REQUESTS) for kind in KINDS]
    for each in futures:
        each.result()


def serve_http(place: Place, command: Callable[[int], tuple[str, ...]]) -> None:
    """Have a server answer all requests on a socket that it is given; `command` takes its number."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"

        def serve(kind: str, number: int) -> None:
            urlopen(f"{url}/{kind}/{number}", timeout=PATIENCE).close()  # noqa: S310

        with started(place, *command(listening.fileno()), descriptors=[listening.fileno()]):
            make_requests(serve)


def check(receiver: Receiver) -> None:
    """Everything arrived, but for the content of the calls that violate."""
    eligible, violating = ({f"{kind}{number:03}x" for number in range(REQUESTS)} for kind in KINDS)
    assert receiver.holding(eligible) == eligible
    assert receiver.holding(violating) == set()

    of_service = [span for span in receiver.spans if span.scope == "service"]
    ours = [span for span in receiver.spans if span.scope == "otel_residency"]
    flagged = [span for span in ours if span.attributes.get("residency.violation")]
    assert (len(of_service), len(ours), len(flagged)) == (2 * REQUESTS, 2 * CALLS, CALLS)
    assert receiver.orphans == []

    changed = [span for span in receiver.spans if "residency.export.action" in span.attributes]
    assert (
        receiver.total("residency.export.items", **{"residency.export.signal": "traces"}) == len(changed) > 0
    )
    assert receiver.total("residency.calls") == 2 * CALLS
    assert receiver.log_events.count("residency.violation") == CALLS


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_gunicorn(place: Place, preload: tuple[str, ...]) -> None:
    """Workers forked before or after the application is loaded lose nothing when the master ends."""
    serve_http(
        place,
        lambda bound: ("gunicorn", "--workers", "2", *preload, "--bind", f"fd://{bound}", "service:wsgi"),
    )
    check(place.receiver)


def test_uvicorn(place: Place) -> None:
    """Workers that are started anew, with requests that interleave in each."""
    serve_http(place, lambda bound: ("uvicorn", "--workers", "2", "--fd", str(bound), "service:asgi"))
    check(place.receiver)


def test_celery(place: Place) -> None:
    """Processes of a pool, which flush when they are told to end."""
    app = celery_app(Path(place.environment["QUEUE"]))

    def serve(kind: str, number: int) -> None:
        app.send_task("serve", (kind, number)).get(timeout=PATIENCE)

    with started(place, "celery", "--app", "worker", "worker", "--concurrency", "2"):
        make_requests(serve)
    check(place.receiver)


@pytest.mark.parametrize("how", ["threads", "tasks"])
def test_concurrency(place: Place, how: str) -> None:
    """Threads, and coroutines of one thread, that serve both kinds in turns."""
    with started(place, sys.executable, str(HERE / "service.py"), how, str(REQUESTS)) as process:
        process.wait(PATIENCE)
    check(place.receiver)
