"""What no guard inside a process can stop, as far as it is cheap to show."""
# ruff: noqa: D103 - the table says what each one is

import ssl
from inspect import unwrap
from socket import create_connection

import httpcore2
import httpx2
from openai import _base_client

from otel_residency import ResidencyInstrumentor
from tests.evasion.road import AT_EU, AT_US, PATH, Road
from tests.evasion.ways.configured import ELSEWHERE
from tests.evasion.ways.others import JSON, TEXT, connected
from tests.internet import EU, US

BY_HAND = f"POST {PATH} HTTP/1.1\r\nhost: {US}\r\ncontent-length: {len(TEXT)}\r\n\r\n{TEXT}".encode()


def uninstrument(road: Road) -> None:
    ours = ResidencyInstrumentor()
    if ours.is_instrumented_by_opentelemetry:
        ours.uninstrument()
    road.chat(base_url=ELSEWHERE)


def everything_put_back(road: Road) -> None:
    for owner, name in (
        (_base_client.SyncAPIClient, "request"),
        (_base_client.BaseClient, "_build_request"),
        (httpx2.Client, "_send_single_request"),
    ):
        road.patch.setattr(owner, name, unwrap(getattr(owner, name)))
    road.chat(base_url=ELSEWHERE)


def raw_socket(road: Road) -> None:
    road.direct()
    plain = road.enter(create_connection((US, 443)))
    own = road.enter(ssl.create_default_context().wrap_socket(plain, server_hostname=US))
    own.sendall(BY_HAND)
    own.recv(1)


def raw_bytes_over_a_connection(road: Road) -> None:
    road.direct()
    connection = connected(road, US)
    connection.connect()
    connection.send(BY_HAND)
    connection.sock.recv(1)


def core_of_the_http_client(road: Road) -> None:
    road.direct()
    httpcore2.request("POST", AT_US, headers=list(JSON.items()), content=TEXT.encode())


def proxy_without_certificates(road: Road) -> None:
    road.patch.setitem(road.internet._ports, EU, road.internet.get(US))
    road.enter(httpx2.Client(verify=False)).post(AT_EU, json={})
