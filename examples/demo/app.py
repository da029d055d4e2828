"""A claims desk that calls the OpenAI API, mostly from Europe and sometimes by mistake.

This is an ordinary application: it imports neither OpenTelemetry nor otel-residency, and reads
only what the client itself reads (OPENAI_API_KEY, HTTPS_PROXY, SSL_CERT_FILE). Its mistakes look
harmless, which is why nobody sees them in a code review.
"""

import asyncio
from collections.abc import Callable, Coroutine
from inspect import iscoroutine
from typing import TypeAlias

from openai import AsyncOpenAI, OpenAI, OpenAIError
from openai.types.chat import ChatCompletion, ChatCompletionUserMessageParam
from openai.types.responses import EasyInputMessageParam

EU = "https://eu.api.openai.com/v1"
US = "https://us.api.openai.com/v1"
FROM_A_BLOG = "https://api.openai.eu/v1"

SNAPSHOT = "gpt-5.2-2025-12-11"
ALIAS = "gpt-5.2"

Call: TypeAlias = Callable[[], str | Coroutine[None, None, str]]


def claim(secret: str) -> str:
    """A prompt that must not leave Europe; each call has a secret of its own."""
    return f"Summarise the claim of customer {secret}, who was taken to hospital in Turin."


def user(secret: str) -> ChatCompletionUserMessageParam:
    """The same prompt as a chat message."""
    return {"role": "user", "content": claim(secret)}


def text(answer: ChatCompletion) -> str:
    """What the model said."""
    return answer.choices[0].message.content or ""


def chat_snapshot() -> str:
    """An exact model version on the European host: nothing to find here."""
    with OpenAI(base_url=EU) as client:
        messages = [user("SECRET-7f3a91c2")]
        return text(client.chat.completions.create(model=SNAPSHOT, messages=messages))


def chat_alias() -> str:
    """A moving name: only the answer tells which model version it was."""
    with OpenAI(base_url=EU) as client:
        messages = [user("SECRET-1b8e4d07")]
        return text(client.chat.completions.create(model=ALIAS, messages=messages))


def chat_stream() -> str:
    """The call is over when its last chunk has come."""
    messages = [user("SECRET-c05d72ea")]
    with (
        OpenAI(base_url=EU) as client,
        client.chat.completions.create(model=SNAPSHOT, messages=messages, stream=True) as chunks,
    ):
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


async def responses_stream() -> str:
    """The same, asynchronously and with the newer API."""
    async with (
        AsyncOpenAI(base_url=EU) as client,
        await client.responses.create(model=SNAPSHOT, input=claim("SECRET-94f6a13b"), stream=True) as events,
    ):
        deltas = [event.delta async for event in events if event.type == "response.output_text.delta"]
        return "".join(deltas)


def embeddings() -> str:
    """A listed model without a date in its name."""
    with OpenAI(base_url=EU) as client:
        answer = client.embeddings.create(model="text-embedding-3-small", input=claim("SECRET-e2207c9d"))
        return f"{len(answer.data[0].embedding)} dimensions"


def list_models() -> str:
    """No customer content in it, so residency does not apply."""
    with OpenAI(base_url=EU) as client:
        return f"{len(list(client.models.list()))} models"


def chat_default_host() -> str:
    """Somebody forgot the base URL: this host promises no region at all."""
    with OpenAI() as client:
        messages = [user("SECRET-5ad80b36")]
        return text(client.chat.completions.create(model=SNAPSHOT, messages=messages))


async def embeddings_default_host() -> str:
    """The chat client was configured and the embedder was not: half of the data leaves."""
    async with AsyncOpenAI() as client:
        answer = await client.embeddings.create(
            model="text-embedding-3-small", input=claim("SECRET-38c1f5e4")
        )
        return f"{len(answer.data[0].embedding)} dimensions"


def chat_us_host() -> str:
    """A configuration copied from another team."""
    with OpenAI(base_url=US) as client:
        messages = [user("SECRET-d96b204f")]
        return text(client.chat.completions.create(model=SNAPSHOT, messages=messages))


def chat_invented_host() -> str:
    """A host from a guide on the web that is not the vendor's."""
    with OpenAI(base_url=FROM_A_BLOG) as client:
        messages = [user("SECRET-6c4f9e18")]
        return text(client.chat.completions.create(model=SNAPSHOT, messages=messages))


def chat_redirected() -> str:
    """The European host answers this desk with a redirect, which the client just follows."""
    with OpenAI(base_url=EU) as client:
        messages = [user("SECRET-b7135da0")]
        return text(client.chat.completions.create(model=SNAPSHOT, messages=messages, user="desk-17"))


def chat_stored() -> str:
    """The right host, with a feature that it does not have in Europe."""
    with OpenAI(base_url=EU) as client:
        messages = [user("SECRET-2fe86c71")]
        return text(client.chat.completions.create(model=SNAPSHOT, messages=messages, store=True))


def conversation() -> str:
    """The right host, with an endpoint that is in no residency table."""
    with OpenAI(base_url=EU) as client:
        item: EasyInputMessageParam = {"role": "user", "content": claim("SECRET-80d47ab5")}
        return client.conversations.create(items=[item]).id


async def file_upload() -> str:
    """The right host, for an endpoint that stores in Europe and promises no processing there."""
    async with AsyncOpenAI(base_url=EU) as client:
        document = ("claim.txt", claim("SECRET-fa0c3965").encode())
        return (await client.files.create(file=document, purpose="user_data")).id


CALLS: dict[str, Call] = {
    "chat, snapshot": chat_snapshot,
    "chat, alias": chat_alias,
    "chat, streamed": chat_stream,
    "responses, async": responses_stream,
    "embeddings": embeddings,
    "list of models": list_models,
    "chat, default host": chat_default_host,
    "embeddings, default": embeddings_default_host,
    "chat, US host": chat_us_host,
    "chat, invented host": chat_invented_host,
    "chat, redirected": chat_redirected,
    "chat, stored": chat_stored,
    "conversation": conversation,
    "file upload": file_upload,
}


def outcome(call: Call) -> str:
    """Whatever the vendor's client raises is this call's own problem, not the next one's."""
    try:
        answer = call()
        return f"ok, {asyncio.run(answer) if iscoroutine(answer) else answer}"
    except OpenAIError as error:
        return type(error).__name__


if __name__ == "__main__":
    for name, call in CALLS.items():
        print(f"{name}: {outcome(call)}")
