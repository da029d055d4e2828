"""Context variables: the call that is being made, and the hop that is being sent.

Nothing is reset by a token. A coroutine that the garbage collector ends, or that a closed event loop leaves,
ends in a context that it never entered, and there `ContextVar.reset` raises. Whoever changes a variable puts
the earlier value back himself.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

# "*" is no name of a host, so it equals no host that a client dials.
ANY_HOST = ("*", None)
"""In place of a host that could not be read: requests within that hop are not judged again, to no host."""
current_hop: ContextVar[tuple[str, str | None]] = ContextVar("otel_residency.host", default=("", None))
"""Host and `Host` header of the hop that is being sent in this context.

HTTP clients are built on one another (requests on urllib3, httpx on httpcore), and each of them is patched.
The requests that an inner client makes for the same hop to the same host are not judged again."""
# `Any`, and not `Call`: HTTP clients import this module in processes that never make a call, and `calls.call`
# imports the core (tests/patches/test_install.py, test_an_http_client_alone_loads_little).
current_call: ContextVar[Any] = ContextVar("otel_residency.call", default=None)
"""The `Call` for which requests are built and sent in this context."""
opening_client: ContextVar[Callable[[], Any] | None] = ContextVar("otel_residency.opened_by", default=None)
"""Gives the openai client that is opening a WebSocket session in this context."""


def is_current_hop(host: str | None, host_header: str | None = None) -> bool:
    """Whether a request to `host` with that `Host` header is part of a hop that was judged."""
    # Host and header together: within the hop to one host a client may send another request there that names
    # a vendor, and that one is judged (tests/patches/test_install.py, test_two_names_are_one_call).
    return current_hop.get() in ((host, host_header), ANY_HOST)
