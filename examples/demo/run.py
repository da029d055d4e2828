"""Run the application twice under `opentelemetry-instrument`, and show what came of each call."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import trustme
from rich.console import Console

from examples.demo.cases import HOSTS
from examples.demo.endpoints import FarEnds
from examples.demo.journal import Journal, connections, requests
from examples.demo.loopback import far_ends
from examples.demo.otlp import read_spans
from examples.demo.proof import Run, problems
from examples.demo.proxy import way_out
from examples.demo.tables import WIDTH, calls_table, conclusion, page, save_picture

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MODES = ("flag", "block")
SCOPE = "otel_residency"

SIGNALS = {"resourceSpans": "spans", "resourceMetrics": "metrics", "resourceLogs": "logs"}
TO_FILES = {
    "OTEL_TRACES_EXPORTER": "otlp_json_file",
    "OTEL_METRICS_EXPORTER": "otlp_json_file",
    "OTEL_LOGS_EXPORTER": "otlp_json_file",
    # Without code, the file exporter writes to standard output. One export, at exit, so that
    # its lines do not fall between the halves of the application's own.
    "OTEL_BSP_SCHEDULE_DELAY": "60000",
    "OTEL_BLRP_SCHEDULE_DELAY": "60000",
    "OTEL_METRIC_EXPORT_INTERVAL": "60000",
}
FOREIGN_SETTINGS = ("OTEL_", "OPENAI_", "SSL_CERT_")
PROXY_SETTINGS = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, show, prove; 1 if anything was not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "demo", metavar="DIR")
    parser.add_argument("--svg", type=Path, metavar="PATH", help="save the table of block mode as a picture")
    options = parser.parse_args(arguments)

    flag, block = (run_application(mode, options.output / mode) for mode in MODES)
    found = [*problems(flag), *problems(block)]
    console = _console()
    console.print(page(flag, block))
    console.print(conclusion((flag, block), found))
    if options.svg:
        save_picture(options.svg, calls_table(block))
    return 1 if found else 0


def run_application(mode: str, directory: Path) -> Run:
    """Run app.py against the loopback hosts, and read back what it and they left behind."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    application = run_connected(mode, directory, TO_FILES)
    _sort_output(application.stdout, directory)
    (directory / "stderr.txt").write_text(application.stderr, encoding="utf-8")
    spans = read_spans(directory / "spans.jsonl")
    return Run(
        mode=mode,
        directory=directory,
        exit_code=application.returncode,
        stderr=application.stderr,
        outcomes=dict(
            line.split(": ", 1)
            for line in (directory / "app.txt").read_text(encoding="utf-8").splitlines()
            if ": " in line
        ),
        spans=tuple(span for span in spans if span.scope == SCOPE),
        other_spans=tuple(span for span in spans if span.scope != SCOPE),
        requests=tuple(requests(directory / "endpoints.jsonl")),
        connections=tuple(connections(directory / "proxy.jsonl")),
    )


def run_connected(
    mode: str, directory: Path, telemetry: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run app.py, connected to the loopback hosts and to nothing else; `telemetry` says where that goes."""
    authority = trustme.CA(organization_name="otel-residency demo")
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    with (
        Journal(directory / "endpoints.jsonl") as arrivals,
        Journal(directory / "proxy.jsonl") as departures,
        far_ends(HOSTS, authority, FarEnds(arrivals).respond) as ports,
        way_out(ports, departures) as proxy,
    ):
        return subprocess.run(
            [_instrument(), sys.executable, str(HERE / "app.py")],
            env={**_environment(mode, proxy, directory / "ca.pem"), **telemetry},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def _instrument() -> str:
    """The command of the same environment, whether or not that is on the path."""
    return str(Path(sys.executable).with_name("opentelemetry-instrument"))


def _environment(mode: str, proxy: str, authority: Path) -> dict[str, str]:
    """All the set-up there is: the application itself is not touched."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN_SETTINGS) and name.upper() not in PROXY_SETTINGS
    }
    return inherited | {
        "OPENAI_API_KEY": "sk-demo",
        "HTTPS_PROXY": proxy,
        "SSL_CERT_FILE": str(authority),
        "OTEL_SERVICE_NAME": "demo",
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
        "OTEL_RESIDENCY_REQUIRE": "eu",
        "OTEL_RESIDENCY_POLICY": str(HERE / "residency.toml"),
        "OTEL_RESIDENCY_ON_CALL": mode,
    }


def _sort_output(output: str, directory: Path) -> None:
    """Telemetry into one file per signal, what the application printed into another."""
    lines: dict[str, list[str]] = {name: [] for name in ("app", *SIGNALS.values())}
    for line in output.splitlines():
        signal = next((SIGNALS[key] for key in SIGNALS if line.startswith(f'{{"{key}"')), "app")
        lines[signal].append(line + "\n")
    for name, content in lines.items():
        suffix = "txt" if name == "app" else "jsonl"
        (directory / f"{name}.{suffix}").write_text("".join(content), encoding="utf-8")


def _console() -> Console:
    """As wide as the terminal; at least as wide as the tables where there is none."""
    console = Console()
    return console if console.is_terminal else Console(width=max(WIDTH, console.width))
