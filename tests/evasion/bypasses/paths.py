"""A path that the guard and the server may read in different ways, by each library.

The request seems to be one for the administration, which carries no content, and names no model.
"""

import http.client
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import closing
from types import MappingProxyType
from typing import Any

import httpx
import httpx2
import requests
import urllib3
from yarl import URL

from tests.evasion.attempt import Attempt
from tests.evasion.bypasses.libraries import authority, with_aiohttp
from tests.internet import US

PATHS: Mapping[str, str] = MappingProxyType(
    {
        "an encoded slash": "/v1/organization/..%2Fchat/completions",
        "an encoded backslash": "/v1/organization/..%5Cchat/completions",
        "a backslash": "/v1/organization/..\\chat/completions",
        "dot segments": "/v1/organization/../chat/completions",
        "encoded dot segments": "/v1/organization/%2e%2e/chat/completions",
        "a parameter of dots": "/v1/organization/..;/chat/completions",
        "a slash encoded twice": "/v1/organization/..%252Fchat/completions",
        "dots encoded twice": "/v1/organization/%252e%252e/chat/completions",
        "an empty segment": "/v1/organization//projects",
    }
)
HARMLESS = f"https://{US}/v1/organization/projects"
"""The administration itself: only its body can be a prompt."""
PROMPT = json.dumps({"messages": [{"role": "user", "content": "my claim is 4711"}]}).encode()
"""It names no model, which would show that it is a prompt."""
JSON = {"content-type": "application/json"}


def whole() -> bytes:
    """The body at once."""
    return PROMPT


def streamed() -> Iterator[bytes]:
    """The body in two pieces."""
    yield PROMPT[:9]
    yield PROMPT[9:]


async def streamed_async() -> AsyncIterator[bytes]:
    """The same for asynchronous clients."""
    for piece in streamed():
        yield piece


def split(url: str) -> tuple[str, str]:
    """Host and path of a URL, uncorrected."""
    host, _, path = url.removeprefix("https://").partition("/")
    return host, f"/{path}"


Body = Callable[[], Any]
BODIES: Mapping[str, Body] = MappingProxyType({"": whole, ", streamed": streamed})


def by_httpx(_: Attempt, method: str, url: str, body: Body) -> None:
    """Send by httpx."""
    httpx.request(method, url, content=body(), headers=JSON)


def by_httpx2(_: Attempt, method: str, url: str, body: Body) -> None:
    """Send by httpx2, which the client is built on."""
    httpx2.request(method, url, content=body(), headers=JSON)


def by_requests(_: Attempt, method: str, url: str, body: Body) -> None:
    """Send by requests."""
    requests.request(method, url, data=body(), headers=JSON, verify=authority(), timeout=20)


def by_urllib3(attempt: Attempt, method: str, url: str, body: Body) -> None:
    """Send by a pool of urllib3, which does not look at the path."""
    attempt.direct()
    host, path = split(url)
    with urllib3.HTTPSConnectionPool(host, ca_certs=authority()) as pool:
        pool.urlopen(method, path, body(), JSON)


def by_http_client(attempt: Attempt, method: str, url: str, body: Body) -> None:
    """Send by the standard library."""
    attempt.direct()
    host, path = split(url)
    connection = attempt.enter(closing(http.client.HTTPSConnection(host)))
    connection.request(method, path, body(), JSON)
    connection.getresponse().read()


def by_aiohttp(attempt: Attempt, method: str, url: str, body: Body) -> None:
    """Send by aiohttp, with the path as it is."""
    attempt.direct()
    unchanged = URL(url, encoded=True)
    data = streamed_async if body is streamed else body
    with_aiohttp(lambda session: session.request(method, unchanged, data=data(), headers=JSON))


LIBRARIES = MappingProxyType(
    {
        "httpx": by_httpx,
        "httpx2": by_httpx2,
        "requests": by_requests,
        "urllib3": by_urllib3,
        "http.client": by_http_client,
        "aiohttp": by_aiohttp,
    }
)
METHODS_WITHOUT_BODY = MappingProxyType({"GET": "/v1/models", "DELETE": "/v1/files/file-1"})
"""Harmless requests, of which each is sent with a prompt as its body."""


def bypass(
    library: Callable[[Attempt, str, str, Body], None], method: str, url: str, body: Body
) -> Callable[[Attempt], None]:
    """One bypass."""
    return lambda attempt: library(attempt, method, url, body)
