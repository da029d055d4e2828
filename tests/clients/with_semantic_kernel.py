"""semantic-kernel: its chat service, which knows coroutines only."""

from made_up import KEY, MODEL, PROMPT
from openai import AsyncOpenAI
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion, OpenAIChatPromptExecutionSettings
from semantic_kernel.contents import ChatHistory

SETTINGS = OpenAIChatPromptExecutionSettings()


def _service(base: str | None) -> OpenAIChatCompletion:
    client = AsyncOpenAI(base_url=base, api_key=KEY)
    return OpenAIChatCompletion(ai_model_id=MODEL, async_client=client)


def _history() -> ChatHistory:
    history = ChatHistory()
    history.add_user_message(PROMPT)
    return history


async def streamed(base: str | None) -> str:
    """One answer in pieces."""
    pieces = _service(base).get_streaming_chat_message_content(_history(), SETTINGS)
    return "".join([str(piece) async for piece in pieces])


async def asynchronous(base: str | None) -> str:
    """One answer to a coroutine."""
    return str(await _service(base).get_chat_message_content(_history(), SETTINGS))
