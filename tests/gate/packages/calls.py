"""The calls that every package is watched with, one request each. Together they put each marker somewhere."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import openai
from loopback import FAILING, MODEL, REFUSING
from markers import Marker


class Clients(NamedTuple):
    """The client, and a way to make one for a coroutine."""

    plain: openai.OpenAI
    of_coroutine: Callable[[], openai.AsyncOpenAI]


USER: Any = {"role": "user", "content": f"My claim is {Marker.USER}"}
SYSTEM: Any = {"role": "system", "content": f"You are {Marker.SYSTEM}"}
PARAMETERS = {
    "type": "object",
    "properties": {"claim": {"type": "string", "description": Marker.TOOL_SCHEMA}},
    "required": ["claim"],
    "additionalProperties": False,
}
TOOL = {
    "name": "file_claim",
    "description": Marker.TOOL_DESCRIPTION,
    "parameters": PARAMETERS,
    "strict": True,
}
TOOLS = [{"type": "function", "function": TOOL}]
ARGUMENTS = f'{{"claim": "{Marker.TOOL_ARGUMENTS}"}}'
ANSWER = {
    "type": "object",
    "properties": {"answer": {"type": "string", "description": Marker.ANSWER_SCHEMA}},
    "required": ["answer"],
    "additionalProperties": False,
}
IMAGE_URL = f"data:image/png;base64,{Marker.IMAGE}"
FILE_URL = f"data:application/pdf;base64,{Marker.FILE}"


class ConsumerError(Exception):
    """What an application raises while it reads an answer."""


def chat(clients: Clients, **options: Any) -> Any:
    """One chat completion."""
    options.setdefault("messages", [SYSTEM, USER])
    return clients.plain.chat.completions.create(**{"model": MODEL, **options})


def chat_with_everything(clients: Clients) -> None:
    """Every parameter that takes a text of the application's."""
    chat(
        clients,
        stop=[Marker.STOP],
        prediction={"type": "content", "content": Marker.PREDICTION},
        metadata={"note": Marker.METADATA},
        store=True,
        user=Marker.END_USER,
        extra_headers={"x-note": Marker.HEADER},
        messages=[SYSTEM, USER, {"role": "assistant", "content": Marker.ASSISTANT}, USER],
    )


def chat_stream(clients: Clients) -> None:
    """A stream, read to its end."""
    for _ in chat(clients, stream=True, stream_options={"include_usage": True}):
        pass


def chat_stream_fails(clients: Clients) -> None:
    """A reader that fails, with what it read in its message."""
    read = ""
    with chat(clients, stream=True) as stream:
        for chunk in stream:
            for choice in chunk.choices:
                read += choice.delta.content or ""
            if Marker.OUTPUT in read:
                raise ConsumerError(f"{Marker.CONSUMER}: cannot read {read}")


def chat_tool_call(clients: Clients) -> None:
    """The model calls a tool."""
    chat(clients, tools=TOOLS)


def chat_tool_result(clients: Clients) -> None:
    """The model is told what came of it."""
    call = {"id": "call_1", "type": "function", "function": {"name": "file_claim", "arguments": ARGUMENTS}}
    result = {"role": "tool", "tool_call_id": "call_1", "content": Marker.TOOL_RESULT}
    chat(clients, tools=TOOLS, messages=[USER, {"role": "assistant", "tool_calls": [call]}, result])


def chat_tool_call_stream(clients: Clients) -> None:
    """The model calls a tool, in pieces."""
    for _ in chat(clients, tools=TOOLS, stream=True):
        pass


def chat_parts(clients: Clients) -> None:
    """A picture and a file in the question."""
    parts = [
        {"type": "text", "text": f"Look at {Marker.USER}"},
        {"type": "image_url", "image_url": {"url": IMAGE_URL}},
        {"type": "file", "file": {"file_data": FILE_URL, "filename": Marker.FILE_NAME}},
    ]
    chat(clients, messages=[{"role": "user", "content": parts}])


def chat_json(clients: Clients) -> None:
    """An answer by schema."""
    schema = {"name": "answer", "strict": True, "description": Marker.ANSWER_SCHEMA, "schema": ANSWER}
    chat(clients, response_format={"type": "json_schema", "json_schema": schema})


def chat_refused(clients: Clients) -> None:
    """A refusal."""
    chat(clients, model=REFUSING)


def chat_error(clients: Clients) -> None:
    """An error that repeats the question."""
    chat(clients, model=FAILING)


def chat_async(clients: Clients) -> None:
    """From a coroutine."""

    async def chat() -> None:
        async with clients.of_coroutine() as client:
            await client.chat.completions.create(model=MODEL, messages=[SYSTEM, USER])

    asyncio.run(chat())


def chat_async_stream(clients: Clients) -> None:
    """From a coroutine, in pieces."""

    async def chat() -> None:
        async with clients.of_coroutine() as client:
            stream = await client.chat.completions.create(model=MODEL, messages=[SYSTEM, USER], stream=True)
            async for _ in stream:
                pass

    asyncio.run(chat())


def respond(clients: Clients, **options: Any) -> Any:
    """One response."""
    options.setdefault("input", USER["content"])
    return clients.plain.responses.create(**{"model": MODEL, "instructions": Marker.INSTRUCTIONS, **options})


def responses_with_everything(clients: Clients) -> None:
    """Every parameter that takes a text of the application's, and parts."""
    parts = [
        {"type": "input_text", "text": f"Look at {Marker.USER}"},
        {"type": "input_image", "detail": "auto", "image_url": IMAGE_URL},
        {"type": "input_file", "file_data": FILE_URL, "filename": Marker.FILE_NAME},
    ]
    respond(
        clients,
        input=[{"role": "user", "content": parts}],
        metadata={"note": Marker.METADATA},
        user=Marker.END_USER,
        extra_headers={"x-note": Marker.HEADER},
    )


def responses_stream(clients: Clients) -> None:
    """A stream of events, read to its end."""
    for _ in respond(clients, stream=True):
        pass


def responses_stream_fails(clients: Clients) -> None:
    """A reader that fails, with what it read in its message."""
    with respond(clients, stream=True) as stream:
        for event in stream:
            if event.type == "response.output_text.done":
                raise ConsumerError(f"{Marker.CONSUMER}: cannot read {event.text}")


def responses_tool_call(clients: Clients) -> None:
    """The model calls a tool."""
    respond(clients, tools=[{"type": "function", **TOOL}], input=[USER])


def responses_tool_result(clients: Clients) -> None:
    """The model is told what came of it."""
    call = {"type": "function_call", "call_id": "call_1", "name": "file_claim", "arguments": ARGUMENTS}
    result = {"type": "function_call_output", "call_id": "call_1", "output": Marker.TOOL_RESULT}
    respond(clients, tools=[{"type": "function", **TOOL}], input=[USER, call, result])


def responses_json(clients: Clients) -> None:
    """An answer by schema."""
    form = {"type": "json_schema", "name": "answer", "strict": True, "schema": ANSWER}
    respond(clients, text={"format": form})


def responses_error(clients: Clients) -> None:
    """An error that repeats the question."""
    respond(clients, model=FAILING)


def embed(clients: Clients) -> None:
    """The vector of a text."""
    clients.plain.embeddings.create(model=MODEL, input=Marker.EMBEDDED)


def embed_several(clients: Clients) -> None:
    """The vectors of several texts, as numbers."""
    clients.plain.embeddings.create(model=MODEL, input=[Marker.EMBEDDED], encoding_format="float")


def complete(clients: Clients) -> None:
    """A completion of the time before chat."""
    clients.plain.completions.create(model=MODEL, prompt=Marker.PROMPT, suffix=Marker.SUFFIX)


def draw(clients: Clients) -> None:
    """A picture."""
    clients.plain.images.generate(model=MODEL, prompt=Marker.DRAWN)


def transcribe(clients: Clients) -> None:
    """A recording to text."""
    recording = (Marker.FILE_NAME, Marker.FILE.encode())
    clients.plain.audio.transcriptions.create(model=MODEL, file=recording, prompt=Marker.HEARD)


def moderate(clients: Clients) -> None:
    """A text to be judged."""
    clients.plain.moderations.create(model=MODEL, input=Marker.PROMPT)


def upload(clients: Clients) -> None:
    """A file to be stored."""
    clients.plain.files.create(file=(Marker.FILE_NAME, Marker.FILE.encode()), purpose="user_data")


CALLS: tuple[Callable[[Clients], Any], ...] = (
    chat,
    chat_with_everything,
    chat_stream,
    chat_stream_fails,
    chat_tool_call,
    chat_tool_call_stream,
    chat_tool_result,
    chat_parts,
    chat_json,
    chat_refused,
    chat_error,
    chat_async,
    chat_async_stream,
    respond,
    responses_with_everything,
    responses_stream,
    responses_stream_fails,
    responses_tool_call,
    responses_tool_result,
    responses_json,
    responses_error,
    embed,
    embed_several,
    complete,
    draw,
    transcribe,
    moderate,
    upload,
)
