"""Bypasses that no guard inside a process can stop."""
# ruff: noqa: D103 - the table says what each one is

import asyncio
import ssl
from inspect import unwrap
from socket import create_connection

import httpcore
import httpcore2
import httpx2
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_writer import StreamWriter
from openai import _base_client

from otel_residency import ResidencyInstrumentor
from tests.evasion.attempt import AT_EU, AT_US, PATH, Attempt
from tests.evasion.bypasses.configured import ELSEWHERE
from tests.evasion.bypasses.libraries import JSON, TEXT, connected
from tests.internet import EU, US

ORIGIN = httpcore2.Origin(b"https", US.encode(), 443)
HEADERS = [("host", US), ("content-length", str(len(TEXT))), *JSON.items()]
BY_HAND = f"POST {PATH} HTTP/1.1\r\nhost: {US}\r\ncontent-length: {len(TEXT)}\r\n\r\n{TEXT}".encode()


def uninstrument(attempt: Attempt) -> None:
    ours = ResidencyInstrumentor()
    if ours.is_instrumented_by_opentelemetry:
        ours.uninstrument()
    attempt.chat(base_url=ELSEWHERE)


def everything_put_back(attempt: Attempt) -> None:
    for owner, name in (
        (_base_client.SyncAPIClient, "request"),
        (_base_client.BaseClient, "_build_request"),
        (httpx2.Client, "_send_single_request"),
    ):
        attempt.patch.setattr(owner, name, unwrap(getattr(owner, name)))
    attempt.chat(base_url=ELSEWHERE)


def raw_socket(attempt: Attempt) -> None:
    attempt.direct()
    plain = attempt.enter(create_connection((US, 443)))
    encrypted = attempt.enter(ssl.create_default_context().wrap_socket(plain, server_hostname=US))
    encrypted.sendall(BY_HAND)
    encrypted.recv(1)


def raw_bytes_over_a_connection(attempt: Attempt) -> None:
    attempt.direct()
    connection = connected(attempt, US)
    connection.connect()
    connection.send(BY_HAND)
    connection.sock.recv(1)


def below_the_end_of_the_headers(attempt: Attempt) -> None:
    attempt.direct()
    connection = connected(attempt, US)
    connection.putrequest("POST", PATH)
    connection.putheader("content-length", str(len(TEXT)))
    connection._send_output(TEXT.encode())
    connection.sock.recv(1)


def protocol_of_aiohttp(attempt: Attempt) -> None:
    async def write() -> None:
        loop = asyncio.get_running_loop()
        address = {"host": US, "port": 443, "ssl": ssl.create_default_context()}
        transport, protocol = await loop.create_connection(lambda: ResponseHandler(loop), **address)
        protocol.set_response_params()
        await StreamWriter(protocol, loop).write(BY_HAND)
        await protocol.read()
        transport.close()

    attempt.direct()
    asyncio.run(write())


def connection_of_the_core(attempt: Attempt) -> None:
    attempt.direct()
    with httpcore2.HTTPConnection(ORIGIN, ssl_context=ssl.create_default_context()) as connection:
        connection.request("POST", AT_US, headers=HEADERS, content=TEXT.encode())


def method_of_a_class_of_the_core(attempt: Attempt) -> None:
    attempt.direct()
    request = httpcore2.Request("POST", AT_US, headers=HEADERS, content=TEXT.encode())
    with httpcore2.HTTPConnection(ORIGIN, ssl_context=ssl.create_default_context()) as connection:
        httpcore2.HTTPConnection.handle_request(connection, request).read()


def asynchronous_connection_of_the_core(attempt: Attempt) -> None:
    # anyio takes the address of what `direct` gives, and the port of the URL.
    port = attempt.internet.get(US)
    origin, url = httpcore2.Origin(b"https", US.encode(), port or 0), f"https://{US}:{port}{PATH}"

    async def post() -> None:
        encryption = ssl.create_default_context()
        async with httpcore2.AsyncHTTPConnection(origin, ssl_context=encryption) as connection:
            await connection.request("POST", url, headers=HEADERS, content=TEXT.encode())

    attempt.direct()
    asyncio.run(post())


def connection_of_the_core_over_a_stream(attempt: Attempt) -> None:
    attempt.direct()
    plain = httpcore.SyncBackend().connect_tcp(US, 443)
    stream = plain.start_tls(ssl.create_default_context(), US)
    origin = httpcore.Origin(b"https", US.encode(), 443)
    with httpcore.HTTP11Connection(origin, stream) as connection:
        connection.request("POST", AT_US, headers=HEADERS, content=TEXT.encode())


def core_of_the_http_client(attempt: Attempt) -> None:
    attempt.direct()
    httpcore2.request("POST", AT_US, headers=list(JSON.items()), content=TEXT.encode())


def proxy_without_certificates(attempt: Attempt) -> None:
    attempt.patch.setitem(attempt.internet._ports, EU, attempt.internet.get(US))
    attempt.enter(httpx2.Client(verify=False)).post(AT_EU, json={})
