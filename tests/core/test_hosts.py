"""Hosts, looked up one by one."""

from datetime import date

import pytest

from otel_residency.catalogue import load_catalogue
from otel_residency.core.hosts import canonical_host, lookalike_of, match_host
from otel_residency.core.policy import ConfiguredHost

DAY = date(2026, 11, 20)
CATALOGUE = load_catalogue()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("EU.Api.OpenAI.com", "eu.api.openai.com"),
        ("eu.api.openai.com.", "eu.api.openai.com"),
        ("eu.api.openai.com..", "eu.api.openai.com."),
        ("[::1]", "::1"),
        ("[::1].", "[::1]"),
        ("gateway.example]", "gateway.example]"),
        ("\u212ar.api.openai.com", "\u212ar.api.openai.com"),
        ("", ""),
    ],
)
def test_a_host_is_normalised(written: str, expected: str) -> None:
    """Letter case, one final dot and brackets don't matter; letters of other scripts stay what they are."""
    assert expected == canonical_host(written)


@pytest.mark.parametrize(
    ("host", "kind", "provider", "regions"),
    [
        ("eu.api.openai.com", "listed", "openai", ("eu",)),
        ("api.openai.com", "listed", "openai", ("global",)),
        ("xx.api.openai.com", "listed", "openai", ()),
        ("contoso.openai.azure.com", "listed", "azure", ()),
        ("europe-west4-aiplatform.googleapis.com", "listed", "vertex", ("eu",)),
        ("-aiplatform.googleapis.com", "lookalike", "unknown", ()),
        ("europe-west4-bplatform.googleapis.com", "unknown", "unknown", ()),
        ("azure-api.net", "unknown", "unknown", ()),
        ("openai.azure.com", "unknown", "unknown", ()),
        (".openai.azure.com", "unknown", "unknown", ()),
        ("a..azure-api.net", "unknown", "unknown", ()),
        ("auth.openai.com", "control-plane", "openai", ()),
        ("chatgpt.com", "unknown", "openai", ()),
        ("models.local", "local", "unknown", ()),
        ("10.1.2.3", "local", "unknown", ()),
        ("fe80::1%eth0", "local", "unknown", ()),
        ("203.0.113.7", "unknown", "unknown", ()),
        ("::ffff:10.0.0.1", "local", "unknown", ()),
        ("127.0.0.1", "loopback", "unknown", ()),
        ("localhost.", "loopback", "unknown", ()),
        ("api.openai.eu", "bogus", "unknown", ()),
        ("uk.api.openai.com", "lookalike", "unknown", ()),
        ("eu-api-openai.com", "lookalike", "unknown", ()),
        ("gateway.example", "unknown", "unknown", ()),
    ],
)
def test_each_kind_of_host_is_reported(host: str, kind: str, provider: str, regions: tuple[str, ...]) -> None:
    """A name is listed, of a known family, local, an imitation, or unknown; a region is only ever listed."""
    match = match_host(CATALOGUE, {}, host, None, DAY)
    assert (kind, provider, regions) == (match.kind, match.provider, match.regions)


@pytest.mark.parametrize(
    ("key", "host", "port", "region"),
    [
        ("gateway.example", "gateway.example", None, "eu"),
        ("gateway.example", "gateway.example", 8443, "eu"),
        ("gateway.example:8443", "gateway.example", 8443, "eu"),
        ("gateway.example:8443", "gateway.example", None, "unknown"),
        ("[fd00::1]:8443", "fd00::1", 8443, "eu"),
        ("fd00::1", "[fd00::1]", 8443, "eu"),
        ("fd00::1:8443", "fd00::1", 8443, "unknown"),
        ("eu.api.openai.com.evil.example", "eu.api.openai.com.evil.example", None, "eu"),
    ],
)
def test_a_configured_host_is_found_by_name_or_by_name_and_port(
    key: str, host: str, port: int | None, region: str
) -> None:
    """What a policy says about a port holds for that port; addresses stand in brackets before one."""
    match = match_host(CATALOGUE, {key: ConfiguredHost("eu")}, host, port, DAY)
    assert region == match.region


@pytest.mark.parametrize(
    ("host", "port", "place"),
    [
        ("Gateway.example.", None, "gateway.example"),
        ("gateway.example", 8443, "gateway.example:8443"),
        ("[fd00::1]", 8443, "[fd00::1]:8443"),
    ],
)
def test_a_host_is_shown_with_its_port(host: str, port: int | None, place: str) -> None:
    """A host has its port beside it, where that is not the default, as a policy names it."""
    assert match_host(CATALOGUE, {}, host, port, DAY).place == place


def test_an_imitation_names_what_it_imitates() -> None:
    """Who reads the finding learns which host was meant."""
    assert lookalike_of(CATALOGUE, "eu.api-openai.com") == "eu.api.openai.com"
    match = match_host(CATALOGUE, {}, "eu.api-openai.com", None, DAY)
    assert match.note == "it resembles eu.api.openai.com and is another host"
