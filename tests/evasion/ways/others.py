"""Another library than the openai client carries the prompt."""
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

from tests.evasion.road import ALIAS, AT_EU, AT_US, CHAT, PATH, Road
from tests.evasion.ways.rewritten import Elsewhere
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


def httpx_post(_: Road) -> None:
    httpx.post(AT_US, json=CHAT)


def httpx_stream(_: Road) -> None:
    with httpx.stream("POST", AT_US, json=CHAT) as answer:
        answer.read()


def httpx_redirected(road: Road) -> None:
    road.redirecting(EU, US)
    httpx.post(AT_EU, json=CHAT, follow_redirects=True)


def httpx_next_request(road: Road) -> None:
    road.redirecting(EU, US)
    with httpx.Client() as client:
        answer = client.post(AT_EU, json=CHAT)
        assert answer.next_request is not None
        client.send(answer.next_request)


def httpx_generator(_: Road) -> None:
    def parts() -> Iterator[bytes]:
        yield TEXT.encode()

    httpx.post(AT_US, content=parts(), headers=JSON)


def httpx_asynchronous(_: Road) -> None:
    async def run() -> None:
        async with httpx.AsyncClient() as client:
            await client.post(AT_US, json=CHAT)

    asyncio.run(run())


def httpx_another_target(road: Road) -> None:
    road.direct()
    with httpx.Client() as client:
        client.get(f"https://{US}/v1/models", extensions={"target": PATH.encode()})


def httpx_by_address(road: Road) -> None:
    road.direct()
    with httpx.Client() as client:
        client.post(FRONT, json=CHAT, headers={"host": US}, extensions={"sni_hostname": US})


def httpx_by_address_known_before(road: Road) -> None:
    proxy = road.forwarder()
    road.direct()
    with httpx.Client(base_url=proxy) as client:
        client.get("/health")
        road.internet.requests.clear()
        client.post(PATH, json=CHAT, headers={"host": US})


def httpx_named_in_tls_alone(road: Road) -> None:
    road.direct()
    with httpx.Client() as client:
        client.post(FRONT, json=CHAT, extensions={"sni_hostname": US})


def httpx_target_of_a_proxy(road: Road) -> None:
    proxy = road.forwarder()
    road.direct()
    with httpx.Client(base_url=proxy) as client:
        client.get("/health")
        road.internet.requests.clear()
        client.post("/health", json=CHAT, extensions={"target": f"http://{US}{PATH}".encode()})


def httpx_transport(road: Road) -> None:
    road.direct()
    with httpx.HTTPTransport() as transport:
        transport.handle_request(httpx.Request("POST", AT_US, json=CHAT, extensions={"timeout": {}})).read()


def httpx_client_with_a_transport(road: Road) -> None:
    road.direct()
    with httpx2.Client(transport=Elsewhere()) as client:
        client.post("https://shop.example/v1/chat/completions", json=CHAT)


def httpx2_post(_: Road) -> None:
    httpx2.post(AT_US, json=CHAT)


# requests and urllib3


def requests_post(_: Road) -> None:
    requests.post(AT_US, json=CHAT, verify=authority(), timeout=20)


def requests_adapter(_: Road) -> None:
    class Astray(HTTPAdapter):
        def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
            request.url = AT_US
            return super().send(request, *args, **kwargs)

    with requests.Session() as session:
        session.mount("https://", Astray())
        session.post(AT_EU, json=CHAT, verify=authority())


def requests_authentication(_: Road) -> None:
    def astray(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.url = AT_US
        return request

    requests.post(AT_EU, json=CHAT, verify=authority(), timeout=20, auth=astray)


def requests_redirected(road: Road) -> None:
    road.redirecting(EU, US)
    requests.post(AT_EU, json=CHAT, verify=authority(), timeout=20)


def requests_poolmanager(road: Road) -> None:
    road.direct()
    with requests.Session() as session:
        manager = session.get_adapter(AT_US).poolmanager  # type: ignore[attr-defined]
        manager.connection_from_url(AT_US, {"ca_certs": authority()}).urlopen("POST", PATH, TEXT, JSON)


def urllib3_pool(road: Road) -> None:
    road.direct()
    with urllib3.HTTPSConnectionPool(US, ca_certs=authority()) as pool:
        pool.request("POST", PATH, json=CHAT)


def urllib3_below_urlopen(road: Road) -> None:
    road.direct()
    with urllib3.HTTPSConnectionPool(US, ca_certs=authority()) as pool:
        connection = pool._get_conn()
        road.enter(closing(connection))
        pool._make_request(connection, "POST", PATH, TEXT, JSON)


def urllib3_connection(road: Road) -> None:
    road.direct()
    connection = urllib3.connection.HTTPSConnection(US, ca_certs=authority())
    road.enter(closing(connection))
    connection.request("POST", PATH, TEXT, JSON)
    connection.getresponse().read()


def urllib3_connection_class(road: Road) -> None:
    class Astray(urllib3.connection.HTTPSConnection):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**{**kwargs, "host": US})

    road.direct()
    with urllib3.HTTPSConnectionPool(EU, ca_certs=authority()) as pool:
        pool.ConnectionCls = Astray
        pool.request("POST", PATH, json=CHAT)


def urllib3_absolute_target(road: Road) -> None:
    road.direct()
    with urllib3.HTTPSConnectionPool(US, ca_certs=authority()) as pool:
        pool.urlopen("POST", AT_EU, TEXT, JSON, assert_same_host=False)


def urllib3_renamed_after_connecting(road: Road) -> None:
    road.direct()
    connection = urllib3.connection.HTTPSConnection(US, ca_certs=authority())
    road.enter(closing(connection))
    connection.connect()
    connection.host = EU
    connection.request("POST", PATH, TEXT, JSON)
    connection.getresponse().read()


def urllib3_by_address(road: Road) -> None:
    road.direct()
    named = {"server_hostname": US, "assert_hostname": US, "ca_certs": authority()}
    with urllib3.HTTPSConnectionPool(ALIAS, **named) as pool:  # type: ignore[arg-type]
        pool.request("POST", PATH, json=CHAT, headers={"host": US})


# The standard library


def connected(road: Road, host: str) -> http.client.HTTPSConnection:
    """A connection of the standard library, as yet to be made."""
    return road.enter(closing(http.client.HTTPSConnection(host)))  # type: ignore[no-any-return]


def standard(road: Road) -> None:
    road.direct()
    connection = connected(road, US)
    connection.request("POST", PATH, TEXT, JSON)
    connection.getresponse().read()


def standard_in_wide_letters(road: Road) -> None:
    road.direct()
    connection = connected(road, "".join(WIDE.get(letter, letter) for letter in US))
    connection.request("POST", PATH, TEXT, JSON)
    connection.getresponse().read()


def standard_host_header(road: Road) -> None:
    road.direct()
    connection = connected(road, EU)
    connection.request("POST", PATH, TEXT, {**JSON, "host": US})
    connection.getresponse().read()


def standard_second_host_header(road: Road) -> None:
    road.direct()
    connection = connected(road, EU)
    connection.putrequest("POST", PATH)
    connection.putheader("hOst", US)
    connection.putheader("content-length", str(len(TEXT)))
    connection.endheaders(TEXT.encode())
    connection.getresponse().read()


def standard_in_steps(road: Road) -> None:
    road.direct()
    connection = connected(road, US)
    connection.putrequest("POST", PATH)
    connection.putheader("content-length", str(len(TEXT)))
    connection.endheaders(TEXT.encode())
    connection.getresponse().read()


def standard_tunnel(road: Road) -> None:
    connection = connected(road, os.environ["HTTPS_PROXY"].removeprefix("http://"))
    connection.set_tunnel(US)
    connection.request("POST", PATH, TEXT, JSON)
    connection.getresponse().read()


def standard_absolute_target(road: Road) -> None:
    road.direct()
    connection = connected(road, US)
    connection.request("POST", AT_EU, TEXT, JSON)
    connection.getresponse().read()


def standard_by_a_proxy_that_serves_other_things(road: Road) -> None:
    proxy = road.forwarder()
    road.patch.setenv("HTTP_PROXY", proxy)
    connection = road.enter(closing(http.client.HTTPConnection(proxy.removeprefix("http://"))))
    connection.request("GET", "/health")
    connection.getresponse().read()
    road.internet.requests.clear()
    opener = urllib.request.build_opener()
    opener.open(f"http://{US}{PATH}", TEXT.encode()).close()


def standard_moved_after_the_first_line(road: Road) -> None:
    road.direct()
    connection = connected(road, EU)
    connection.putrequest("POST", PATH)
    connection.host = US
    connection.putheader("content-length", str(len(TEXT)))
    connection.endheaders(TEXT.encode())
    connection.getresponse().read()


def standard_renamed_after_connecting(road: Road) -> None:
    road.direct()
    connection = connected(road, US)
    connection.connect()
    connection.host = EU
    connection.request("POST", PATH, TEXT, JSON)
    connection.getresponse().read()


def standard_by_address(road: Road) -> None:
    class Named(http.client.HTTPSConnection):
        """Dials the address and asks for the name, as many a recipe for the standard library does."""

        def connect(self) -> None:
            http.client.HTTPConnection.connect(self)
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=US)

    road.direct()
    connection = road.enter(closing(Named(ALIAS)))
    connection.request("POST", PATH, TEXT, {**JSON, "host": US})
    connection.getresponse().read()


def urllib_host_header(_: Road) -> None:
    headers = {**JSON, "Host": US}
    urllib.request.urlopen(urllib.request.Request(AT_EU, TEXT.encode(), headers)).close()  # noqa: S310


def urllib_opener(_: Road) -> None:
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    opener.addheaders = [("x-own", "1")]
    opener.open(urllib.request.Request(AT_US, TEXT.encode(), JSON)).close()  # noqa: S310


def urllib_handler(road: Road) -> None:
    class Astray(urllib.request.HTTPSHandler):
        def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
            request.host = US
            return super().https_open(request)

    road.direct()
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
            await said_farewell()

    asyncio.run(run())


async def said_farewell() -> None:
    """Wait for the end of TLS on connections that are closed, which aiohttp does not wait for."""
    loop: Any = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE):
        while len(loop._selector.get_map()) > 1:  # noqa: ASYNC110 - no event tells of it; one is the loop's own
            await asyncio.sleep(0)


def aiohttp_post(_: Road) -> None:
    with_aiohttp(lambda session: session.post(AT_US, json=CHAT))


def aiohttp_redirected(road: Road) -> None:
    road.answering(lambda asked: redirect(308, AT_US) if asked.host == EU else None)
    with_aiohttp(lambda session: session.post(AT_EU, json=CHAT))


def aiohttp_connector(road: Road) -> None:
    class Own(aiohttp.TCPConnector):
        async def _create_connection(self, *args: Any) -> Any:
            return await super()._create_connection(*args)

    road.direct()
    with_aiohttp(lambda session: session.post(AT_US, json=CHAT), Own)


def aiohttp_own_connect(road: Road) -> None:
    class Own(aiohttp.TCPConnector):
        async def connect(self, req: aiohttp.ClientRequest, *args: Any, **kwargs: Any) -> Any:
            protocol = await self._create_connection(req, *args, **kwargs)
            return aiohttp.connector.Connection(self, req.connection_key, protocol, self._loop)

    road.direct()
    with_aiohttp(lambda session: session.post(AT_US, json=CHAT), Own)


def aiohttp_renamed_after_connecting(road: Road) -> None:
    class Own(aiohttp.TCPConnector):
        async def connect(self, req: aiohttp.ClientRequest, *args: Any, **kwargs: Any) -> Any:
            connection = await super().connect(req, *args, **kwargs)
            req.headers["host"] = US
            return connection

    road.direct()
    with_aiohttp(lambda session: session.post(AT_EU, json=CHAT), Own)


def aiohttp_middleware(road: Road) -> None:
    async def astray(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> Any:
        request.url = request.url.with_host(US)
        return await send(request)

    road.direct()
    with_aiohttp(lambda session: session.post(AT_EU, json=CHAT, middlewares=[astray]))


def aiohttp_by_address(road: Road) -> None:
    road.direct()
    with_aiohttp(lambda session: session.post(FRONT, json=CHAT, headers={"host": US}, server_hostname=US))


def aiohttp_socket(road: Road) -> None:
    road.direct()
    with_aiohttp(lambda session: session.ws_connect(f"wss://{US}/v1/realtime?model=gpt-realtime-2.1"))


# websockets

SOCKET = f"wss://{US}/v1/realtime?model=gpt-realtime-2.1"
SOCKET_AT_EU = SOCKET.replace(US, EU)


def websockets_captured(road: Road) -> None:
    road.direct()
    from websockets.sync import client

    with unwrap(client.connect)(SOCKET):
        pass


def websockets_asynchronous(_: Road) -> None:
    from websockets.asyncio.client import connect

    async def run() -> None:
        async with connect(SOCKET):
            pass

    asyncio.run(run())


def websockets_redirected(road: Road) -> None:
    from websockets.asyncio.client import connect

    async def run() -> None:
        async with connect(SOCKET_AT_EU, open_timeout=20):
            pass

    road.answering(lambda asked: redirect(307, SOCKET) if asked.host == EU else None)
    asyncio.run(run())


def websockets_socket(road: Road) -> None:
    from websockets.sync.client import connect

    road.direct()
    own = road.enter(socket.create_connection((US, 443)))
    with connect(SOCKET_AT_EU, sock=own, server_hostname=US, proxy=None):
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


def websockets_legacy(road: Road) -> None:
    road.direct()
    legacy(SOCKET)


def websockets_legacy_elsewhere(road: Road) -> None:
    road.direct()
    legacy(SOCKET_AT_EU, host=US, server_hostname=US)


def websockets_legacy_host_header(road: Road) -> None:
    road.direct()
    legacy(SOCKET_AT_EU, extra_headers={"Host": US})


def websockets_legacy_redirected(road: Road) -> None:
    road.direct()
    road.answering(lambda asked: redirect(307, SOCKET) if asked.host == EU else None)
    legacy(SOCKET_AT_EU)


def websockets_host_header(road: Road) -> None:
    road.direct()
    from websockets.sync.client import connect

    with connect(SOCKET_AT_EU, additional_headers={"Host": US}):
        pass
