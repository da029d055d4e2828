"""The stack of official images: checked as far as it can be without running containers."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
COMPOSE = EXAMPLES / "compose.yaml"
REFERENCE = "github.com/compose-spec/compose-go/v2/cmd@v2.16.2"
"""The library that `docker compose` reads its files with."""
ENVIRONMENT = {**os.environ, "GOFLAGS": "-mod=mod"}
"""As it was before this process was connected to the tests' internet: Go may have to load the library."""


def read(file: Path) -> Any:
    """The content of a YAML file."""
    return yaml.safe_load(file.read_text(encoding="utf-8"))


SERVICES: dict[str, Any] = read(COMPOSE)["services"]


def mounted(service: str) -> list[Path]:
    """The files and folders of the repository that a service mounts."""
    sources = (volume.split(":")[0] for volume in SERVICES[service].get("volumes", ()))
    return [EXAMPLES / source for source in sources if source.startswith("./")]


def test_compose_accepts_the_file() -> None:
    """The parser and schema of `docker compose config`, by its own library."""
    if shutil.which("go") is None and "CI" not in os.environ:
        pytest.skip("Go is not installed, and the reference parser of compose files is written in it.")
    done = subprocess.run(
        ["go", "run", REFERENCE, COMPOSE],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
    )
    assert done.returncode == 0, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) == set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_mounts_is_there(service: str) -> None:
    """Each mounted file is one of the examples, read-only."""
    for volume in SERVICES[service].get("volumes", ()):
        assert volume.endswith(":ro") or not volume.startswith("./")
    for path in mounted(service):
        assert path.exists()


@pytest.mark.parametrize("service", ["collector", "jaeger"])
def test_each_variable_of_a_service_is_one_that_its_configuration_asks_for(service: str) -> None:
    """A variable that is spelled wrongly would be ignored in silence."""
    configuration = "".join(path.read_text(encoding="utf-8") for path in mounted(service))
    assert set(SERVICES[service]["environment"]) <= set(re.findall(r"\$\{env:(\w+)", configuration))


def test_services_address_each_other_by_their_names() -> None:
    """Every address in the mounted configurations is that of a service."""
    prometheus = read(EXAMPLES / "prometheus" / "prometheus.yml")
    groups = (*prometheus["scrape_configs"], *prometheus["alerting"]["alertmanagers"])
    addresses = [target for group in groups for each in group["static_configs"] for target in each["targets"]]
    alertmanager = read(EXAMPLES / "alertmanager" / "alertmanager.yaml")
    sources = read(EXAMPLES / "grafana" / "provisioning" / "datasources" / "residency.yaml")
    urls = [each["webhook_configs"][0]["url"] for each in alertmanager["receivers"]]
    urls += [source["url"] for source in sources["datasources"]]
    hosts = {address.partition(":")[0] for address in addresses} | {urlsplit(url).hostname for url in urls}
    assert hosts <= set(SERVICES)


def test_the_collector_is_of_the_release_that_is_tested() -> None:
    """The image and the manifest that the tests' Collector is built from name one version."""
    version = read(EXAMPLES / "collector" / "manifest.yaml")["dist"]["version"]
    assert SERVICES["collector"]["image"] == f"otel/opentelemetry-collector-contrib:{version}"
