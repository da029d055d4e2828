"""Paths, looked up one by one."""

import pytest

from otel_residency.catalogue import load_catalogue
from otel_residency.core.paths import is_canonical, lenient_path, match_endpoint, normal_path

CATALOGUE = load_catalogue()


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
def test_a_path_is_written_in_one_way(path: str, expected: str) -> None:
    """Escapes of plain letters are read and dot segments applied; anything else stays as it is."""
    assert expected == normal_path(path)


@pytest.mark.parametrize(
    ("path", "reading"),
    [
        ("/v1/organization/..%2Fchat/completions", "/v1/chat/completions"),
        ("/v1/organization/..%5Cchat", "/v1/chat"),
        ("/v1/organization/..\\chat", "/v1/chat"),
        ("/v1/organization/../chat", "/v1/chat"),
        ("/v1/organization/%2e%2E/chat", "/v1/chat"),
        ("/v1/organization/..;/chat", "/v1/chat"),
        ("/v1/chat;a=b/completions", "/v1/chat/completions"),
        ("/v1/organization/..%252Fchat", "/v1/chat"),
        ("/v1/organization/%25252e%25252e/chat", "/v1/chat"),
        ("/v1//chat/", "/v1/chat"),
        ("/v1/chat%3Fstore=true", "/v1/chat"),
        ("/v1/chat%23x", "/v1/chat"),
        ("/v1/./chat", "/v1/chat"),
        ("/../../v1", "/v1"),
        ("/v1/%00chat", "/v1/\x00chat"),
        ("/v1/caf%C3%A9", "/v1/caf\u00e9"),
        ("/v1/caf\u00e9", "/v1/caf\u00e9"),
        ("/v1/%zz", "/v1/%zz"),
    ],
)
def test_a_path_that_servers_read_in_different_ways_is_not_canonical(path: str, reading: str) -> None:
    """It is told from one that all servers read alike, and the most forgiving reading is known."""
    assert not is_canonical(path)
    assert lenient_path(path) == reading


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1/chat/completions",
        "/v1/%63hat/completions",
        "/v1/files/{}",
        "/v1/models/ft:gpt-4o-2024-08-06:org::id",
        "/v1/models/ft%3Agpt-4o",
        "/v1/a%20b/c.d/..e/f~g!$&'()*+,=@h",
    ],
)
def test_a_path_that_all_servers_read_alike_is_canonical(path: str) -> None:
    """Escapes of plain letters and of spaces, colons in ids, and what a record has for an id."""
    assert is_canonical(path)


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
        ("openai", "/v1/organization/projects", None, "/v1/organization/projects", False),
        ("openai", "/v1/organization/anything/at/all", None, "unknown", True),
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
