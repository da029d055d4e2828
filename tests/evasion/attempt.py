"""What a bypass has at hand: the tests' internet, and functions that change it."""

import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from http.server import ThreadingHTTPServer
from itertools import pairwise
from threading import Thread
from typing import Any

import openai
import pytest

from examples.demo.loopback import Asked, Reply, Request
from tests.internet import EU, PATIENCE, US, Internet
from tests.vendor import SNAPSHOT, ordinary, redirect

CHAT: dict[str, Any] = {"model": SNAPSHOT, "messages": [{"role": "user", "content": "my claim is 4711"}]}
PATH = "/v1/chat/completions"
AT_EU, AT_US = f"https://{EU}{PATH}", f"https://{US}{PATH}"
ALIAS = "front.example"
"""Another name of the address of the host in the US, as anybody may enter one into a directory."""
STRANGE = "gpt-4o-2024-05-13"
"""A model that was known when the newest table was read, and is not listed."""
SECOND_EU = "mtls-eu.api.openai.com"


class Attempt:
    """One attempt to reach the host in the US.

    Attributes:
        internet: where it leads.
        patch: changes what the attempt wants changed, until it is over.
    """

    def __init__(self, internet: Internet, patch: pytest.MonkeyPatch, stack: ExitStack) -> None:
        self.internet = internet
        self.patch = patch
        self._stack = stack

    def enter(self, manager: Any) -> Any:
        """What a context manager gives; it is left when the attempt is over."""
        return self._stack.enter_context(manager)

    def client(self, kind: Callable[..., Any] = openai.OpenAI, **arguments: Any) -> Any:
        """A client that is configured for the EU, unless `arguments` say otherwise."""
        usual = {"base_url": f"https://{EU}/v1", "max_retries": 0, "timeout": PATIENCE}
        return self.enter(kind(**{**usual, **arguments}))

    def chat(self, client: Any = None, **arguments: Any) -> Any:
        """One chat completion by `client`, or by one that is made of `arguments`."""
        return (client or self.client(**arguments)).chat.completions.create(**CHAT)

    def redirecting(self, *hosts: str, status: int = 307, location: str | None = None) -> None:
        """Have each host redirect to the next one, or the first to `location`."""
        to = {host: f"https://{following}{PATH}" for host, following in pairwise(hosts)}
        to |= {EU: location} if location is not None else {}
        self.answering(lambda request: redirect(status, to[request.host]) if request.host in to else None)

    def answering(self, special: Callable[[Asked], Reply | None]) -> None:
        """Have the hosts answer as `special` says, where it says anything."""
        self.internet.respond = lambda request: special(request) or ordinary(request)

    def forwarder(self) -> str:
        """The URL of a proxy that takes requests in the clear, and answers them itself."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
        vars(server).update(name="a proxy", respond=self.internet._answer)
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self._stack.callback(server.server_close)
        self._stack.callback(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}"

    def direct(self, *, poisoned: bool = False) -> None:
        """Leave the proxy out: names are looked up, and lead to the tests' hosts.

        A `poisoned` directory gives the address of the US for every name.
        """
        original = socket.getaddrinfo

        def resolve(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else host
            if name in ("127.0.0.1", "localhost", None):
                return original(host, port, *args, **kwargs)
            at = US if poisoned or name == ALIAS else name.encode("idna").decode()
            return original("127.0.0.1", self.internet.get(at), *args, **kwargs)

        self.patch.setenv("NO_PROXY", "*")
        self.patch.setattr(socket, "getaddrinfo", resolve)


async def asynchronously(call: Callable[[Any], Awaitable[Any]], **arguments: Any) -> Any:
    """What `call` comes to with an asynchronous client, which is configured for the EU unless told."""
    usual: dict[str, Any] = {"base_url": f"https://{EU}/v1", "max_retries": 0, "timeout": PATIENCE}
    async with openai.AsyncOpenAI(**{**usual, **arguments}) as client:
        return await call(client)
