"""Hosts and paths, looked up one by one."""

from datetime import date

import pytest

from otel_residency.catalogue import load_catalogue
from otel_residency.core.classify import canonical_host, lookalike_of, match_endpoint, match_host, normal_path
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


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("v1/files", "/v1/files"),
        ("", "/"),
        ("/", "/"),
        ("/v1/%63hat", "/v1/chat"),
        ("/v1/%2fx", "/v1/%2Fx"),
        ("/v1/%7euser", "/v1/~user"),
        ("/v1/%zz", "/v1/%zz"),
        ("/a/./b/../c", "/a/c"),
        ("/a/%2e%2E/c", "/c"),
        ("/a/b/..", "/a/"),
        ("/a/b/.", "/a/b/"),
        ("/../..", "/"),
        ("/a//b", "/a//b"),
    ],
)
def test_a_path_is_normalised(path: str, expected: str) -> None:
    """Escapes of plain letters are read and dot segments applied; anything else stays as it is."""
    assert expected == normal_path(path)


@pytest.mark.parametrize(
    ("provider", "path", "base", "template", "content"),
    [
        ("openai", "/v1/files/file-1/content", None, "/v1/files/{file_id}/content", True),
        ("openai", "/v1/files//content", None, "unknown", True),
        ("openai", "/v1", None, "unknown", True),
        ("openai", "/v1/responses/compact", None, "/v1/responses/compact", True),
        ("openai", "/v1/responses/resp_1", None, "/v1/responses/{response_id}", True),
        ("openai", "/v1/models/gpt-4o", None, "/v1/models/{model}", False),
        ("openai", "/v1/models/", None, "unknown", True),
        ("openai", "/v1/organization/anything/at/all", None, "unknown", False),
        ("openai", "/v1/organization//anything", None, "unknown", True),
        ("openai", "/files", None, "unknown", True),
        ("openai", "/files", "/", "/v1/files", True),
        ("openai", "/api/files", "/api/", "/v1/files", True),
        ("openai", "/api/files", "/other", "unknown", True),
        ("openai", "/api", "/api/files", "unknown", True),
        ("azure", "/openai/deployments/chat/chat/completions", None, "/v1/chat/completions", True),
        ("azure", "/openai/deployments//chat/completions", None, "unknown", True),
        ("azure", "/openai/v1/responses", None, "/v1/responses", True),
        ("azure", "/openai/files", None, "/v1/files", True),
        ("other", "/v1/files", "/v1", "/v1/files", True),
        ("other", "/v1/files", None, "unknown", True),
    ],
)
def test_a_path_is_the_endpoint_of_its_template(
    provider: str, path: str, base: str | None, template: str, *, content: bool
) -> None:
    """Ids are templated, literal segments win over them, and each provider has base paths of its own."""
    match = match_endpoint(CATALOGUE, provider, "GET", path, base)
    assert (template, content) == (match.template, match.content)


def test_the_path_names_the_deployment() -> None:
    """A deployment stands in the path of a cloud, and nowhere else."""
    match = match_endpoint(CATALOGUE, "azure", "POST", "/openai/deployments/chat/embeddings")
    assert match.deployment == "chat"
    assert match_endpoint(CATALOGUE, "azure", "POST", "/openai/v1/embeddings").deployment is None
