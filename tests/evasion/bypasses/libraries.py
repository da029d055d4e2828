"""Another library than the openai client sends the prompt."""
# ruff: noqa: D103 - the table says what each one is

import asyncio
import http.client
import json
import os
import socket
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, closing
from inspect import unwrap
from typing import Any
from warnings import catch_warnings, simplefilter

import aiohttp
import httpx
import httpx2
import requests
import urllib3
from requests.adapters import HTTPAdapter

from tests.evasion.attempt import ALIAS, AT_EU, AT_US, CHAT, PATH, Attempt
from tests.evasion.bypasses.rewritten import Elsewhere
from tests.internet import EU, PATIENCE, US
from tests.vendor import redirect

TEXT = json.dumps(CHAT)
JSON = {"content-type": "application/json"}
WIDE = {chr(code): chr(code + 0xFEE0) for code in range(ord("a"), ord("z") + 1)} | {".": "\u3002"}
FRONT = f"https://{ALIAS}{PATH}"


def authority() -> str:
    """The file of the authority that the tests' hosts are certified by."""
    return os.environ["SSL_CERT_FILE"]


# httpx and httpx2


def httpx_post(_: Attempt) -> None:
    httpx.post(AT_US, json=CHAT)


def httpx_stream(_: Attempt) -> None:
    with httpx.stream("POST", AT_US, json=CHAT) as answer:
        answer.read()


def httpx_redirected(attempt: Attempt) -> None:
    attempt.redirecting(EU, US)
    httpx.post(AT_EU, json=CHAT, follow_redirects=True)


def httpx_next_request(attempt: Attempt) -> None:
    attempt.redirecting(EU, US)
    with httpx.Client() as client:
        answer = client.post(AT_EU, json=CHAT)
        assert answer.next_request is not None
        client.send(answer.next_request)


def httpx_generator(_: Attempt) -> None:
    def parts() -> Iterator[bytes]:
        yield TEXT.encode()

    httpx.post(AT_US, content=parts(), headers=JSON)


def httpx_asynchronous(_: Attempt) -> None:
    async def run() -> None:
        async with httpx.AsyncClient() as client:
            await client.post(AT_US, json=CHAT)

    asyncio.run(run())


def httpx_another_target(attempt: Attempt) -> None:
    attempt.direct()
    with httpx.Client() as client:
        client.get(f"https://{US}/v1/models", extensions={"target": PATH.encode()})


def httpx_by_address(attempt: Attempt) -> None:
    attempt.direct()
    with httpx.Client() as client:
        client.post(FRONT, json=CHAT, headers={"host": US}, extensions={"sni_hostname": US})


def httpx_by_address_connected_before(attempt: Attempt) -> None:
    proxy = attempt.forwarder()
    attempt.direct()
    with httpx.Client(base_url=proxy) as client:
        client.get("/health")
        attempt.internet.requests.clear()
        client.post(PATH, json=CHAT, headers={"host": US})


def httpx_named_in_tls_alone(attempt: Attempt) -> None:
    attempt.direct()
    with httpx.Client() as client:
        client.post(FRONT, json=CHAT, extensions={"sni_hostname": US})


def httpx_target_of_a_proxy(attempt: Attempt) -> None:
    proxy = attempt.forwarder()
    attempt.direct()
    with httpx.Client(base_url=proxy) as client:
        client.get("/health")
        attempt.internet.requests.clear()
        client.post("/health", json=CHAT, extensions={"target": f"http://{US}{PATH}".encode()})


def httpx_transport(attempt: Attempt) -> None:
    attempt.direct()
    with httpx.HTTPTransport() as transport:
        transport.handle_request(httpx.Request("POST", AT_US, json=CHAT, extensions={"timeout": {}})).read()


def httpx_client_with_a_transport(attempt: Attempt) -> None:
    attempt.direct()
    with httpx2.Client(transport=Elsewhere()) as client:
        client.post("https://shop.example/v1/chat/completions", json=CHAT)


def httpx2_post(_: Attempt) -> None:
    httpx2.post(AT_US, json=CHAT)


# requests and urllib3


def requests_post(_: Attempt) -> None:
    requests.post(AT_US, json=CHAT, verify=authority(), timeout=20)


def requests_adapter(_: Attempt) -> None:
    class Astray(HTTPAdapter):
        def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
            request.url = AT_US
            return super().send(request, *args, **kwargs)

    with requests.Session() as session:
        session.mount("https://", Astray())
        session.post(AT_EU, json=CHAT, verify=authority())


def requests_authentication(_: Attempt) -> None:
    def astray(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.url = AT_US
        return request

    requests.post(AT_EU, json=CHAT, verify=authority(), timeout=20, auth=astray)


def requests_redirected(attempt: Attempt) -> None:
    attempt.redirecting(EU, US)
    requests.post(AT_EU, json=CHAT, verify=authority(), timeout=20)


def requests_poolmanager(attempt: Attempt) -> None:
    attempt.direct()
    with requests.Session() as session:
        manager = session.get_adapter(AT_US).poolmanager  # type: ignore[attr-defined]
        manager.connection_from_url(AT_US, {"ca_certs": authority()}).urlopen("POST", PATH, TEXT, JSON)


def urllib3_pool(attempt: Attempt) -> None:
    attempt.direct()
    with urllib3.HTTPSConnectionPool(US, ca_certs=authority()) as pool:
        pool.request("POST", PATH, json=CHAT)


def urllib3_below_urlopen(attempt: Attempt) -> None:
    attempt.direct()
    with urllib3.HTTPSConnectionPool(US, ca_certs=authority()) as pool:
        connection = pool._get_conn()
        attempt.enter(closing(connection))
        pool._make_request(connection, "POST", PATH, TEXT, JSON)


def urllib3_connection(attempt: Attempt) -> None:
    attempt.direct()
    connection = urllib3.connection.HTTPSConnection(US, ca_certs=authority())
    attempt.enter(closing(connection))
    connection.request("POST", PATH, TEXT, JSON)
    connection.getresponse().read()


def urllib3_connection_class(attempt: Attempt) -> None:
    class Astray(urllib3.connection.HTTPSConnection):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**{**kwargs, "host": US})

    attempt.direct()
    with urllib3.HTTPSConnectionPool(EU, ca_certs=authority()) as pool:
        pool.ConnectionCls = Astray
        pool.request("POST", PATH, json=CHAT)


def urllib3_absolute_target(attempt: Attempt) -> None:
    attempt.direct()
    with urllib3.HTTPSConnectionPool(US, ca_certs=authority()) as pool:
        pool.urlopen("POST", AT_EU, TEXT, JSON, assert_same_host=False)


def urllib3_renamed_after_connecting(attempt: Attempt) -> None:
    attempt.direct()
    connection = urllib3.connection.HTTPSConnection(US, ca_certs=authority())
    attempt.enter(closing(connection))
    connection.connect()
    connection.host = EU
    connection.request("POST", PATH, TEXT, JSON)
    connection.getresponse().read()


def urllib3_by_address(attempt: Attempt) -> None:
    attempt.direct()
    named = {"server_hostname": US, "assert_hostname": US, "ca_certs": authority()}
    with urllib3.HTTPSConnectionPool(ALIAS, **named) as pool:  # type: ignore[arg-type]
        pool.request("POST", PATH, json=CHAT, headers={"host": US})


# The standard library


def connected(attempt: Attempt, host: str) -> http.client.HTTPSConnection:
    """A connection of the standard library, as yet to be made."""
    return attempt.enter(closing(http.client.HTTPSConnection(host)))  # type: ignore[no-any-return]


def standard(attempt: Attempt) -> None:
    attempt.direct()
    connection = connected(attempt, US)
    connection.request("POST", PATH, TEXT, JSON)
    connection.getresponse().read()


def standard_in_wide_letters(attempt: Attempt) -> None:
    attempt.direct()
    connection = connected(attempt, "".join(WIDE.get(letter, letter) for letter in US))
    connection.request("POST", PATH, TEXT, JSON)
    connection.getresponse().read()


def standard_host_header(attempt: Attempt) -> None:
    attempt.direct()
    connection = connected(attempt, EU)
    connection.request("POST", PATH, TEXT, {**JSON, "host": US})
    connection.getresponse().read()


def standard_second_host_header(attempt: Attempt) -> None:
    attempt.direct()
    connection = connected(attempt, EU)
    connection.putrequest("POST", PATH)
    connection.putheader("hOst", US)
    connection.putheader("content-length", str(len(TEXT)))
    connection.endheaders(TEXT.encode())
    connection.getresponse().read()


def standard_in_steps(attempt: Attempt) -> None:
    attempt.direct()
    connection = connected(attempt, US)
    connection.putrequest("POST", PATH)
    connection.putheader("content-length", str(len(TEXT)))
    connection.endheaders(TEXT.encode())
    connection.getresponse().read()


def standard_tunnel(attempt: Attempt) -> None:
    connection = connected(attempt, os.environ["HTTPS_PROXY"].removeprefix("http://"))
    connection.set_tunnel(US)
    connection.request("POST", PATH, TEXT, JSON)
    connection.getresponse().read()


def standard_absolute_target(attempt: Attempt) -> None:
    attempt.direct()
    connection = connected(attempt, US)
    connection.request("POST", AT_EU, TEXT, JSON)
    connection.getresponse().read()


def standard_by_a_proxy_that_serves_other_things(attempt: Attempt) -> None:
    proxy = attempt.forwarder()
    attempt.patch.setenv("HTTP_PROXY", proxy)
    connection = attempt.enter(closing(http.client.HTTPConnection(proxy.removeprefix("http://"))))
    connection.request("GET", "/health")
    connection.getresponse().read()
    attempt.internet.requests.clear()
    opener = urllib.request.build_opener()
    opener.open(f"http://{US}{PATH}", TEXT.encode()).close()


def standard_moved_after_the_first_line(attempt: Attempt) -> None:
    attempt.direct()
    connection = connected(attempt, EU)
    connection.putrequest("POST", PATH)
    connection.host = US
    connection.putheader("content-length", str(len(TEXT)))
    connection.endheaders(TEXT.encode())
    connection.getresponse().read()


def standard_renamed_after_connecting(attempt: Attempt) -> None:
    attempt.direct()
    connection = connected(attempt, US)
    connection.connect()
    connection.host = EU
    connection.request("POST", PATH, TEXT, JSON)
    connection.getresponse().read()


def standard_by_address(attempt: Attempt) -> None:
    class Named(http.client.HTTPSConnection):
        """Dials the address and asks for the name, as many a recipe for the standard library does."""

        def connect(self) -> None:
            http.client.HTTPConnection.connect(self)
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=US)

    attempt.direct()
    connection = attempt.enter(closing(Named(ALIAS)))
    connection.request("POST", PATH, TEXT, {**JSON, "host": US})
    connection.getresponse().read()


def urllib_host_header(_: Attempt) -> None:
    headers = {**JSON, "Host": US}
    urllib.request.urlopen(urllib.request.Request(AT_EU, TEXT.encode(), headers)).close()  # noqa: S310


def urllib_opener(_: Attempt) -> None:
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    opener.addheaders = [("x-own", "1")]
    opener.open(urllib.request.Request(AT_US, TEXT.encode(), JSON)).close()  # noqa: S310


def urllib_handler(attempt: Attempt) -> None:
    class Astray(urllib.request.HTTPSHandler):
        def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
            request.host = US
            return super().https_open(request)

    attempt.direct()
    opener = urllib.request.build_opener(Astray(), urllib.request.ProxyHandler({}))
    opener.open(urllib.request.Request(AT_EU, TEXT.encode(), JSON)).close()  # noqa: S310


# aiohttp


def with_aiohttp(
    send: Callable[[aiohttp.ClientSession], AbstractAsyncContextManager[Any]],
    connector: Callable[..., aiohttp.BaseConnector] = aiohttp.TCPConnector,
) -> None:
    """Send something by aiohttp."""

    async def run() -> None:
        trusting = connector(ssl=ssl.create_default_context())
        try:
            async with aiohttp.ClientSession(trust_env=True, connector=trusting) as session:
                async with send(session):
                    pass
        finally:
            await connections_closed()

    asyncio.run(run())


async def connections_closed() -> None:
    """Wait for the end of TLS on connections that are closed, which aiohttp does not wait for."""
    loop: Any = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE):
        while len(loop._selector.get_map()) > 1:  # noqa: ASYNC110 - no event tells of it; one is the loop's own
            await asyncio.sleep(0)


def aiohttp_post(_: Attempt) -> None:
    with_aiohttp(lambda session: session.post(AT_US, json=CHAT))


def aiohttp_redirected(attempt: Attempt) -> None:
    attempt.answering(lambda request: redirect(308, AT_US) if request.host == EU else None)
    with_aiohttp(lambda session: session.post(AT_EU, json=CHAT))


def aiohttp_connector(attempt: Attempt) -> None:
    class Connector(aiohttp.TCPConnector):
        async def _create_connection(self, *args: Any) -> Any:
            return await super()._create_connection(*args)

    attempt.direct()
    with_aiohttp(lambda session: session.post(AT_US, json=CHAT), Connector)


def aiohttp_overridden_connect(attempt: Attempt) -> None:
    class Connector(aiohttp.TCPConnector):
        async def connect(self, req: aiohttp.ClientRequest, *args: Any, **kwargs: Any) -> Any:
            protocol = await self._create_connection(req, *args, **kwargs)
            return aiohttp.connector.Connection(self, req.connection_key, protocol, self._loop)

    attempt.direct()
    with_aiohttp(lambda session: session.post(AT_US, json=CHAT), Connector)


def aiohttp_renamed_after_connecting(attempt: Attempt) -> None:
    class Connector(aiohttp.TCPConnector):
        async def connect(self, req: aiohttp.ClientRequest, *args: Any, **kwargs: Any) -> Any:
            connection = await super().connect(req, *args, **kwargs)
            req.headers["host"] = US
            return connection

    attempt.direct()
    with_aiohttp(lambda session: session.post(AT_EU, json=CHAT), Connector)


def aiohttp_middleware(attempt: Attempt) -> None:
    async def astray(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> Any:
        request.url = request.url.with_host(US)
        return await send(request)

    attempt.direct()
    with_aiohttp(lambda session: session.post(AT_EU, json=CHAT, middlewares=[astray]))


def aiohttp_by_address(attempt: Attempt) -> None:
    attempt.direct()
    with_aiohttp(lambda session: session.post(FRONT, json=CHAT, headers={"host": US}, server_hostname=US))


def aiohttp_socket(attempt: Attempt) -> None:
    attempt.direct()
    with_aiohttp(lambda session: session.ws_connect(f"wss://{US}/v1/realtime?model=gpt-realtime-2.1"))


# websockets

SOCKET = f"wss://{US}/v1/realtime?model=gpt-realtime-2.1"
SOCKET_AT_EU = SOCKET.replace(US, EU)


def websockets_captured(attempt: Attempt) -> None:
    attempt.direct()
    from websockets.sync import client

    with unwrap(client.connect)(SOCKET):
        pass


def websockets_asynchronous(_: Attempt) -> None:
    from websockets.asyncio.client import connect

    async def run() -> None:
        async with connect(SOCKET):
            pass

    asyncio.run(run())


def websockets_redirected(attempt: Attempt) -> None:
    from websockets.asyncio.client import connect

    async def run() -> None:
        async with connect(SOCKET_AT_EU, open_timeout=20):
            pass

    attempt.answering(lambda request: redirect(307, SOCKET) if request.host == EU else None)
    asyncio.run(run())


def websockets_socket(attempt: Attempt) -> None:
    from websockets.sync.client import connect

    attempt.direct()
    connected_socket = attempt.enter(socket.create_connection((US, 443)))
    with connect(SOCKET_AT_EU, sock=connected_socket, server_hostname=US, proxy=None):
        pass


def legacy(uri: str, **arguments: Any) -> None:
    """A session of the legacy client."""

    async def run() -> None:
        from websockets.legacy.client import connect

        async with connect(uri, **arguments):
            pass

    with catch_warnings():
        simplefilter("ignore", DeprecationWarning)
        asyncio.run(run())


def websockets_legacy(attempt: Attempt) -> None:
    attempt.direct()
    legacy(SOCKET)


def websockets_legacy_elsewhere(attempt: Attempt) -> None:
    attempt.direct()
    legacy(SOCKET_AT_EU, host=US, server_hostname=US)


def websockets_legacy_host_header(attempt: Attempt) -> None:
    attempt.direct()
    legacy(SOCKET_AT_EU, extra_headers={"Host": US})


def websockets_legacy_redirected(attempt: Attempt) -> None:
    attempt.direct()
    attempt.answering(lambda request: redirect(307, SOCKET) if request.host == EU else None)
    legacy(SOCKET_AT_EU)


def websockets_host_header(attempt: Attempt) -> None:
    attempt.direct()
    from websockets.sync.client import connect

    with connect(SOCKET_AT_EU, additional_headers={"Host": US}):
        pass
