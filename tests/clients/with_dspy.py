"""dspy: its language model, with litellm as the engine, since its own one is not seen: see test_dspy.py."""

import dspy
from made_up import KEY, MODEL, PROMPT


class Question(dspy.Module):
    """A program that passes a question on to the model."""

    def __init__(self, model: dspy.LM) -> None:
        super().__init__()
        self._model = model

    def forward(self, question: str) -> dspy.Prediction:
        """What the model answers."""
        return dspy.Prediction(answer=self._model(question)[0])


def _model(base: str | None) -> dspy.LM:
    return dspy.LM(f"openai/{MODEL}", api_base=base, api_key=KEY, engine="litellm", cache=False)


def plain(base: str | None) -> str:
    """One answer as a whole."""
    return str(_model(base)(PROMPT)[0])


async def streamed(base: str | None) -> str:
    """One answer from a program that streams what it can."""
    *_, last = [piece async for piece in dspy.streamify(Question(_model(base)))(question=PROMPT)]
    return str(last.answer)


async def asynchronous(base: str | None) -> str:
    """One answer to a coroutine."""
    return str((await _model(base).acall(PROMPT))[0])
