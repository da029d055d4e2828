"""The HTTP library that this version of the client uses, and a transport that answers without a network."""

import sys
from email.message import Message
from types import ModuleType
from typing import Any

import openai

from examples.demo.loopback import Asked
from tests.vendor import ordinary

MAJOR = int(openai.VERSION.partition(".")[0])
http: ModuleType = sys.modules["httpx2" if MAJOR >= 3 else "httpx"]


def canned(received: list[Asked]) -> Any:
    """A transport whose every host answers as usual, and takes down what it was asked."""

    def respond(request: Any) -> Any:
        headers = Message()
        for name, value in request.headers.items():
            headers[name] = value
        recorded = Asked(request.url.host, request.method, request.url.path, headers, request.content)
        received.append(recorded)
        reply = ordinary(recorded)
        content = reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)
        return http.Response(reply.status, headers=dict(reply.headers), content=content)

    return http.MockTransport(respond)
