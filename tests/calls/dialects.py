"""The three dialects in which the API streams, each with a call that is answered by a stream."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import openai
import pytest

from tests.calls.resources import METHODS, method
from tests.vendor import ALIAS, DONE, SNAPSHOT, chat_events, response_events, stream_of

MESSAGES = [{"role": "user", "content": "Hello"}]


class Dialect(NamedTuple):
    """A dialect, and what is true of a call that was answered in it."""

    name: str
    path: str
    arguments: dict[str, Any]
    events: Callable[[], Iterator[bytes]]
    verdict: str
    reasons: tuple[str, ...]
    snapshot: str

    def needed(self) -> None:
        """Skip a test where the client does not speak it."""
        if self.path not in METHODS:
            pytest.skip(f"openai {openai.VERSION} has no {self.path}")

    def method(self, client: Any, variant: str | None = None) -> Callable[..., Any]:
        """The method that streams."""
        found = method(client, self.path, variant)
        assert found is not None
        return found


def _chat() -> Iterator[bytes]:
    yield from chat_events(SNAPSHOT)
    yield DONE


CHAT = Dialect(
    "chat",
    "chat.completions.create",
    {"model": ALIAS, "messages": MESSAGES, "stream": True},
    _chat,
    "eligible",
    ("model.alias_resolved",),
    SNAPSHOT,
)
RESPONSES = Dialect(
    "responses",
    "responses.create",
    {"model": ALIAS, "input": "Hello", "stream": True},
    lambda: response_events(SNAPSHOT),
    "eligible",
    ("model.alias_resolved",),
    SNAPSHOT,
)
COMPLETIONS = Dialect(
    "completions",
    "completions.create",
    {"model": "gpt-3.5-turbo-instruct", "prompt": "Hello", "stream": True},
    lambda: stream_of("/v1/completions", "gpt-3.5-turbo-instruct"),
    "ineligible",
    ("endpoint.not_listed",),
    "gpt-3.5-turbo-instruct",
)
DIALECTS = (CHAT, RESPONSES, COMPLETIONS)
