"""Calls with large request bodies: what reading them costs must grow with their number of objects alone."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionMessage

from benchmarks import wire
from benchmarks.cases import Case
from benchmarks.wire import EMBEDDING_MODEL, MODEL, Answer

_QUESTION: Final = "Summarise the claim of the customer who was taken to hospital in Turin."
_IMAGE: Final = "data:image/png;base64," + "iVBORw0KGgo=" * 800
_FUNCTION: Final = {"name": "claim", "arguments": '{"number": 4711}'}


def _messages(count: int) -> list[Any]:
    return [{"role": "user", "content": _QUESTION} for _ in range(count)]


def _tool_calls(count: int) -> Iterable[Any]:
    """Rounds of a question for a tool and its answer."""
    for number in range(count):
        call = {"id": f"call_{number}", "type": "function", "function": _FUNCTION}
        yield {"role": "assistant", "tool_calls": [call]}
        yield {"role": "tool", "tool_call_id": f"call_{number}", "content": "paid"}


def _images(count: int) -> list[Any]:
    parts = [{"type": "image_url", "image_url": {"url": _IMAGE}} for _ in range(count)]
    return [{"role": "user", "content": [{"type": "text", "text": _QUESTION}, *parts]}]


def _chat(title: str, messages: list[Any], verdict: str = "eligible") -> Case:
    case = _case(title, wire.chat(), lambda client: client.chat.completions.create, MODEL, messages=messages)
    return case._replace(verdict=verdict)


def _embeddings(title: str, inputs: list[str]) -> Case:
    return _case(
        title, wire.embeddings(), lambda client: client.embeddings.create, EMBEDDING_MODEL, input=inputs
    )


def _case(title: str, answer: Answer, method: Callable[[Any], Any], model: str, **keywords: object) -> Case:
    def call(client: OpenAI) -> None:
        method(client)(model=model, **keywords)

    async def call_async(client: AsyncOpenAI) -> None:
        await method(client)(model=model, **keywords)

    return Case(title=title, answer=answer, call=call, call_async=call_async)


_ANSWERED: Final = ChatCompletionMessage(role="assistant", content="The claim is filed.")
LARGE: Final = {
    case.title: case
    for case in (
        _chat("100 messages", _messages(100)),
        _chat("200 messages", _messages(200)),
        _chat("100 messages, one of pydantic", [*_messages(99), _ANSWERED]),
        _chat("100 tool calls", [*_messages(1), *_tool_calls(100)]),
        # Images need terms of their own in the EU.
        _chat("10 images", _images(10), verdict="conditional"),
        _embeddings("2,048 embeddings inputs", [_QUESTION] * 2048),
    )
}
