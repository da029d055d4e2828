"""Prometheus and Alertmanager, with the configuration of the examples and the addresses of this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from examples.stack.programs import free_address, running
from tools.debian import alertmanager, prometheus

EXAMPLES = Path(__file__).parent.parent
ALERTMANAGER = EXAMPLES / "alertmanager" / "alertmanager.yaml"
PROMETHEUS = EXAMPLES / "prometheus" / "prometheus.yml"
RULES = EXAMPLES / "prometheus" / "residency-alerts.yaml"


@contextmanager
def alertmanager_running(directory: Path, config: Path = ALERTMANAGER) -> Iterator[str]:
    """Run Alertmanager: its URL."""
    address = free_address()
    command = (
        *(alertmanager(), f"--config.file={config}", f"--storage.path={directory / 'alertmanager'}"),
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
    file = directory / "prometheus.yml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    address = free_address()
    command = (
        *(prometheus(), f"--config.file={file}", f"--storage.tsdb.path={directory / 'prometheus'}"),
        f"--web.listen-address={address}",
    )
    with running(command, f"http://{address}/-/ready", directory / "prometheus.log", {}):
        yield f"http://{address}"
