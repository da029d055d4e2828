"""Where telemetry goes, host by host."""

import pytest

from otel_residency.catalogue import load_catalogue
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.entries import Entries
from otel_residency.core.host_entries import TelemetryHost
from otel_residency.core.telemetry_hosts import match_telemetry_host

CATALOGUE = load_catalogue()


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("api.eu1.honeycomb.io", "eu"),
        ("API.Honeycomb.io.", "us"),
        ("xray.eu-west-2.amazonaws.com", "gb"),
        ("xray.eu-central-2.amazonaws.com", "eu"),
        ("logs.me-south-1.amazonaws.com", "other"),
        ("westeurope.in.applicationinsights.azure.com", "eu"),
        ("westeurope-5.in.applicationinsights.azure.com", "eu"),
        ("eastus-8.in.applicationinsights.azure.com", "us"),
        ("uksouth-1.in.applicationinsights.azure.com", "gb"),
        ("ingest.eu2.signalfx.com", "gb"),
        ("o1.ingest.de.sentry.io", "eu"),
        ("ingress.ap3.coralogix.com", "other"),
        ("otlp.datadoghq.com", "us"),
        ("otlp.datadoghq.eu", "eu"),
    ],
)
def test_a_listed_host_has_its_documented_region(host: str, region: str) -> None:
    """The region is that of the place, not of the label: a cloud's eu-west-2 is in Great Britain."""
    assert region == match_telemetry_host(CATALOGUE, {}, host, 443)


@pytest.mark.parametrize(
    "host",
    [
        "telemetry.googleapis.com",
        "otlp-gateway-prod-eu-west-2.grafana.net",
        "otlp-gateway-prod-eu-west-9.aws-eu-west-1-0.grafana.net",
        "abc12345.live.dynatrace.com",
        "id.ingest.eu-west-1.aws.elastic.cloud",
        "xray.eu-west-9.amazonaws.com",
        "otlp.eu9.datadoghq.com",
        "ingest.eu2.signoz.cloud",
        "atlantis-1.in.applicationinsights.azure.com",
    ],
)
def test_a_label_that_looks_like_a_region_is_none(host: str) -> None:
    """What no documentation places is unknown, whatever its name suggests."""
    assert match_telemetry_host(CATALOGUE, {}, host, None) == "unknown"


@pytest.mark.parametrize(
    "host",
    [
        "collector.example",
        "api.eu1.honeycomb.io.evil.example",
        "evil-api.eu1.honeycomb.io",
        "datadoghq.eu",
        "xdatadoghq.eu",
        ".datadoghq.eu",
        "evil.example\uff0f.datadoghq.eu",
        "eu.api.openai.com",
        "",
    ],
)
def test_a_host_that_is_not_listed_is_unknown(host: str) -> None:
    """Names are compared whole: neither a beginning nor an end of a name is enough."""
    assert match_telemetry_host(CATALOGUE, {}, host, 443) == "unknown"


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.8.0.1", "[::1]", "::ffff:127.0.0.1"]
)
def test_this_machine_is_local(host: str) -> None:
    """A loopback name or address does not leave the machine."""
    assert match_telemetry_host(CATALOGUE, {}, host, 4318) == "local"


@pytest.mark.parametrize("host", ["10.1.2.3", "192.168.1.1", "fd00::1", "203.0.113.7", "otel.local"])
def test_an_address_or_a_name_of_a_private_network_names_no_region(host: str) -> None:
    """A private network may span the world."""
    assert match_telemetry_host(CATALOGUE, {}, host, 4318) == "unknown"


@pytest.mark.parametrize(
    ("key", "host", "port", "region"),
    [
        ("collector.example", "Collector.example.", 4318, "eu"),
        ("collector.example:4318", "collector.example", 4318, "eu"),
        ("collector.example:4318", "collector.example", 4317, "unknown"),
        ("collector.example:4318", "collector.example", None, "unknown"),
        ("[fd00::1]:4318", "fd00::1", 4318, "eu"),
        ("10.1.2.3", "10.1.2.3", 4318, "eu"),
        ("localhost", "localhost", 4318, "eu"),
        ("localhost:4318", "localhost", 4318, "eu"),
        ("localhost:4318", "localhost", 9411, "local"),
        ("[::1]:4317", "[::1]", 4317, "eu"),
        ("telemetry.googleapis.com", "telemetry.googleapis.com", 443, "eu"),
        ("abc12345.live.dynatrace.com", "abc12345.live.dynatrace.com", 443, "eu"),
    ],
)
def test_a_policy_reports_what_the_catalogue_does_not(
    key: str, host: str, port: int | None, region: str
) -> None:
    """By name or by name and port, also for a collector on this machine, which forwards somewhere."""
    assert region == match_telemetry_host(CATALOGUE, {key: "eu"}, host, port)


def test_the_port_is_more_exact_than_the_host() -> None:
    """Two collectors on one machine may forward to different places."""
    configured = {"localhost": "us", "localhost:4318": "eu"}
    assert match_telemetry_host(CATALOGUE, configured, "localhost", 4318) == "eu"
    assert match_telemetry_host(CATALOGUE, configured, "localhost", 4317) == "us"


@pytest.mark.parametrize("host", ["api.honeycomb.io", "otlp.us5.datadoghq.com"])
def test_a_policy_can_t_move_a_listed_host(host: str) -> None:
    """What is documented to be in one region stays there, whatever a policy says."""
    assert match_telemetry_host(CATALOGUE, {host: "eu", f"{host}:443": "eu"}, host, 443) == "us"


def test_a_host_of_which_sources_disagree_is_unknown() -> None:
    """Two documented regions are no region, and a policy does not choose between them."""
    listed = TelemetryHost(
        host="ingest.example", operator="Example", regions=("eu", "us"), sources=("contract",)
    )
    catalogue = Catalogue(Entries(telemetry_hosts=(listed,)))
    assert match_telemetry_host(catalogue, {"ingest.example": "eu"}, "ingest.example", 443) == "unknown"
