"""langchain-openai: its chat model."""

from langchain_openai import ChatOpenAI
from made_up import KEY, MODEL, PROMPT


def _model(base: str | None) -> ChatOpenAI:
    return ChatOpenAI(model=MODEL, base_url=base, api_key=KEY)


def plain(base: str | None) -> str:
    """One answer as a whole."""
    return _model(base).invoke(PROMPT).text


def streamed(base: str | None) -> str:
    """One answer in pieces."""
    return "".join(chunk.text for chunk in _model(base).stream(PROMPT))


async def asynchronous(base: str | None) -> str:
    """One answer to a coroutine."""
    return (await _model(base).ainvoke(PROMPT)).text
