"""A proxy or a DNS server leads the client to the US. The client asks for the name of the host in the EU."""
# ruff: noqa: D103 - the table says what each one is

import requests

from tests.evasion.attempt import AT_EU, CHAT, Attempt
from tests.evasion.bypasses import libraries
from tests.internet import EU, US


def by_a_proxy(attempt: Attempt) -> None:
    attempt.patch.setitem(attempt.internet._ports, EU, attempt.internet.get(US))
    attempt.chat()


def by_a_directory(attempt: Attempt) -> None:
    attempt.direct(poisoned=True)
    attempt.chat()


def requests_by_a_directory(attempt: Attempt) -> None:
    attempt.direct(poisoned=True)
    requests.post(AT_EU, json=CHAT, verify=libraries.authority(), timeout=20)


def standard_by_a_directory(attempt: Attempt) -> None:
    attempt.direct(poisoned=True)
    libraries.connected(attempt, EU).request("POST", "/v1/chat/completions", libraries.TEXT, libraries.JSON)


def aiohttp_by_a_directory(attempt: Attempt) -> None:
    attempt.direct(poisoned=True)
    libraries.with_aiohttp(lambda session: session.post(AT_EU, json=CHAT))
