"""A server on loopback that answers like the OpenAI API, with a marker in every place that can hold content.

What reaches any other path is kept: an instrumentation that uploads content around its exporter does it here.
"""

import json
import struct
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from typing import Any, NamedTuple, TypeAlias

from markers import Marker

Json: TypeAlias = dict[str, Any]

MODEL = "gpt-5.2-2025-12-11"
REFUSING = "gpt-5.2-refusing"
FAILING = "gpt-5.2-failing"
CREATED = 1_795_132_800
NUMBERS = count(1)
"""Of the answers: one package takes two with the same id for one."""
ARGUMENTS = json.dumps({"claim": Marker.TOOL_ARGUMENTS})
WORDS = ("It says ", Marker.OUTPUT, ".")
USAGE = {"prompt_tokens": 31, "completion_tokens": 5, "total_tokens": 36}


class Upload(NamedTuple):
    """Content that went its own way: not over an exporter."""

    method: str
    path: str
    body: str


class Server(ThreadingHTTPServer):
    """The API on a loopback port of its own."""

    daemon_threads = True

    def __init__(self, uploads: list[Upload]) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.uploads = uploads

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about streams that the reader left early."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class Request(BaseHTTPRequestHandler):
    """Reads one request to its end and answers it."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet: standard error belongs to what is tested."""

    def do_POST(self) -> None:
        """Answer a request of any method."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path = self.path.partition("?")[0]
        if not path.startswith("/v1/"):
            if body:
                self.server.uploads.append(Upload(self.command, path, readable(body)))
            self._send(200, self._elsewhere(path, body))
            return
        payload = json.loads(body) if body.startswith(b"{") else {}
        payload["number"] = next(NUMBERS)
        if payload.get("model") == FAILING:
            self._send(400, failure(payload))
        elif payload.get("stream"):
            self._stream(chunks(payload) if path == "/v1/chat/completions" else response_events(payload))
        else:
            self._send(200, ANSWERS[path](payload))

    do_GET = do_PUT = do_PATCH = do_POST  # noqa: N815

    def _elsewhere(self, path: str, body: bytes) -> Json:
        """Langfuse announces what it is about to upload, by its digest, and is told where to."""
        if path.endswith("/media"):
            digest = json.loads(body)["sha256Hash"].translate(str.maketrans("+/", "-_"))
            return {"mediaId": digest[:22], "uploadUrl": f"{self.server.url}/store/{digest[:22]}"}
        return {}

    def _send(self, status: int, answer: Json) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, events: Iterator[Json]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for event in events:
            name = f"event: {event['type']}\n" if "type" in event else ""
            self.wfile.write(f"{name}data: {json.dumps(event)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True


def readable(body: bytes) -> str:
    """A body as text: pictures and files in base64, as the client was given them."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return b64encode(body).decode()


@contextmanager
def serving(uploads: list[Upload]) -> Iterator[str]:
    """Serve until the block is left; gives the address. What is uploaded is added to `uploads`."""
    server = Server(uploads)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.url
    finally:
        server.shutdown()
        server.server_close()


def failure(payload: Json) -> Json:
    """An error that repeats what was asked, as providers do."""
    text_item = json.dumps(payload.get("messages") or payload.get("input"))
    message = f"Invalid value {text_item}: {Marker.ERROR}"
    return {"error": {"message": message, "type": "invalid_request_error", "param": "messages", "code": None}}


def wants_tool(payload: Json) -> bool:
    """Whether tools are offered and none was used yet."""
    turns = payload.get("messages") or payload.get("input")
    return bool(payload.get("tools")) and not any(
        turn.get("role") == "tool" or turn.get("type") == "function_call_output"
        for turn in turns or ()
        if isinstance(turn, dict)
    )


def answer_text(payload: Json) -> str:
    """What the model says: JSON if a schema was given."""
    if "response_format" in payload or "text" in payload:
        return json.dumps({"answer": Marker.OUTPUT})
    return "".join(WORDS)


def completion(payload: Json) -> Json:
    """A chat completion: a text, a refusal, or a call of a tool."""
    message: Json = {"role": "assistant", "content": answer_text(payload), "refusal": None, "annotations": []}
    reason = "stop"
    if payload["model"] == REFUSING:
        message |= {"content": None, "refusal": Marker.REFUSAL}
    elif wants_tool(payload):
        message |= {"content": None, "tool_calls": [tool_call()]}
        reason = "tool_calls"
    return {
        "id": f"chatcmpl-{payload['number']}",
        "object": "chat.completion",
        "created": CREATED,
        "model": payload["model"],
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
        "usage": USAGE,
        "service_tier": "default",
        "system_fingerprint": "fp_1",
    }


def tool_call() -> Json:
    """A call of the tool that the calls offer."""
    return {
        "id": "call_1",
        "type": "function",
        "function": {"name": "file_claim", "arguments": ARGUMENTS},
    }


def chunks(payload: Json) -> Iterator[Json]:
    """The same in pieces."""
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    if wants_tool(payload):
        deltas.append({"tool_calls": [{"index": 0, **tool_call()}]})
    else:
        deltas += [{"content": text} for text in WORDS]
    common: Json = {
        "id": f"chatcmpl-{payload['number']}",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": payload["model"],
    }
    for delta in deltas:
        yield {**common, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    reason = "tool_calls" if wants_tool(payload) else "stop"
    yield {**common, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    if (payload.get("stream_options") or {}).get("include_usage"):
        yield {**common, "choices": [], "usage": USAGE}


def response(payload: Json) -> Json:
    """A response: reasoning, and a text or a call of a tool."""
    thought = {
        "id": "rs_1",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": Marker.REASONING}],
    }
    return {
        **unfinished(payload),
        "status": "completed",
        "output": [thought, function_call() if wants_tool(payload) else text_item(answer_text(payload))],
        "usage": {
            "input_tokens": 31,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 1},
            "total_tokens": 36,
        },
    }


def unfinished(payload: Json) -> Json:
    """A response as its first event shows it: the answer repeats much of the question."""
    return {
        "id": f"resp_{payload['number']}",
        "object": "response",
        "created_at": CREATED,
        "model": payload["model"],
        "status": "in_progress",
        "instructions": payload.get("instructions"),
        "metadata": payload.get("metadata") or {},
        "user": payload.get("user"),
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": payload.get("tools") or [],
        "temperature": 1.0,
        "top_p": 1.0,
    }


def function_call() -> Json:
    """An output item that calls the tool."""
    return {
        "id": "fc_1",
        "type": "function_call",
        "call_id": "call_1",
        "name": "file_claim",
        "arguments": ARGUMENTS,
        "status": "completed",
    }


def text_item(text: str) -> Json:
    """An output item that says something."""
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def response_events(payload: Json) -> Iterator[Json]:
    """The same in pieces."""
    whole = response(payload)
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    empty = {"type": "output_text", "text": "", "annotations": []}
    item = whole["output"][-1]
    events: list[Json] = [
        {"type": "response.created", "response": unfinished(payload)},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.content_part.added", "part": empty, **place},
        *({"type": "response.output_text.delta", "delta": text, "logprobs": [], **place} for text in WORDS),
        {"type": "response.output_text.done", "text": "".join(WORDS), "logprobs": [], **place},
        {"type": "response.content_part.done", "part": item["content"][0], **place},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {**whole, "output": [item]}},
    ]
    for number, event in enumerate(events):
        yield {**event, "sequence_number": number}


def embeddings(payload: Json) -> Json:
    """A vector that is a marker itself: the text can be guessed from it."""
    vector: Any = [float(Marker.VECTOR), 0.25]
    if payload.get("encoding_format") == "base64":
        vector = b64encode(struct.pack("<2f", *vector)).decode()
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": vector}],
        "model": payload["model"],
        "usage": {"prompt_tokens": 31, "total_tokens": 31},
    }


def legacy_completion(payload: Json) -> Json:
    """A completion of the time before chat."""
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": CREATED,
        "model": payload["model"],
        "choices": [{"index": 0, "text": "".join(WORDS), "logprobs": None, "finish_reason": "stop"}],
        "usage": USAGE,
    }


def picture(_payload: Json) -> Json:
    """A picture, and what the model made of the prompt."""
    return {"created": CREATED, "data": [{"b64_json": Marker.PICTURE, "revised_prompt": Marker.REVISED}]}


def transcript(_payload: Json) -> Json:
    """What was heard."""
    return {"text": Marker.TRANSCRIPT, "usage": {"type": "duration", "seconds": 1}}


def moderation(payload: Json) -> Json:
    """A verdict on a text."""
    return {"id": "modr-1", "model": payload["model"], "results": []}


def file(_payload: Json) -> Json:
    """A file that was stored."""
    return {
        "id": "file-1",
        "object": "file",
        "bytes": 12,
        "created_at": CREATED,
        "filename": Marker.FILE_NAME,
        "purpose": "user_data",
        "status": "processed",
    }


ANSWERS = {
    "/v1/audio/transcriptions": transcript,
    "/v1/chat/completions": completion,
    "/v1/completions": legacy_completion,
    "/v1/embeddings": embeddings,
    "/v1/files": file,
    "/v1/images/generations": picture,
    "/v1/moderations": moderation,
    "/v1/responses": response,
}
