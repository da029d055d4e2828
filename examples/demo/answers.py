"""Answers in the shape of the OpenAI API, so that the real client is content with them.

Only what the demo calls is here. Ids and times are fixed: the same call gets the same answer.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

CREATED = 1_795_132_800
TEXT = "The claim is filed."
RESOLVED = {"gpt-5.2": "gpt-5.2-2025-12-11"}
REDIRECTED_USER = "desk-17"
"""Requests of this user are sent on to the default host, without the application's doing."""

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and either one body or the events of a stream."""

    body: Json = field(default_factory=dict)
    events: tuple[Json, ...] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(host: str, method: str, path: str, body: Json, *, authorized: bool) -> Answer:
    """What `host` says to one request."""
    if host == "eu.api.openai.com" and body.get("user") == REDIRECTED_USER:
        return Answer(status=307, headers={"location": f"https://api.openai.com{path}"})
    if not authorized:
        # The client drops the key when a redirect changes the host. The prompt it does send again.
        return _error(401, "You didn't provide an API key.", "invalid_api_key")
    requested = str(body.get("model", ""))
    model = RESOLVED.get(requested, requested)
    streamed = ANSWERS_IN_EVENTS.get((method, path)) if body.get("stream") else None
    if streamed:
        return Answer(events=tuple(streamed(model)))
    if whole := ANSWERS_IN_ONE.get((method, path)):
        return Answer(whole(model))
    return _error(404, f"Invalid URL ({method} {path})", "unknown_url")


def server_sent(events: tuple[Json, ...]) -> Iterator[bytes]:
    """The two dialects of stream: typed events (responses), or bare data and `[DONE]` (chat)."""
    for event in events:
        name = f"event: {event['type']}\n" if "type" in event else ""
        yield f"{name}data: {json.dumps(event)}\n\n".encode()
    if events and "type" not in events[-1]:
        yield b"data: [DONE]\n\n"


def _completion(model: str) -> Json:
    message: Json = {"role": "assistant", "content": TEXT, "refusal": None, "annotations": []}
    return {
        "id": "chatcmpl-demo",
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 31, "completion_tokens": 5, "total_tokens": 36},
        "service_tier": "default",
    }


def _completion_chunks(model: str) -> Iterator[Json]:
    deltas = [{"role": "assistant", "content": ""}, *({"content": word} for word in _words()), {}]
    for delta in deltas:
        choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
        yield {
            "id": "chatcmpl-demo",
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": model,
            "choices": [choice],
            "service_tier": "default",
        }


def _response_events(model: str) -> Iterator[Json]:
    part = {"type": "output_text", "text": TEXT, "annotations": []}
    message = {"id": "msg_demo", "type": "message", "role": "assistant", "status": "completed"}
    response: Json = {
        "id": "resp_demo",
        "object": "response",
        "created_at": CREATED,
        "model": model,
        "store": False,
        "service_tier": "default",
    }
    place = {"item_id": "msg_demo", "output_index": 0, "content_index": 0}
    unfinished = response | {"status": "in_progress", "output": []}
    finished = response | {"status": "completed", "output": [message | {"content": [part]}]}
    events: list[Json] = [
        {"type": "response.created", "response": unfinished},
        *({"type": "response.output_text.delta", "delta": word, **place} for word in _words()),
        {"type": "response.completed", "response": finished},
    ]
    for number, event in enumerate(events):
        yield event | {"sequence_number": number}


def _words() -> Iterator[str]:
    head, *tail = TEXT.split(" ")
    yield head
    yield from (f" {word}" for word in tail)


def _embeddings(model: str) -> Json:
    vector = {"object": "embedding", "index": 0, "embedding": [0.25, -0.5, 0.75]}
    usage = {"prompt_tokens": 17, "total_tokens": 17}
    return {"object": "list", "data": [vector], "model": model, "usage": usage}


def _conversation(_model: str) -> Json:
    return {"id": "conv_demo", "object": "conversation", "created_at": CREATED, "metadata": {}}


def _file(_model: str) -> Json:
    return {
        "id": "file-demo",
        "object": "file",
        "bytes": 81,
        "created_at": CREATED,
        "filename": "claim.txt",
        "purpose": "user_data",
    }


def _models(_model: str) -> Json:
    names = (*RESOLVED.values(), "text-embedding-3-small")
    models = [{"id": name, "object": "model", "owned_by": "system"} for name in names]
    return {"object": "list", "data": models}


def _error(status: int, message: str, code: str) -> Answer:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return Answer({"error": error}, status=status)


ANSWERS_IN_ONE: Mapping[tuple[str, str], Callable[[str], Json]] = {
    ("POST", "/v1/chat/completions"): _completion,
    ("POST", "/v1/embeddings"): _embeddings,
    ("POST", "/v1/conversations"): _conversation,
    ("POST", "/v1/files"): _file,
    ("GET", "/v1/models"): _models,
}
ANSWERS_IN_EVENTS: Mapping[tuple[str, str], Callable[[str], Iterator[Json]]] = {
    ("POST", "/v1/chat/completions"): _completion_chunks,
    ("POST", "/v1/responses"): _response_events,
}
