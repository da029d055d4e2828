"""dspy: its language model, with the engine that it chooses: an HTTP client of its own over bare sockets."""

import dspy
from made_up import KEY, MODEL, PROMPT


def plain(base: str | None) -> str:
    """One answer as a whole."""
    return str(dspy.LM(f"openai/{MODEL}", api_base=base, api_key=KEY, cache=False)(PROMPT)[0])
