"""What the description of content says of a key, and what is left of attributes."""

import pytest

from otel_residency.export_gate.content import bare_url, load_content


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("gen_ai.input.messages", "content"),
        ("gen_ai.prompt.0.content", "content"),
        ("gen_ai.prompt.name", "kept"),
        ("gen_ai.request.model", "kept"),
        ("url.full", "urls"),
        ("residency.verdict", "kept"),
        ("db.statement.of.nobody", None),
    ],
)
def test_the_kind_of_a_key(key: str, kind: str | None) -> None:
    """An exact entry goes before a family."""
    assert load_content().kind(key) == kind


def test_what_is_left_of_attributes() -> None:
    """Content goes, URLs lose what is private; strictly, so does the unknown, but for single numbers."""
    attributes = {
        "gen_ai.input.messages": "?",
        "gen_ai.request.model": "m",
        "url.full": "https://u:p@h.example/x?q=1#f",
        "http.url": 7,
        "unknown.text": "?",
        "unknown.number": 1.5,
        "unknown.flag": True,
        "unknown.vector": (1.0, 2.0),
    }
    loose = load_content().without(attributes, strict=False)
    assert loose == {
        **{key: attributes[key] for key in attributes if key not in ("gen_ai.input.messages", "http.url")},
        "url.full": "https://h.example/x",
        "http.url": "",
    }
    strict = load_content().without(attributes, strict=True)
    assert strict.keys() == loose.keys() - {"unknown.text", "unknown.vector"}


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("https://u:p@h.example:1/x?q#f", "https://h.example:1/x"),
        ("/ask?q=1", "/ask"),
        ("http://[broken", ""),
        ("", ""),
    ],
)
def test_a_url_without_what_is_private(url: str, bare: str) -> None:
    """No user information, query or fragment."""
    assert bare_url(url) == bare
