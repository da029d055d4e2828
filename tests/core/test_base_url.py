"""Base URLs: what a client can call, and what of it is shown."""

import pytest

from otel_residency.core.base_url import BaseUrl, read_base_url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://eu.api.openai.com/v1", "https://eu.api.openai.com/v1"),
        ("https://EU.api.openai.com:8443/v1/", "https://eu.api.openai.com:8443/v1"),
        ("http://user:secret@gw.example/openai?key=secret#x", "http://gw.example/openai"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
    ],
)
def test_a_url_is_shown_without_secrets(text: str, shown: str) -> None:
    """Userinfo, query and fragment are left out, and a final slash."""
    assert str(read_base_url(text)) == shown


@pytest.mark.parametrize(
    "text", ["", "eu.api.openai.com", "ftp://h/v1", "https:///v1", "https://h:x", "http://["]
)
def test_a_url_that_no_client_can_call_is_none(text: str) -> None:
    """Without http or https, without a host, with a port that is no number."""
    assert read_base_url(text) is None


def test_the_parts_are_those_of_a_request() -> None:
    """The host without brackets, and no port where it is the default one."""
    assert read_base_url("https://[fd00::1]/v1/") == BaseUrl(
        scheme="https", host="fd00::1", port=None, path="/v1"
    )
