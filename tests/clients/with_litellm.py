"""litellm: its functions."""

from typing import Any

import litellm
from made_up import KEY, MESSAGES, MODEL


def _arguments(base: str | None) -> dict[str, Any]:
    return {"model": f"openai/{MODEL}", "messages": MESSAGES, "api_base": base, "api_key": KEY}


def plain(base: str | None) -> str:
    """One answer as a whole."""
    return str(litellm.completion(**_arguments(base)).choices[0].message.content)


def streamed(base: str | None) -> str:
    """One answer in pieces."""
    return "".join(
        chunk.choices[0].delta.content or "" for chunk in litellm.completion(**_arguments(base), stream=True)
    )


async def asynchronous(base: str | None) -> str:
    """One answer to a coroutine."""
    return str((await litellm.acompletion(**_arguments(base))).choices[0].message.content)
