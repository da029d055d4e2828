"""Calls to the vendor by HTTP clients of every kind: judged, in block mode refused before a byte leaves."""

import asyncio
import http.client as standard
import os
import ssl
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3

from otel_residency import ResidencyViolationError, require
from otel_residency.calls import request as calls_request
from otel_residency.calls.state import runtime
from otel_residency.errors import RefusalError
from otel_residency.patches import plain_calls
from otel_residency.telemetry import names
from tests.internet import EU, GATEWAY, US, Internet
from tests.recorded import Instrument, Recorded, settle
from tests.senders import BODY, JSON, PATH, SENDERS, TEXT, tunnel
from tests.vendor import ALIAS, ordinary, redirect

KINDS = {
    "httpx": httpx.RequestError,
    "httpx2": httpx2.RequestError,
    "async_httpx": httpx.RequestError,
    "requests": urllib3.exceptions.HTTPError,
    "urllib3": urllib3.exceptions.HTTPError,
    "aiohttp": aiohttp.ClientError,
    "urllib": standard.HTTPException,
    "http_client": standard.HTTPException,
}
FOLLOWS = {"httpx", "httpx2", "async_httpx", "requests", "urllib3", "aiohttp"}
"""Those that send the body again when they are redirected by 307."""


@pytest.fixture(params=SENDERS)
def client(request: pytest.FixtureRequest) -> str:
    """Each HTTP client."""
    name: str = request.param
    return name


def test_block_refuses_before_a_byte_is_sent(client: str, instrument: Instrument, internet: Internet) -> None:
    """A violating call is refused with an error of ours that is one of the library's too; nothing arrives."""
    recorded = instrument(on_call="block")
    with pytest.raises(ResidencyViolationError, match=r"host\.region_mismatch") as raised:
        SENDERS[client](f"https://{US}{PATH}?key=secret")
    assert isinstance(raised.value, KINDS[client])
    assert "secret" not in str(raised.value)
    assert internet.requests == []
    assert recorded.values(names.ACTION) == ["blocked"]
    assert recorded.counted == len(recorded.violations) == 1


def test_block_lets_an_eligible_call_go(client: str, instrument: Instrument, internet: Internet) -> None:
    """A call to the required region arrives and is answered, with one span."""
    recorded = instrument(on_call="block")
    assert SENDERS[client](f"https://{EU}{PATH}") == 200
    settle()
    assert internet.hosts == [EU]
    (span,) = recorded.spans
    assert span.name == f"residency POST {PATH}"
    assert recorded.counted == 1
    assert not recorded.violations


def test_block_refuses_what_the_customer_may_not(
    client: str, instrument: Instrument, internet: Internet
) -> None:
    """A call that the policy allows is refused where it is made for a customer of another region."""
    recorded = instrument(require=["eu", "us"], on_call="block")
    with require("us"):
        SENDERS[client](f"https://{US}{PATH}")
        with pytest.raises(ResidencyViolationError, match="us is required"):
            SENDERS[client](f"https://{EU}{PATH}")
    settle()
    assert internet.hosts == [US]
    assert recorded.values(names.REQUIRED) == [("us",), ("us",)]


def test_flag_changes_nothing_and_reports(client: str, residency: Recorded, internet: Internet) -> None:
    """A violating call arrives, is flagged, and counts once."""
    assert SENDERS[client](f"https://{US}{PATH}") == 200
    settle()
    assert internet.hosts == [US]
    assert residency.values(names.REGION) == ["us"]
    assert residency.values(names.ACTION) == ["flagged"]
    assert residency.counted == len(residency.violations) == 1
    assert "my claim" not in residency.everything


def test_another_host_costs_one_lookup(client: str, residency: Recorded, internet: Internet) -> None:
    """A host that is no vendor's leaves no span, and is remembered as one that does not matter."""
    SENDERS[client](f"https://shop.example{PATH}")
    state = runtime.state
    assert state is not None
    assert len(state.non_vendor_hosts) >= 1
    remembered = set(state.non_vendor_hosts)
    SENDERS[client](f"https://shop.example{PATH}")
    assert state.non_vendor_hosts == remembered
    assert internet.hosts == ["shop.example"] * 2
    assert residency.spans == []
    assert residency.counted == 0


def test_a_redirect_out_of_the_region_is_stopped(
    client: str, instrument: Instrument, internet: Internet
) -> None:
    """The body does not follow a redirect to another region."""
    if client not in FOLLOWS:
        pytest.skip("it does not send a body again")
    internet.respond = lambda request: (
        redirect(307, f"https://{US}{request.path}") if request.host == EU else ordinary(request)
    )
    instrument(on_call="block")
    with pytest.raises(RefusalError):
        SENDERS[client](f"https://{EU}{PATH}")
    assert internet.hosts == [EU]


@pytest.mark.parametrize("name", ["httpx", "requests"])
def test_the_model_of_a_raw_call_counts(name: str, residency: Recorded) -> None:
    """Where the body is at hand it is read: an eligible alias is told as one."""
    SENDERS[name](f"https://{EU}{PATH}")
    settle()
    assert residency.values(names.MODEL_REQUESTED) == [ALIAS]


def named_with_http_client(url: str, host: str) -> None:
    """By the standard library, in steps."""
    connection = tunnel(url)
    with closing(connection):
        connection.request("POST", PATH, TEXT, {**JSON, "Host": host})
        connection.getresponse().read()


async def named_with_aiohttp(url: str, host: str) -> None:
    """By aiohttp."""
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
    async with aiohttp.ClientSession(trust_env=True, connector=connector) as session:
        async with session.post(url, json=BODY, headers={"host": host}) as answer:
            await answer.read()


NAMED: dict[str, Callable[[str, str], object]] = {
    "httpx": lambda url, host: httpx.post(url, json=BODY, headers={"host": host}),
    "httpx2": lambda url, host: httpx2.post(url, json=BODY, headers={"host": host}),
    "requests": lambda url, host: requests.post(
        url, json=BODY, headers={"host": host}, verify=os.environ["SSL_CERT_FILE"], timeout=20
    ),
    "aiohttp": lambda url, host: asyncio.run(named_with_aiohttp(url, host)),
    "http_client": named_with_http_client,
}
OTHER_URL = f"https://shop.example{PATH}"


@pytest.mark.parametrize("send", NAMED.values(), ids=NAMED)
@pytest.mark.parametrize("remembered", [False, True])
def test_a_vendor_is_recognised_by_its_name(
    send: Callable[[str, str], object], residency: Recorded, internet: Internet, *, remembered: bool
) -> None:
    """Over a connection to nobody's host a request to a vendor is one call, and tells of both names."""
    if remembered:
        send(OTHER_URL, "shop.example")
        assert residency.counted == 0
    send(OTHER_URL, EU)
    settle()
    assert internet.hosts == ["shop.example"] * (1 + remembered)
    (reasons,) = residency.values(names.REASONS)
    assert "host.header_mismatch" in reasons
    assert residency.values(names.HOP_HOSTS) == [("shop.example",)]
    assert residency.counted == len(residency.violations) == 1


@pytest.mark.parametrize("send", NAMED.values(), ids=NAMED)
def test_a_vendor_by_its_name_is_refused(
    send: Callable[[str, str], object], instrument: Instrument, internet: Internet
) -> None:
    """In block mode such a request does not leave, also where the host was let through before."""
    instrument(on_call="block")
    send(OTHER_URL, "other.example")
    with pytest.raises(Exception, match=r"host\.header_mismatch"):
        send(OTHER_URL, EU)
    assert len(internet.requests) == 1


@pytest.mark.parametrize("send", NAMED.values(), ids=NAMED)
def test_two_names_are_one_call(
    send: Callable[[str, str], object], residency: Recorded, internet: Internet
) -> None:
    """A call to a vendor that names another is judged once, however many libraries it passes."""
    send(f"https://{EU}{PATH}", US)
    settle()
    assert internet.hosts == [EU]
    assert residency.counted == len(residency.violations) == 1


@pytest.mark.parametrize("send", NAMED.values(), ids=NAMED)
@pytest.mark.parametrize("name", [EU.upper(), f"{EU}:443", f"{EU}."])
def test_another_spelling_is_no_other_name(
    send: Callable[[str, str], object], instrument: Instrument, internet: Internet, name: str
) -> None:
    """The host that is dialled may be written in another way in the Host header."""
    instrument(on_call="block")
    send(f"https://{EU}{PATH}", name)
    assert internet.hosts == [EU]


def test_a_connection_is_good_after_a_refusal(instrument: Instrument, internet: Internet) -> None:
    """What was refused is not sent with the next request over the connection."""
    instrument(on_call="block")
    with closing(tunnel(f"https://{EU}")) as connection:
        with pytest.raises(ResidencyViolationError):
            connection.request("POST", PATH, TEXT, {**JSON, "Host": US})
        connection.request("POST", PATH, TEXT, JSON)
        assert connection.getresponse().status == 200
    (request,) = internet.requests
    assert request.headers.get_all("host") == [EU]


def test_a_connector_that_connects_by_itself(residency: Recorded, internet: Internet) -> None:
    """What aiohttp's own connector does not see is judged where it is written, once."""

    class Connector(aiohttp.TCPConnector):
        async def connect(self, req: aiohttp.ClientRequest, *args: Any, **kwargs: Any) -> Any:
            protocol = await self._create_connection(req, *args, **kwargs)
            return aiohttp.connector.Connection(self, req.connection_key, protocol, self._loop)

    async def send() -> None:
        trusting = Connector(ssl=ssl.create_default_context())
        async with aiohttp.ClientSession(trust_env=True, connector=trusting) as session:
            async with session.post(f"https://{EU}{PATH}", json=BODY) as answer:
                await answer.read()

    asyncio.run(send())
    settle()
    assert internet.hosts == [EU]
    assert residency.values(names.REGION) == ["eu"]
    assert residency.counted == 1


def broken(*_: object, **__: object) -> None:
    """Fail, with content in the message."""
    raise RuntimeError(TEXT)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every reading of a request fail."""
    monkeypatch.setattr(plain_calls, "open_request", broken)
    for module in (plain_calls, calls_request):
        monkeypatch.setattr(module, "read_hop", broken)


@pytest.mark.usefixtures("failing")
def test_a_failure_of_ours_is_none_of_the_application(
    client: str, residency: Recorded, internet: Internet, caplog: pytest.LogCaptureFixture
) -> None:
    """When a request can't be read the call is made all the same in flag mode."""
    del residency
    assert SENDERS[client](f"https://{EU}{PATH}") == 200
    assert internet.hosts == [EU]
    assert "RuntimeError" in caplog.text
    assert "my claim" not in caplog.text


@pytest.mark.usefixtures("failing")
def test_a_failure_of_ours_is_a_refusal(client: str, instrument: Instrument, internet: Internet) -> None:
    """In block mode a doubt is a refusal."""
    instrument(on_call="block")
    with pytest.raises(ResidencyViolationError, match=r"guard\.failed"):
        SENDERS[client](f"https://{EU}{PATH}")
    assert internet.requests == []


def test_a_gateway_serves_other_things_too(instrument: Instrument, internet: Internet) -> None:
    """Of a host that the policy names only the vendor's endpoints are judged."""
    recorded = instrument(on_call="block", hosts={"shop.example": {"region": "us"}})
    assert SENDERS["httpx"]("https://shop.example/orders") == 200
    with pytest.raises(ResidencyViolationError):
        SENDERS["httpx"](f"https://shop.example{PATH}")
    assert internet.hosts == ["shop.example"]
    assert recorded.counted == 1


def test_switched_off_nothing_is_judged(instrument: Instrument, client: str, internet: Internet) -> None:
    """Without an active state every client is as it was."""
    instrument(on_call="block")
    runtime.state = None
    assert SENDERS[client](f"https://{US}{PATH}") == 200
    assert internet.hosts == [US]


WITHOUT_OPENAI = """
import sys
sys.modules["openai"] = None
from otel_residency import ResidencyInstrumentor
ResidencyInstrumentor().instrument(require="eu", on_call="block", skip_dep_check=True)
import urllib.request
try:
    urllib.request.urlopen("https://us.api.openai.com/v1/models/x/y", b"{}")
except Exception as error:
    print(type(error).__name__, [kind.__name__ for kind in type(error).__mro__].count("RefusalError"))
"""


def test_without_the_openai_package(internet: Internet) -> None:
    """Where openai is not installed a call is refused all the same."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_OPENAI], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["ResidencyViolationError", "1"]
    assert internet.requests == []


def run(code: str) -> Any:
    """What a fresh process prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_an_http_client_alone_loads_little() -> None:
    """Importing an HTTP client loads neither the guard nor the catalogue."""
    code = (
        "import sys; from otel_residency import ResidencyInstrumentor;"
        "ResidencyInstrumentor().instrument(require='eu', skip_dep_check=True);"
        "import httpx, httpx2, requests, aiohttp, urllib.request;"
        "print([name for name in sys.modules if name in ('openai', 'otel_residency.guard',"
        " 'otel_residency.catalogue', 'otel_residency.calls.call')])"
    )
    assert run(code) == "[]"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("OpenAI-Project", "proj_us", "host.region_mismatch"),
        ("x-portkey-custom-host", "https://us.api.openai.com/v1", "gateway.route"),
    ],
)
def test_the_headers_of_http_client_count(
    instrument: Instrument, internet: Internet, name: str, value: str, reason: str
) -> None:
    """A project with a rule of its own, and an order to a gateway, are seen before anything is sent."""
    rules = [{"when": {"project": "proj_us"}, "require": ["us"]}]
    recorded = instrument(on_call="block", hosts={GATEWAY: {"region": "eu"}}, rule=rules)
    with closing(standard.HTTPSConnection(GATEWAY)) as connection, pytest.raises(ResidencyViolationError):
        connection.request("POST", "/v1/chat/completions", TEXT, {name: value})
    settle()
    assert reason in recorded.span["residency.reasons"]
    assert internet.requests == []
