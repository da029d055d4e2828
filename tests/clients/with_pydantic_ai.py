"""pydantic-ai: one agent that is asked once."""

from made_up import KEY, MODEL, PROMPT
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


def _agent(base: str | None) -> Agent:
    return Agent(OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=base, api_key=KEY)))


def plain(base: str | None) -> str:
    """One answer as a whole."""
    return _agent(base).run_sync(PROMPT).output


async def streamed(base: str | None) -> str:
    """One answer in pieces."""
    async with _agent(base).run_stream(PROMPT) as run:
        return "".join([piece async for piece in run.stream_text(delta=True)])


async def asynchronous(base: str | None) -> str:
    """One answer to a coroutine."""
    return (await _agent(base).run(PROMPT)).output
