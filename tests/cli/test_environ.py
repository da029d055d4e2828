"""What is left out of text that others wrote."""

import pytest

from otel_residency.cli.environ import without_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param(
            "can't reach https://u:p@host:1/v1?k=v now", "can't reach https://host:1/v1 now", id="url"
        ),
        pytest.param("Incorrect API key: sk-proj-abcdefgh", "Incorrect API key: ***", id="key"),
        pytest.param("sent Bearer abc.def", "sent ***", id="bearer"),
        pytest.param("header x-team=hunter22", "header x-team=***", id="of-a-header"),
        pytest.param("did you mean 'gb'?; is it?", "did you mean 'gb'?; is it?", id="prose"),
    ],
)
def test_secrets_are_left_out(text: str, shown: str) -> None:
    """Userinfo, query strings, keys, and whatever a variable holds that is named like a secret."""
    assert without_secrets(text, {"OTEL_EXPORTER_OTLP_HEADERS": "x=hunter22", "HOME": "prose"}) == shown
