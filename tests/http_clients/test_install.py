"""Calls to the vendor by HTTP clients of every kind: judged, in block mode refused before a byte leaves."""

import http.client as standard
import subprocess
import sys
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
import urllib3

from otel_residency import ResidencyViolationError
from otel_residency.errors import RefusalError
from otel_residency.http_clients import install
from otel_residency.openai_client import call, http
from otel_residency.openai_client.patch import switch
from otel_residency.telemetry import names
from tests.internet import EU, US, Internet
from tests.recorded import Instrument, Recorded, settle
from tests.senders import PATH, SENDERS, TEXT
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


def test_block_refuses_before_a_byte_leaves(client: str, instrument: Instrument, internet: Internet) -> None:
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


def test_flag_changes_nothing_and_tells(client: str, residency: Recorded, internet: Internet) -> None:
    """A violating call arrives, is flagged, and counts once."""
    assert SENDERS[client](f"https://{US}{PATH}") == 200
    settle()
    assert internet.hosts == [US]
    assert residency.values(names.REGION) == ["us"]
    assert residency.values(names.ACTION) == ["flagged"]
    assert residency.counted == len(residency.violations) == 1
    assert "4711" not in residency.everything


def test_another_host_costs_a_look_up(client: str, residency: Recorded, internet: Internet) -> None:
    """A host that is no vendor's leaves no span, and is remembered as one that does not matter."""
    SENDERS[client](f"https://shop.example{PATH}")
    state = switch.state
    assert state is not None
    assert {"shop.example", b"shop.example"} & state.others
    assert internet.hosts == ["shop.example"]
    assert residency.spans == []
    assert residency.counted == 0


def test_a_redirect_out_of_the_region_is_stopped(
    client: str, instrument: Instrument, internet: Internet
) -> None:
    """The body does not follow a redirect to another region."""
    if client not in FOLLOWS:
        pytest.skip("it does not send a body again")
    internet.respond = lambda asked: (
        redirect(307, f"https://{US}{asked.path}") if asked.host == EU else ordinary(asked)
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


def broken(*_: object, **__: object) -> None:
    """Fail, with content in the message."""
    raise RuntimeError(TEXT)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every reading of a request fail."""
    monkeypatch.setattr(install, "_begin", broken)
    for module in (http, call):
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
    assert "4711" not in caplog.text


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
    switch.state = None
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
        " 'otel_residency.catalogue', 'otel_residency.openai_client.call')])"
    )
    assert run(code) == "[]"
