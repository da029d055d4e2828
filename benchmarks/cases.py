"""The calls that are timed: what services do most, as they write it."""

from collections.abc import Awaitable, Callable
from time import perf_counter_ns
from typing import Final, NamedTuple

from openai import AsyncOpenAI, DefaultAsyncHttpxClient, DefaultHttpxClient, OpenAI
from openai.types.chat import ChatCompletionUserMessageParam

from benchmarks import wire
from benchmarks.wire import CHUNKS, EMBEDDING_MODEL, MODEL, Answer, Wire

Moments = list[int] | None
"""When each chunk of a stream arrived."""
BASE_URL: Final = "https://eu.api.openai.com/v1"
_SHORT = "Summarise the claim of the customer who was taken to hospital in Turin."
_LONG = (_SHORT * 1500)[:100_000]


def _user(content: str) -> list[ChatCompletionUserMessageParam]:
    return [{"role": "user", "content": content}]


def _chat(client: OpenAI) -> None:
    client.chat.completions.create(model=MODEL, messages=_user(_SHORT))


async def _chat_async(client: AsyncOpenAI) -> None:
    await client.chat.completions.create(model=MODEL, messages=_user(_SHORT))


def _long_prompt(client: OpenAI) -> None:
    client.chat.completions.create(model=MODEL, messages=_user(_LONG))


async def _long_prompt_async(client: AsyncOpenAI) -> None:
    await client.chat.completions.create(model=MODEL, messages=_user(_LONG))


def _raw(client: OpenAI) -> None:
    client.chat.completions.with_raw_response.create(model=MODEL, messages=_user(_SHORT)).parse()


async def _raw_async(client: AsyncOpenAI) -> None:
    raw = await client.chat.completions.with_raw_response.create(model=MODEL, messages=_user(_SHORT))
    raw.parse()


def _responses(client: OpenAI) -> None:
    client.responses.create(model=MODEL, input=_SHORT)


async def _responses_async(client: AsyncOpenAI) -> None:
    await client.responses.create(model=MODEL, input=_SHORT)


def _embeddings(client: OpenAI) -> None:
    client.embeddings.create(model=EMBEDDING_MODEL, input=_SHORT)


async def _embeddings_async(client: AsyncOpenAI) -> None:
    await client.embeddings.create(model=EMBEDDING_MODEL, input=_SHORT)


def _stream(client: OpenAI) -> Moments:
    chunks = client.chat.completions.create(model=MODEL, messages=_user(_SHORT), stream=True)
    return [perf_counter_ns() for _ in chunks]


async def _stream_async(client: AsyncOpenAI) -> Moments:
    chunks = await client.chat.completions.create(model=MODEL, messages=_user(_SHORT), stream=True)
    return [perf_counter_ns() async for _ in chunks]


class Case(NamedTuple):
    """One kind of call, synchronous and not."""

    title: str
    answer: Answer
    call: Callable[[OpenAI], Moments]
    call_async: Callable[[AsyncOpenAI], Awaitable[Moments]]
    burst: int = 20
    """Calls that are timed one after another before it is another variant's turn."""
    verdict: str = "eligible"

    def client(self) -> OpenAI:
        """A client on the wire of this case."""
        http_client = DefaultHttpxClient(transport=Wire(self.answer))
        return OpenAI(base_url=BASE_URL, api_key="none", http_client=http_client)

    def client_async(self) -> AsyncOpenAI:
        """An asynchronous client on the wire of this case."""
        http_client = DefaultAsyncHttpxClient(transport=Wire(self.answer))
        return AsyncOpenAI(base_url=BASE_URL, api_key="none", http_client=http_client)


CASES: Final = {
    "chat": Case("chat", wire.chat(), _chat, _chat_async),
    "long": Case("chat, 100 kB prompt", wire.chat(), _long_prompt, _long_prompt_async),
    "raw": Case("chat, with_raw_response", wire.chat(), _raw, _raw_async),
    "responses": Case("responses", wire.response(), _responses, _responses_async),
    "embeddings": Case("embeddings", wire.embeddings(), _embeddings, _embeddings_async),
    "stream-1": Case("stream of 1 chunk", wire.chat_stream(1), _stream, _stream_async),
    "stream": Case(f"stream of {CHUNKS} chunks", wire.chat_stream(CHUNKS), _stream, _stream_async, burst=3),
}
