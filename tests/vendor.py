"""What the vendor's hosts answer: in the shape of the real API, as little as its client is content with."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from examples.demo.loopback import Asked, Reply

Json: TypeAlias = dict[str, Any]

SNAPSHOT = "gpt-5.2-2025-12-11"
ALIAS = "gpt-5.2"
ALIASES = {ALIAS: SNAPSHOT, "gpt-4o": "gpt-4o-2024-08-06"}
CREATED = 1_795_132_800
EVIDENCE = {
    "x-request-id": "req_test",
    "openai-organization": "example-gmbh",
    "openai-project": "proj_test",
    "cf-ray": "0000000000000001-FRA",
}


def ordinary(request: Asked) -> Reply:
    """The answer that a request deserves, whatever it is."""
    body = request_json(request)
    model = ALIASES.get(str(body.get("model", "")), body.get("model"))
    path = request.path.partition("?")[0]
    if body.get("stream") is True:
        return events(stream_of(path, model))
    return answer(body_of(path, model))


def request_json(request: Asked) -> Json:
    """The body of a request, if it is a JSON object."""
    if request.headers.get_content_type() != "application/json" or not request.body:
        return {}
    body = json.loads(request.body)
    return body if isinstance(body, dict) else {}


def answer(body: Mapping[str, Any], status: int = 200, **headers: str) -> Reply:
    """A JSON answer. Underscores in the names of `headers` are hyphens."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {**EVIDENCE, "content-type": "application/json", **given}, json.dumps(body).encode())


def error(status: int, code: str | None = None, message: str = "no", **headers: str) -> Reply:
    """An error of the API."""
    details = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return answer({"error": details}, status, **headers)


def redirect(status: int, location: str) -> Reply:
    """Elsewhere."""
    return Reply(status, {"location": location})


def events(parts: Iterable[bytes]) -> Reply:
    """A stream of server-sent events."""
    return Reply(200, {**EVIDENCE, "content-type": "text/event-stream; charset=utf-8"}, parts)


def event(value: Mapping[str, Any], name: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value)}\n\n".encode()


DONE = b"data: [DONE]\n\n"


def stream_of(path: str, model: str | None) -> Iterator[bytes]:
    """The events of a whole stream, in the dialect of the endpoint."""
    if path.endswith("/responses"):
        yield from response_events(model)
    elif path.endswith("/chat/completions"):
        yield from chat_events(model)
        yield DONE
    else:
        yield from (event(body_of(path, model)) for _ in range(3))
        yield DONE


def chat_events(model: str | None) -> Iterator[bytes]:
    """The chunks of a chat completion, without the last line."""
    for text in ("Hello", " there", None):
        delta = {"role": "assistant", "content": text} if text else {}
        choice = {"index": 0, "delta": delta, "finish_reason": None if text else "stop"}
        yield event(
            {
                "id": "chatcmpl_1",
                "object": "chat.completion.chunk",
                "created": CREATED,
                "model": model,
                "choices": [choice],
            }
        )


def response_object(model: str | None, status: str = "completed", **more: Any) -> Json:
    """A response of the responses API."""
    part = {"type": "output_text", "text": "Hello there", "annotations": []}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": CREATED,
        "model": model,
        "status": status,
        "output": [message] if status == "completed" else [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        **more,
    }


def response_events(model: str | None, last: str = "completed", **more: Any) -> Iterator[bytes]:
    """The events of a response; `last` names how it ends."""
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "logprobs": []}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    part = {"type": "output_text", "text": "", "annotations": []}
    found: list[Json] = [
        {"type": "response.created", "response": response_object(model, "in_progress")},
        {"type": "response.output_item.added", "output_index": 0, "item": message},
        {"type": "response.content_part.added", **place, "part": part},
        {"type": "response.output_text.delta", **place, "delta": "Hello there"},
        {"type": f"response.{last}", "response": response_object(model, last, **more)},
    ]
    for number, each in enumerate(found):
        yield event({**each, "sequence_number": number}, each["type"])


def body_of(path: str, model: str | None) -> Json:
    """A JSON object with every field that some part of the client asks for."""
    if path.endswith("/responses"):
        return response_object(model)
    message = {"role": "assistant", "content": "{}", "refusal": None}
    vector = {"object": "embedding", "index": 0, "embedding": [0.25]}
    finished = "processed" if re.search(r"/files/[^/]+$", path) else "completed"
    return {
        "id": "id_1",
        "thread_id": "thread_1",
        "object": "object",
        "created": CREATED,
        "created_at": CREATED,
        "model": model,
        "status": finished,
        "choices": [{"index": 0, "message": message, "text": "", "finish_reason": "stop", "logprobs": None}],
        "data": [vector] if path.endswith("/embeddings") else [],
        "has_more": False,
        "upload": {"id": "upload_1"},
        "file_counts": {"in_progress": 0, "completed": 1, "failed": 0, "cancelled": 0, "total": 1},
        "results": [],
        "text": "",
        "output": [],
        "client_secret": {"value": "ek_test", "expires_at": CREATED},
    }
