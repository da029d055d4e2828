"""The far end, inside the process: answers as the vendor sends them, without a network to wait for.

An answer is a stream of its own each time, as it is with a socket. (`httpx2.MockTransport` hands out
responses that are read already, and a client's streams would have nothing left to do.)
"""

import json
import struct
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, NamedTuple

import httpx2

MODEL: Final = "gpt-5.2-2025-12-11"
EMBEDDING_MODEL: Final = "text-embedding-3-small"
CHUNKS: Final = 200
_CREATED = 1_795_132_800
_USAGE = {"prompt_tokens": 31, "completion_tokens": 5, "total_tokens": 36}
_TEXT = "The claim is filed."
_HEADERS = (
    ("date", "Fri, 20 Nov 2026 12:00:00 GMT"),
    ("server", "cloudflare"),
    ("access-control-expose-headers", "X-Request-ID"),
    ("openai-organization", "example"),
    ("openai-processing-ms", "241"),
    ("openai-project", "proj_0123456789"),
    ("openai-version", "2020-10-01"),
    ("x-envoy-upstream-service-time", "244"),
    ("x-ratelimit-limit-requests", "30000"),
    ("x-ratelimit-limit-tokens", "150000000"),
    ("x-ratelimit-remaining-requests", "29999"),
    ("x-ratelimit-remaining-tokens", "149999967"),
    ("x-ratelimit-reset-requests", "2ms"),
    ("x-ratelimit-reset-tokens", "0s"),
    ("x-request-id", "req_0123456789abcdef0123456789abcdef"),
    ("cf-cache-status", "DYNAMIC"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
    ("x-content-type-options", "nosniff"),
    ("cf-ray", "9a1b2c3d4e5f6789-FRA"),
    ("alt-svc", 'h3=":443"; ma=86400'),
)


class Answer(NamedTuple):
    """What the far end says, in the pieces in which it arrives."""

    content_type: str
    pieces: tuple[bytes, ...]

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers, as many as the vendor sends."""
        return [("content-type", self.content_type), *_HEADERS]


def _json(body: dict[str, Any]) -> Answer:
    return Answer("application/json", (json.dumps(body).encode(),))


def chat() -> Answer:
    """A chat completion."""
    message: dict[str, Any] = {"role": "assistant", "content": _TEXT, "refusal": None, "annotations": []}
    return _json(
        {
            "id": "chatcmpl-0123456789",
            "object": "chat.completion",
            "created": _CREATED,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": _USAGE,
            "service_tier": "default",
        }
    )


def chat_stream(chunks: int) -> Answer:
    """A streamed chat completion: `chunks` events, each arriving alone, and the end mark."""
    events = [
        {
            "id": "chatcmpl-0123456789",
            "object": "chat.completion.chunk",
            "created": _CREATED,
            "model": MODEL,
            "choices": [{"index": 0, "delta": {"content": " filed"}, "finish_reason": None}],
            "service_tier": "default",
        }
        for _ in range(chunks)
    ]
    pieces = [f"data: {json.dumps(event)}\n\n".encode() for event in events]
    return Answer("text/event-stream; charset=utf-8", (*pieces, b"data: [DONE]\n\n"))


def response() -> Answer:
    """An answer of the Responses API."""
    part = {"type": "output_text", "text": _TEXT, "annotations": []}
    message = {
        "id": "msg_0",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }
    return _json(
        {
            "id": "resp_0123456789",
            "object": "response",
            "created_at": _CREATED,
            "status": "completed",
            "model": MODEL,
            "output": [message],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "store": False,
            "service_tier": "default",
        }
    )


def embeddings() -> Answer:
    """One vector of 1,536 numbers, in the form that the client asks for by default."""
    vector = b64encode(struct.pack("<1536f", *(number / 1536 for number in range(1536)))).decode()
    return _json(
        {
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": vector}],
            "model": EMBEDDING_MODEL,
            "usage": {"prompt_tokens": 17, "total_tokens": 17},
        }
    )


class _Pieces(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    def __init__(self, pieces: tuple[bytes, ...]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


class Wire(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """Takes any request and gives `answer`, unread."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._headers = answer.headers

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Take all of the request, then begin to answer."""
        request.read()
        return httpx2.Response(200, headers=self._headers, stream=_Pieces(self._answer.pieces))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Take all of the request, then begin to answer."""
        await request.aread()
        return httpx2.Response(200, headers=self._headers, stream=_Pieces(self._answer.pieces))
