"""Byte for byte, what goes on the wire is what the client alone would send."""

from functools import cache

import openai
import pytest

from tests.calls.wire import CASES, VARIANTS, Sent, sent_by_process

AT_LEAST = {"retried": 3, "redirected": 2}


@cache
def sent(variant: str | None = None) -> Sent:
    """What a process sends that was told of this variant of the package, or of none."""
    return sent_by_process(variant)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind_name", ["sync", "async"])
@pytest.mark.parametrize("name", CASES)
def test_the_same_bytes_are_sent(name: str, kind_name: str, variant: str) -> None:
    """Request lines, headers in their order, and bodies are those of a process without the package."""
    expected = sent().get(f"{name}-{kind_name}", [])
    if name == "responses" and not expected:
        pytest.skip(f"openai {openai.VERSION} has no responses")
    assert len(expected) >= AT_LEAST.get(name, 1)
    assert expected == sent(variant)[f"{name}-{kind_name}"]
