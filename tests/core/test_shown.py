"""What messages show of a value that somebody else wrote, and what they hide."""

import json
import tomllib

import pytest

from otel_residency.core.shown import (
    HIDDEN,
    is_file_name,
    is_host,
    is_nearly,
    may_show,
    shown,
    shown_host,
    shown_name,
    syntax_error,
    text_if_shown,
)

KEY = "Zq7mArKeR9xWvB3"
WORDS = ("block", "withhold", "OTEL_RESIDENCY_REQUIRE")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ("eu;gb", "'eu;gb'"),
        ("withold", "'withold'"),
        ("block withhold", "'block withhold'"),
        ("------", "a text of 6 characters"),
        (KEY, "a text of 15 characters"),
        (7, "7"),
        (1.5, "1.5"),
        (1234567890, "a long number"),
        ({KEY: 1}, "a table"),
        ([KEY], "a list"),
        ((KEY,), "a list"),
        ({KEY}, "set"),
    ],
)
def test_a_wrong_value_is_shown_if_it_is_short_or_nearly_a_known_word(value: object, text: str) -> None:
    """Of anything else only the kind is shown."""
    assert shown(value, WORDS) == text


def test_a_value_for_a_document_is_empty_where_it_is_hidden() -> None:
    """The document has the message beside it."""
    assert text_if_shown("blocked", WORDS) == "blocked"
    assert text_if_shown(KEY, WORDS) == ""


@pytest.mark.parametrize(
    "text", ["atlantis", "Standard", "November 2026", "20.11.2026", "openai-1999", "eu.gb"]
)
def test_what_no_machine_makes_for_a_key_is_shown(text: str) -> None:
    """A word, a date, or a known word with a number."""
    assert may_show(text, ("openai-2026",))


@pytest.mark.parametrize(
    "text",
    ["hunter2x", "correct horse", "1234-5678-9012", "abcdefghijklmnop", "AKIAIOSFODNN", "a/b+c==d", "-" * 9],
)
def test_what_may_be_a_secret_is_hidden(text: str) -> None:
    """Several words, many digits, a long word, or letters with digits."""
    assert not may_show(text, ("openai-2026",))


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("block", "block", True),
        ("blok", "block", True),
        ("lbock", "block", True),
        ("lbokc", "block", True),
        ("blocked", "block", True),
        ("glock!", "block", True),
        ("blockade", "block", False),
        ("clerk", "block", False),
        ("", "to", True),
        ("to", "", True),
    ],
)
def test_a_misspelling_differs_by_at_most_two_letters(text: str, word: str, *, expected: bool) -> None:
    """Replaced, added, left out, or exchanged with the next one."""
    assert is_nearly(text, word) == expected


@pytest.mark.parametrize(
    "text",
    [
        "support-us",
        "jane@corp.example",
        "mTLS by the mesh, runbook 7",
        "gpt-4.1-2025-04-14",
        "proj_Abc123Def456Ghi",
        "moves old files, ticket 4711",
    ],
)
def test_a_name_is_shown(text: str) -> None:
    """Services, owners, models, ids of the vendor's and sentences."""
    assert shown_name(text) == text


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        f"key {KEY}",
        "0123456789abcdef01234",
        "sk-abc",
        "Bearer abc",
        "https://user@host.example",
        "user:word@host.example",
        "-----BEGIN",
        "a\nb",
        "word " * 41,
    ],
)
def test_a_name_that_looks_like_a_secret_is_hidden(text: str) -> None:
    """Keys by their letters or their beginning, user information, PEM, and what is too long for a name."""
    assert shown_name(text) == HIDDEN


def test_a_host_is_shown_if_it_is_plainly_one() -> None:
    """With or without a port; neither user information nor a word of letters and digits."""
    for host in ("eu.api.openai.com", "10.0.0.1:8443", "[::1]:80", "localhost", "gw"):
        assert is_host(host)
        assert shown_host(host) == host
    for text in (KEY, "user:word@host.example", "https://host.example", "host.example/v1"):
        assert shown_host(text) == HIDDEN


def test_a_path_is_one_by_its_suffix() -> None:
    """A key in base64 has none."""
    assert is_file_name("/etc/residency/key.pem")
    assert is_file_name("ledger.jsonl")
    assert not is_file_name(f"/{KEY}/{KEY}==")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff", "is not TOML: it is not UTF-8"),
        (f"a = 1\n{KEY}".encode(), "is not TOML: see end of document"),
        (f"[{KEY}]\nb = 1\n[{KEY}]\n".encode(), "is not TOML: see line 3, column "),
    ],
)
def test_an_error_of_syntax_names_the_place_alone(content: bytes, message: str) -> None:
    """`tomllib` repeats keys of the file."""
    with pytest.raises(ValueError, match=r"codec|Expected|declare") as caught:
        tomllib.loads(content.decode())
    found = syntax_error(caught.value, "TOML")
    assert found.startswith(message)
    assert KEY not in found


def test_an_error_of_json_names_line_and_column() -> None:
    """Where there is no place, as with a document that is nested too deeply, there is only the kind."""
    with pytest.raises(ValueError, match="Expecting value") as caught:
        json.loads(f'{{"{KEY}": }}')
    assert syntax_error(caught.value, "JSON").startswith("is not JSON: see line 1, column ")
    assert syntax_error(RecursionError(KEY), "JSON") == "is not JSON"
