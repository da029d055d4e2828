"""One request of every HTTP client, made to a host of the tests' internet."""

import asyncio
import http.client as standard
import json
import os
import ssl
import urllib.request
from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlsplit

import aiohttp
import httpx
import httpx2
import requests
import urllib3

from tests.vendor import ALIAS

PATH = "/v1/chat/completions"
BODY = {"model": ALIAS, "messages": [{"role": "user", "content": "my claim is number 4711"}]}
TEXT = json.dumps(BODY)
JSON = {"content-type": "application/json"}


def with_httpx(url: str) -> int:
    """By httpx."""
    return httpx.post(url, json=BODY, follow_redirects=True).status_code


def with_httpx2(url: str) -> int:
    """By httpx2."""
    return httpx2.post(url, json=BODY, follow_redirects=True).status_code


def with_async_httpx(url: str) -> int:
    """By httpx, from a coroutine."""

    async def send() -> int:
        async with httpx.AsyncClient(follow_redirects=True) as client:
            return (await client.post(url, json=BODY)).status_code

    return asyncio.run(send())


def with_requests(url: str) -> int:
    """By requests, which builds on urllib3."""
    return requests.post(url, json=BODY, verify=os.environ["SSL_CERT_FILE"], timeout=20).status_code


def with_urllib3(url: str) -> int:
    """By urllib3."""
    proxy = urllib3.ProxyManager(os.environ["HTTPS_PROXY"], ca_certs=os.environ["SSL_CERT_FILE"])
    return proxy.request("POST", url, json=BODY).status


def with_aiohttp(url: str) -> int:
    """By aiohttp."""

    async def send() -> int:
        trusting = aiohttp.TCPConnector(ssl=ssl.create_default_context())
        async with (
            aiohttp.ClientSession(trust_env=True, connector=trusting) as session,
            session.post(url, json=BODY) as answer,
        ):
            await answer.read()
            return answer.status

    return asyncio.run(send())


def with_urllib(url: str) -> int:
    """By the standard library."""
    request = urllib.request.Request(url, TEXT.encode(), JSON)  # noqa: S310 - the tests' own URLs
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return int(answer.status)


def with_http_client(url: str) -> int:
    """By the lowest that the standard library has, through a tunnel."""
    with closing(tunnel(url)) as connection:
        connection.request("POST", url.partition(urlsplit(url).netloc)[2], TEXT, JSON)
        return connection.getresponse().status


def tunnel(url: str) -> standard.HTTPSConnection:
    """A connection of the standard library to the host of a URL."""
    proxy, _, port = os.environ["HTTPS_PROXY"].removeprefix("http://").partition(":")
    connection = standard.HTTPSConnection(proxy, int(port.strip("/")))
    connection.set_tunnel(urlsplit(url).netloc)
    return connection


Send = Callable[[str], int]
SENDERS: dict[str, Send] = {
    function.__name__.removeprefix("with_"): function
    for function in (
        with_httpx,
        with_httpx2,
        with_async_httpx,
        with_requests,
        with_urllib3,
        with_aiohttp,
        with_urllib,
        with_http_client,
    )
}
"""Each takes a URL and answers the status."""
