"""Start the back ends, send the demo's traffic through them, and show where to look: `make stack`."""

import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from examples.demo.run import MODES, run_connected
from examples.stack.monitoring import alertmanager_running, prometheus_running, receiver_running
from examples.stack.services import Collector, collector_running, jaeger_running
from tools.backends import GoMissingError
from tools.debian import DebianMissingError


def send(collector: Collector, directory: Path, settings: Mapping[str, str]) -> None:
    """Run the demo's application, first with violations flagged and then with violations blocked."""
    telemetry = {
        **{f"OTEL_{each}_EXPORTER": "otlp" for each in ("TRACES", "METRICS", "LOGS")},
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.otlp,
    }
    for mode in MODES:
        service = {"OTEL_SERVICE_NAME": f"claims-{mode}"}
        done = run_connected(mode, directory, {**telemetry, **service, **settings})
        if done.returncode:
            raise RuntimeError(done.stderr)


@contextmanager
def stack(directory: Path, settings: Mapping[str, str] = {}) -> Iterator[dict[str, str]]:
    """All services, with traffic in them: where to look, by what is seen there.

    The application that makes the traffic gets `settings` on top of its own.
    """
    with (
        jaeger_running(directory) as jaeger,
        collector_running(directory, jaeger.otlp, SAMPLING_PERCENTAGE="100") as collector,
        receiver_running(directory) as (receiver, alerts),
        alertmanager_running(directory, receiver) as alertmanager,
        prometheus_running(directory, collector.metrics, alertmanager) as prometheus,
    ):
        send(collector, directory, settings)
        search = "api/traces?service=claims-flag&tag=residency.violation:true"
        yield {
            "services send OTLP to": collector.otlp,
            "Jaeger": jaeger.query,
            "traces with violations": f"{jaeger.query}/{search}",
            "metrics, for Prometheus": collector.metrics,
            "Prometheus": prometheus,
            "Alertmanager": alertmanager,
            "alerts, in some minutes": str(alerts),
            "audit, OTLP JSON": str(collector.audit),
        }


def main() -> int:
    """Run until Ctrl-C."""
    # Ctrl-C too: a shell that starts it in the background has it ignored.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, _interrupt)
    try:
        with TemporaryDirectory(prefix="otel-residency-") as folder, stack(Path(folder)) as addresses:
            for what, where in addresses.items():
                print(f"{what:24} {where}")
            print("Ctrl-C stops all of it.", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("stopped")
    except (GoMissingError, DebianMissingError) as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
