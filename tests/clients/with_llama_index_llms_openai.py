"""llama-index-llms-openai: its LLM."""

from llama_index.core.llms import ChatMessage
from llama_index.llms.openai import OpenAI
from made_up import KEY, MODEL, PROMPT


def _model(base: str | None) -> OpenAI:
    return OpenAI(model=MODEL, api_base=base, api_key=KEY)


def plain(base: str | None) -> str:
    """One answer as a whole."""
    return str(_model(base).complete(PROMPT))


def streamed(base: str | None) -> str:
    """One answer in pieces."""
    return "".join(chunk.delta or "" for chunk in _model(base).stream_complete(PROMPT))


async def asynchronous(base: str | None) -> str:
    """One answer to a coroutine."""
    answer = await _model(base).achat([ChatMessage(content=PROMPT)])
    return str(answer.message.content)
