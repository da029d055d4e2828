"""haystack-ai: its chat generator."""

from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage, StreamingChunk
from haystack.utils import Secret
from made_up import KEY, MODEL, PROMPT

MESSAGES = [ChatMessage.from_user(PROMPT)]


def _generator(base: str | None) -> OpenAIChatGenerator:
    return OpenAIChatGenerator(model=MODEL, api_base_url=base, api_key=Secret.from_token(KEY))


def plain(base: str | None) -> str:
    """One answer as a whole."""
    return str(_generator(base).run(MESSAGES)["replies"][0].text)


def streamed(base: str | None) -> str:
    """One answer in pieces."""
    pieces: list[StreamingChunk] = []
    _generator(base).run(MESSAGES, streaming_callback=pieces.append)
    return "".join(piece.content for piece in pieces)


async def asynchronous(base: str | None) -> str:
    """One answer to a coroutine."""
    return str((await _generator(base).run_async(MESSAGES))["replies"][0].text)
