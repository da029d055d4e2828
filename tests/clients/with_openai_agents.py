"""openai-agents: one agent that is asked once, by either endpoint."""

from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner
from made_up import KEY, MODEL, PROMPT
from openai import AsyncOpenAI

KEPT: list[AsyncOpenAI] = []
"""The clients, until the program ends: one that is collected while another loop runs fails to close."""


def _agent(base: str | None, kind: type = OpenAIResponsesModel) -> Agent:
    client = AsyncOpenAI(base_url=base, api_key=KEY)
    KEPT.append(client)
    return Agent(name="clerk", model=kind(MODEL, openai_client=client))


def plain(base: str | None) -> str:
    """One answer as a whole, of the older endpoint: of it, traces hold the prompt too."""
    return str(Runner.run_sync(_agent(base, OpenAIChatCompletionsModel), PROMPT).final_output)


async def streamed(base: str | None) -> str:
    """One answer in pieces."""
    run = Runner.run_streamed(_agent(base), PROMPT)
    events = [event async for event in run.stream_events()]
    return f"{run.final_output} after {len(events)} events"


async def asynchronous(base: str | None) -> str:
    """One answer to a coroutine."""
    return str((await Runner.run(_agent(base), PROMPT)).final_output)
