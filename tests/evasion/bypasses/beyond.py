"""Bypasses that no guard inside a process can stop."""
# ruff: noqa: D103 - the table says what each one is

import ssl
from inspect import unwrap
from socket import create_connection

import httpcore2
import httpx2
from openai import _base_client

from otel_residency import ResidencyInstrumentor
from tests.evasion.attempt import AT_EU, AT_US, PATH, Attempt
from tests.evasion.bypasses.configured import ELSEWHERE
from tests.evasion.bypasses.libraries import JSON, TEXT, connected
from tests.internet import EU, US

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


def core_of_the_http_client(attempt: Attempt) -> None:
    attempt.direct()
    httpcore2.request("POST", AT_US, headers=list(JSON.items()), content=TEXT.encode())


def proxy_without_certificates(attempt: Attempt) -> None:
    attempt.patch.setitem(attempt.internet._ports, EU, attempt.internet.get(US))
    attempt.enter(httpx2.Client(verify=False)).post(AT_EU, json={})
