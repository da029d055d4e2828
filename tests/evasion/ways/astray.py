"""Somebody between the client and the EU leads it to the US: its name is asked for, and nothing else."""
# ruff: noqa: D103 - the table says what each one is

import requests

from tests.evasion.road import AT_EU, CHAT, Road
from tests.evasion.ways import others
from tests.internet import EU, US


def by_a_proxy(road: Road) -> None:
    road.patch.setitem(road.internet._ports, EU, road.internet.get(US))
    road.chat()


def by_a_directory(road: Road) -> None:
    road.direct(poisoned=True)
    road.chat()


def requests_by_a_directory(road: Road) -> None:
    road.direct(poisoned=True)
    requests.post(AT_EU, json=CHAT, verify=others.authority(), timeout=20)


def standard_by_a_directory(road: Road) -> None:
    road.direct(poisoned=True)
    others.connected(road, EU).request("POST", "/v1/chat/completions", others.TEXT, others.JSON)


def aiohttp_by_a_directory(road: Road) -> None:
    road.direct(poisoned=True)
    others.with_aiohttp(lambda session: session.post(AT_EU, json=CHAT))
