"""What the stack consists of: the real programs, with the very configuration of the examples."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from examples.stack.programs import free_address, running
from tools.backends import collector, jaeger

EXAMPLES = Path(__file__).parent.parent


class Jaeger(NamedTuple):
    """Where Jaeger is: where spans go, and its page and query API."""

    otlp: str
    query: str


class Collector(NamedTuple):
    """Where the Collector is: where services send to, and where Prometheus scrapes."""

    otlp: str
    metrics: str
    audit: Path
    program: "subprocess.Popen[bytes]"


@contextmanager
def jaeger_running(directory: Path) -> Iterator[Jaeger]:
    """Run Jaeger."""
    otlp, query = free_address(), free_address()
    environment = {"JAEGER_OTLP": otlp, "JAEGER_QUERY": query, "JAEGER_QUERY_GRPC": free_address()}
    command = (jaeger(), "--config", EXAMPLES / "jaeger-config.yaml")
    with running(command, f"http://{query}/api/services", directory / "jaeger.log", environment):
        yield Jaeger(otlp, f"http://{query}")


def collector_command(config: str = "collector-config.yaml") -> list[str | Path]:
    """The Collector with one of the example's configurations."""
    return [collector(), "--config", EXAMPLES / config, "--config", EXAMPLES / "collector" / "residency.yaml"]


@contextmanager
def collector_running(
    directory: Path, traces: str, config: str = "collector-config.yaml", **environment: str
) -> Iterator[Collector]:
    """Run the Collector, which sends spans to `traces` and keeps its state in `directory`."""
    otlp, metrics, health = free_address(), free_address(), free_address()
    settings: Mapping[str, str] = {
        "COLLECTOR_GRPC": free_address(),
        "COLLECTOR_HTTP": otlp,
        "COLLECTOR_METRICS": metrics,
        "COLLECTOR_HEALTH": health,
        "COLLECTOR_STATE": str(directory),
        "TRACES_ENDPOINT": traces,
        "SAMPLING_WAIT": "1s",
        "METRICS_INTERVAL": "1s",
        **environment,
    }
    log = directory / "collector.log"
    with running(collector_command(config), f"http://{health}", log, settings) as program:
        yield Collector(f"http://{otlp}", f"http://{metrics}/metrics", directory / "audit.jsonl", program)
