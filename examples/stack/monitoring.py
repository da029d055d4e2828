"""Prometheus and Alertmanager, with the configuration of the examples and the addresses of this machine."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from examples.stack.programs import free_address, running
from tools.backends import alertmanager
from tools.debian import prometheus

EXAMPLES = Path(__file__).parent.parent
ALERTMANAGER = EXAMPLES / "alertmanager" / "alertmanager.yaml"
PROMETHEUS = EXAMPLES / "prometheus" / "prometheus.yml"
RULES = EXAMPLES / "prometheus" / "residency-alerts.yaml"


@contextmanager
def receiver_running(directory: Path) -> Iterator[tuple[str, Path]]:
    """Run a receiver of alerts: its URL, and the file to which it writes what arrives."""
    address, log = free_address(), directory / "alerts.log"
    command = (sys.executable, EXAMPLES / "alertmanager" / "receiver.py", address.partition(":")[2])
    with running(command, f"http://{address}", log, {}):
        yield f"http://{address}", log


@contextmanager
def alertmanager_running(directory: Path, receiver: str, **route: str) -> Iterator[str]:
    """Run Alertmanager, which sends to `receiver`; `route` replaces settings of its route. Gives its URL."""
    config = yaml.safe_load(ALERTMANAGER.read_text(encoding="utf-8"))
    config["route"] |= route
    for each in config["receivers"]:
        (webhook,) = each["webhook_configs"]
        webhook["url"] = receiver + urlsplit(webhook["url"]).path
    file = _written(directory / ALERTMANAGER.name, config)
    address = free_address()
    command = (
        *(alertmanager(), f"--config.file={file}", f"--storage.path={directory / 'alertmanager'}"),
        *(f"--web.listen-address={address}", "--cluster.listen-address="),
    )
    with running(command, f"http://{address}/-/ready", directory / "alertmanager.log", {}):
        yield f"http://{address}"


@contextmanager
def prometheus_running(
    directory: Path, metrics: str, alerts: str, *, rules: Path = RULES, every: str = "15s"
) -> Iterator[str]:
    """Run Prometheus: its URL.

    Args:
        directory: for its data and log.
        metrics: URL of the Collector's metrics.
        alerts: URL of Alertmanager.
        rules: the file of rules.
        every: how often to scrape.
    """
    config = yaml.safe_load(PROMETHEUS.read_text(encoding="utf-8"))
    (scraped,), (told,) = config["scrape_configs"], config["alerting"]["alertmanagers"]
    scraped["static_configs"] = [{"targets": [urlsplit(metrics).netloc]}]
    told["static_configs"] = [{"targets": [urlsplit(alerts).netloc]}]
    config["global"]["scrape_interval"] = every
    config["rule_files"] = [str(rules)]
    file = _written(directory / PROMETHEUS.name, config)
    address = free_address()
    command = (
        *(prometheus(), f"--config.file={file}", f"--storage.tsdb.path={directory / 'prometheus'}"),
        f"--web.listen-address={address}",
    )
    with running(command, f"http://{address}/-/ready", directory / "prometheus.log", {}):
        yield f"http://{address}"


def _written(file: Path, config: object) -> Path:
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    return file
