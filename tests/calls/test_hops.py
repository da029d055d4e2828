"""A call may be several requests: every one of them is judged, and the ones that may not go do not go."""

import importlib.util
import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import openai
import pytest

from examples.demo.loopback import Asked, Reply
from otel_residency import ResidencyViolationError
from tests.calls.http_library import MAJOR, http
from tests.calls.kinds import Kind
from tests.internet import EU, GLOBAL, US, Internet
from tests.recorded import Instrument, Recorded, settle
from tests.vendor import SNAPSHOT, error, ordinary, redirect

PROMPT = "the prompt that must not leave"
CHAT: dict[str, Any] = {"model": SNAPSHOT, "messages": [{"role": "user", "content": PROMPT}]}
PATH = "/v1/chat/completions"
SECOND_EU = "mtls-eu.api.openai.com"
LOGIN = "login.example"
REDIRECTS = (301, 302, 303, 307, 308)
KEEP_BODY = (307, 308)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client try again at once."""
    monkeypatch.setattr(openai._base_client.BaseClient, "_calculate_retry_timeout", lambda *_, **__: 0)


@pytest.fixture(params=["whole", "streamed"])
def chat(request: pytest.FixtureRequest) -> Callable[[Kind, Any], Any]:
    """One chat completion, as a whole or as a stream."""
    streamed = request.param == "streamed"

    def call(kind: Kind, client: Any) -> Any:
        answer = kind.run(client.chat.completions.create(**CHAT, stream=streamed))
        if streamed:
            kind.items(answer)
            settle()
        return answer

    return call


def leading(*hosts: str, status: int) -> Callable[[Asked], Reply]:
    """Each of these hosts redirects to the next one; the last one answers."""
    following = dict(pairwise(hosts))

    def respond(request: Asked) -> Reply:
        target = following.get(request.host)
        return redirect(status, f"https://{target}{PATH}") if target else ordinary(request)

    return respond


def recorded_hops(residency: Recorded) -> tuple[Any, ...]:
    """The hosts and regions of the hops that the span records."""
    span = residency.span
    return span["residency.hop.hosts"], span["residency.hop.regions"], span["residency.region"]


# Redirects, when violations are flagged.


@pytest.mark.parametrize("status", REDIRECTS)
def test_a_redirect_within_the_region(
    kind: Kind, residency: Recorded, internet: Internet, chat: Callable[[Kind, Any], Any], status: int
) -> None:
    """A redirect that stays in the region is one more hop, and no violation."""
    internet.respond = leading(EU, SECOND_EU, status=status)
    chat(kind, kind.open())
    assert recorded_hops(residency) == ((EU, SECOND_EU), ("eu", "eu"), "eu")
    assert residency.span["residency.violation"] is False
    assert residency.span["server.address"] == SECOND_EU
    assert internet.hosts == [EU, SECOND_EU]


@pytest.mark.parametrize("status", REDIRECTS)
def test_a_redirect_on_the_same_host(
    kind: Kind, residency: Recorded, internet: Internet, status: int
) -> None:
    """A redirect to another path of the same host stays where it is."""

    def respond(request: Asked) -> Reply:
        return ordinary(request) if "moved" in request.path else redirect(status, f"{PATH}?moved=1")

    internet.respond = respond
    kind.run(kind.open().chat.completions.create(**CHAT))
    assert recorded_hops(residency) == ((EU, EU), ("eu", "eu"), "eu")
    assert residency.span["residency.violation"] is False


@pytest.mark.parametrize("status", REDIRECTS)
def test_a_redirect_out_of_the_region(
    kind: Kind, residency: Recorded, internet: Internet, chat: Callable[[Kind, Any], Any], status: int
) -> None:
    """A redirect out of the region is a violation, and a worse one if the prompt went along."""
    internet.respond = leading(EU, US, status=status)
    chat(kind, kind.open())
    went_along = PROMPT.encode() in internet.received(US)[0].body
    assert went_along is (status in KEEP_BODY)
    reason = "redirect.payload_left_region" if went_along else "redirect.left_region"
    assert reason in residency.span["residency.reasons"]
    assert residency.span["residency.verdict"] == "ineligible"
    assert residency.span["residency.action"] == "flagged"
    assert recorded_hops(residency) == ((EU, US), ("eu", "us"), "us")
    assert residency.span["residency.base_url"] == f"https://{EU}/v1/"
    assert residency.span["server.address"] == US
    assert len(residency.violations) == 1


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize(
    ("hosts", "regions"),
    [
        ((EU, SECOND_EU, US), ("eu", "eu", "us")),
        ((EU, US, SECOND_EU), ("eu", "us", "eu")),
        ((EU, GLOBAL, US), ("eu", "global", "us")),
    ],
)
def test_chains_of_redirects(
    kind: Kind,
    residency: Recorded,
    internet: Internet,
    *,
    status: int,
    hosts: tuple[str, ...],
    regions: tuple[str, ...],
) -> None:
    """Each host of a chain counts, also when the chain leads back."""
    internet.respond = leading(*hosts, status=status)
    kind.run(kind.open().chat.completions.create(**CHAT))
    assert recorded_hops(residency) == (hosts, regions, regions[-1])
    assert residency.span["residency.verdict"] == "ineligible"
    assert tuple(internet.hosts) == hosts


def test_a_redirect_that_is_not_followed(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """A client that follows no redirects stays where it was sent."""
    internet.respond = leading(EU, US, status=307)
    http_client = kind.pick(http.Client, http.AsyncClient)(follow_redirects=False)
    with pytest.raises(openai.APIStatusError):
        kind.run(kind.open(http_client=http_client).chat.completions.create(**CHAT))
    assert recorded_hops(residency) == ((EU,), ("eu",), "eu")
    assert residency.span["residency.violation"] is False
    assert residency.span["http.response.status_code"] == 307


# Redirects, when violations are blocked.


@pytest.fixture
def blocking(instrument: Instrument) -> Recorded:
    """The package switched on in block mode."""
    return instrument(on_call="block")


def refused(kind: Kind, call: Callable[[], Any]) -> ResidencyViolationError:
    """The refusal of a call, which no other error wraps."""
    with pytest.raises(openai.OpenAIError) as caught:
        kind.run(call())
    assert type(caught.value) is ResidencyViolationError
    assert caught.value.__cause__ is None
    return caught.value


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("hosts", [(EU, US), (EU, SECOND_EU, US)], ids=["at once", "later"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_nothing_arrives_behind_a_refused_redirect(
    kind: Kind, blocking: Recorded, internet: Internet, *, status: int, hosts: tuple[str, ...], stream: bool
) -> None:
    """A redirect out of the region is refused once: the other host is not even connected to."""
    internet.respond = leading(*hosts, status=status)
    client = kind.open(max_retries=2)
    found = refused(kind, lambda: client.chat.completions.create(**CHAT, stream=stream))
    assert US not in internet.connections
    assert tuple(internet.hosts) == hosts[:-1]
    assert PROMPT not in str(found)
    span = blocking.span
    assert span["residency.action"] == "blocked"
    assert span["residency.hop.hosts"] == hosts[:-1]
    assert span["residency.region"] == "eu"
    assert span["error.type"] == "otel_residency.ResidencyViolationError"
    assert (blocking.counted, len(blocking.violations)) == (1, 1)


def test_a_redirect_to_plain_http_is_refused(kind: Kind, blocking: Recorded, internet: Internet) -> None:
    """A redirect that drops the encryption is refused, though it names the same host."""
    internet.respond = lambda _: redirect(307, f"http://{EU}{PATH}")
    refused(kind, lambda: kind.open().chat.completions.create(**CHAT))
    assert blocking.span["residency.reasons"][0] == "transport.insecure"
    assert internet.connections == [EU]


def test_a_redirect_within_the_region_passes(
    kind: Kind, blocking: Recorded, internet: Internet, chat: Callable[[Kind, Any], Any]
) -> None:
    """Block mode refuses no redirect that stays in the region."""
    internet.respond = leading(EU, SECOND_EU, status=307)
    chat(kind, kind.open())
    assert blocking.span["residency.violation"] is False
    assert PROMPT.encode() in internet.received(SECOND_EU)[0].body


AIOHTTP = "httpx_aiohttp" if MAJOR < 3 else "aiohttp"


@pytest.mark.skipif(
    not hasattr(openai, "DefaultAioHttpClient"), reason="this client has no aiohttp transport"
)
@pytest.mark.skipif(importlib.util.find_spec(AIOHTTP) is None, reason="aiohttp is not installed")
async def test_a_redirect_over_aiohttp_is_refused(blocking: Recorded, internet: Internet) -> None:
    """Another transport, the same refusal."""
    internet.respond = leading(EU, US, status=308)
    transport = openai.DefaultAioHttpClient()
    async with openai.AsyncOpenAI(base_url=f"https://{EU}/v1", http_client=transport) as client:
        with pytest.raises(ResidencyViolationError):
            await client.chat.completions.create(**CHAT)
    assert internet.connections == [EU]
    assert blocking.span["residency.hop.hosts"] == (EU,)


# Refused before the first request.


@pytest.mark.parametrize("host", [US, GLOBAL, "api.openai.eu", "eu.api.openai.com.evil.example"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_nothing_arrives_of_a_refused_call(
    kind: Kind, blocking: Recorded, internet: Internet, *, host: str, stream: bool
) -> None:
    """A call to a wrong host is refused once, before anything is connected to."""
    client = kind.open(base_url=f"https://{host}/v1", max_retries=2)
    found = refused(kind, lambda: client.chat.completions.create(**CHAT, stream=stream))
    assert internet.connections == []
    assert found.decision is not None
    assert found.decision.violation
    assert host in str(found)
    span = blocking.span
    assert span["residency.action"] == "blocked"
    assert span["server.address"] == host
    assert "residency.hop.hosts" not in span
    assert "http.response.status_code" not in span
    assert (blocking.counted, len(blocking.violations)) == (1, 1)


def test_a_refusal_names_the_port(kind: Kind, blocking: Recorded, internet: Internet) -> None:
    """Who is refused at a port that is not the default reads it, where the call went to and in the reason."""
    del blocking
    client = kind.open(base_url=f"https://{US}:8443/v1")
    call, reason = str(refused(kind, lambda: client.chat.completions.create(**CHAT))).splitlines()[:2]
    assert f"https://{US}:8443 /v1/chat/completions" in call
    assert f"{US}:8443 is us, not eu" in reason
    assert internet.connections == []


def test_a_derived_client_is_refused_and_the_other_is_not(
    kind: Kind, blocking: Recorded, internet: Internet
) -> None:
    """`with_options(base_url=…)` leads one call astray, and only that one."""
    client = kind.open()
    kind.run(client.chat.completions.create(**CHAT))
    astray = client.with_options(base_url=f"https://{US}/v1")
    refused(kind, lambda: astray.chat.completions.create(**CHAT))
    kind.run(client.chat.completions.create(**CHAT))
    assert internet.hosts == [EU, EU]
    assert blocking.values("residency.action") == [None, "blocked", None]


def test_a_request_that_a_hook_sends_elsewhere_is_refused(
    kind: Kind, blocking: Recorded, internet: Internet
) -> None:
    """A request is judged when it is sent, after the application's hooks have changed it."""

    def astray(request: Any) -> None:
        request.url = request.url.copy_with(host=US)

    async def astray_async(request: Any) -> None:
        astray(request)

    hooks = {"request": [kind.pick(astray, astray_async)]}
    http_client = kind.pick(http.Client, http.AsyncClient)(event_hooks=hooks)
    refused(kind, lambda: kind.open(http_client=http_client, max_retries=2).chat.completions.create(**CHAT))
    assert internet.connections == []
    assert blocking.span["residency.action"] == "blocked"


def test_a_request_that_an_auth_flow_sends_elsewhere_is_refused(
    kind: Kind, blocking: Recorded, internet: Internet
) -> None:
    """The requests of an authentication flow are judged, too."""

    class Astray(http.Auth):  # type: ignore[name-defined,misc]
        def auth_flow(self, request: Any) -> Iterator[Any]:
            request.url = request.url.copy_with(host=US)
            yield request

    http_client = kind.pick(http.Client, http.AsyncClient)(auth=Astray())
    refused(kind, lambda: kind.open(http_client=http_client, max_retries=2).chat.completions.create(**CHAT))
    assert internet.connections == []
    assert blocking.span["residency.action"] == "blocked"


class Tokens(http.Auth):  # type: ignore[name-defined,misc]
    """Fetches a token, by the same HTTP client, before each request."""

    requires_response_body = True

    def auth_flow(self, request: Any) -> Iterator[Any]:
        """Send one request before the other."""
        form = {"grant_type": "client_credentials"}
        answer = yield http.Request("POST", f"https://{LOGIN}/oauth/token", data=form)
        request.headers["x-token"] = answer.json()["access_token"]
        yield request


def test_a_token_is_fetched_under_a_strict_policy(
    kind: Kind, instrument: Instrument, internet: Internet
) -> None:
    """An auth flow may ask whom it likes for a token: only what belongs to the call is judged with it."""
    blocking = instrument(on_call="block", strict=True)
    token = Reply(200, {"content-type": "application/json"}, b'{"access_token": "t"}')
    internet.respond = lambda request: token if request.host == LOGIN else ordinary(request)
    http_client = kind.pick(http.Client, http.AsyncClient)(auth=Tokens())
    kind.run(kind.open(http_client=http_client).chat.completions.create(**CHAT))
    assert internet.hosts == [LOGIN, EU]
    assert internet.received(EU)[0].headers["x-token"] == "t"
    assert blocking.span["residency.hop.hosts"] == (EU,)
    assert blocking.span["residency.verdict"] == "eligible"


def swapping(kind: Kind, body: Any) -> Any:
    """An HTTP client that sends `body` in the place of what it is given."""

    def swap(request: Any) -> None:
        other = http.Request("POST", request.url, json=body)
        request.stream = other.stream
        request.headers["content-length"] = other.headers["content-length"]

    async def swap_async(request: Any) -> None:
        swap(request)

    hooks = {"request": [kind.pick(swap, swap_async)]}
    return kind.pick(http.Client, http.AsyncClient)(event_hooks=hooks)


def test_the_body_that_is_sent_is_reported(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """A body that a hook has replaced is not recorded: it was never sent."""
    http_client = swapping(kind, {**CHAT, "model": "gpt-of-nobody"})
    call = kind.open(http_client=http_client).chat.completions.create(**CHAT, extra_body={"background": True})
    kind.run(call)
    assert b"background" not in internet.requests[0].body
    assert residency.span["residency.model.requested"] == "gpt-of-nobody"
    assert "feature.background" not in residency.span["residency.reasons"]


def test_a_custom_host_header_is_refused(kind: Kind, blocking: Recorded, internet: Internet) -> None:
    """The right address with another name in the request may be routed anywhere."""
    client = kind.open(default_headers={"Host": US})
    refused(kind, lambda: client.chat.completions.create(**CHAT))
    assert internet.connections == []
    assert blocking.span["residency.reasons"][0] == "host.header_mismatch"


def test_a_custom_name_in_tls_is_refused(kind: Kind, blocking: Recorded, internet: Internet) -> None:
    """A server whose certificate is for another host than the dialled one may be that host."""

    def rename(request: Any) -> None:
        request.extensions["sni_hostname"] = US

    async def rename_async(request: Any) -> None:
        rename(request)

    hooks = {"request": [kind.pick(rename, rename_async)]}
    http_client = kind.pick(http.Client, http.AsyncClient)(event_hooks=hooks)
    refused(kind, lambda: kind.open(http_client=http_client).chat.completions.create(**CHAT))
    assert internet.connections == []
    assert blocking.span["residency.reasons"][0] == "host.header_mismatch"


def test_the_target_that_is_sent_is_judged(kind: Kind, blocking: Recorded, internet: Internet) -> None:
    """Where the request has another target than the path of its URL, the target counts."""

    def aim(request: Any) -> None:
        request.extensions["target"] = b"/v1/videos?secret=1"

    async def aim_async(request: Any) -> None:
        aim(request)

    http_client = kind.pick(http.Client, http.AsyncClient)(
        event_hooks={"request": [kind.pick(aim, aim_async)]}
    )
    refused(kind, lambda: kind.open(http_client=http_client).chat.completions.create(**CHAT))
    assert internet.connections == []
    assert blocking.span["residency.endpoint"] == "/v1/videos"


# Retries.


def failing(*replies: Reply | Exception) -> Callable[[Asked], Reply]:
    """These answers first, one after the other; then the ordinary one."""
    waiting = list(replies)

    def respond(request: Asked) -> Reply:
        reply = waiting.pop(0) if waiting else ordinary(request)
        if isinstance(reply, Exception):
            raise reply
        return reply

    return respond


@pytest.mark.parametrize(
    "failure", [error(429), error(500), ConnectionAbortedError()], ids=["429", "500", "cut"]
)
@pytest.mark.parametrize("times", [1, 2])
def test_retries_are_one_call(
    kind: Kind,
    residency: Recorded,
    internet: Internet,
    chat: Callable[[Kind, Any], Any],
    *,
    failure: Reply | Exception,
    times: int,
) -> None:
    """A call that succeeds in the end is one span, with a hop for each attempt and no error."""
    internet.respond = failing(*[failure] * times)
    chat(kind, kind.open(max_retries=2))
    assert residency.span["residency.hop.hosts"] == (EU,) * (times + 1)
    assert residency.span["residency.verdict"] == "eligible"
    assert residency.span["http.response.status_code"] == 200
    assert "error.type" not in residency.span
    assert residency.counted == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 503])
def test_a_call_that_fails(kind: Kind, residency: Recorded, internet: Internet, status: int) -> None:
    """A call that fails records its error."""
    internet.respond = lambda _: error(status)
    with pytest.raises(openai.APIStatusError) as caught:
        kind.run(kind.open(max_retries=1).chat.completions.create(**CHAT))
    assert caught.value.status_code == status
    span = residency.span
    assert (span["error.type"], span["http.response.status_code"]) == (str(status), status)
    assert span["residency.hop.hosts"] == (EU,) * len(internet.requests)
    assert residency.counted == 1


def test_a_host_that_can_not_be_reached(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """A call that reached no host records the one that it tried."""
    internet.unreachable = {EU}
    with pytest.raises(openai.APIConnectionError):
        kind.run(kind.open(max_retries=2).chat.completions.create(**CHAT))
    span = residency.span
    assert span["error.type"] == "openai.APIConnectionError"
    assert span["residency.hop.hosts"] == (EU,) * 3
    assert "http.response.status_code" not in span
    assert internet.requests == []


def test_every_attempt_is_redirected(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """Attempts and redirects are recorded in the order in which they were sent."""
    answers = failing(error(500))

    def respond(request: Asked) -> Reply:
        return redirect(307, f"https://{US}{PATH}") if request.host == EU else answers(request)

    internet.respond = respond
    kind.run(kind.open(max_retries=2).chat.completions.create(**CHAT))
    assert residency.span["residency.hop.hosts"] == (EU, US, EU, US)
    assert residency.span["residency.reasons"].count("redirect.payload_left_region") == 1


def test_a_redirect_of_a_later_attempt_is_refused(kind: Kind, blocking: Recorded, internet: Internet) -> None:
    """What was refused is not tried again, and what was tried before is not forgotten."""
    internet.respond = failing(error(500), redirect(307, f"https://{US}{PATH}"))
    client = kind.open(max_retries=5)
    refused(kind, lambda: client.chat.completions.create(**CHAT))
    assert internet.connections.count(US) == 0
    assert blocking.span["residency.hop.hosts"] == (EU, EU)


def test_a_retry_is_not_taken_for_a_redirect(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """An attempt after a redirect that failed is a first hop."""
    internet.respond = failing(redirect(307, f"https://{SECOND_EU}{PATH}"), ConnectionAbortedError())
    kind.run(kind.open(max_retries=1).chat.completions.create(**CHAT))
    assert residency.span["residency.hop.hosts"] == (EU, SECOND_EU, EU)
    assert residency.span["residency.verdict"] == "eligible"


def test_what_an_earlier_attempt_sent_is_not_forgotten(
    kind: Kind, residency: Recorded, internet: Internet
) -> None:
    """Where a hook of the client's changes the body for the next attempt, the worst that was sent counts."""
    internet.respond = failing(error(500))
    client = kind.open(max_retries=1)
    models = ["gpt-of-nobody", SNAPSHOT]

    def prepare(options: Any) -> Any:
        options.json_data = {**options.json_data, "model": models.pop(0)}
        return options

    async def prepare_async(options: Any) -> Any:
        return prepare(options)

    client._prepare_options = kind.pick(prepare, prepare_async)
    kind.run(client.chat.completions.create(**CHAT))
    assert [json.loads(request.body)["model"] for request in internet.requests] == ["gpt-of-nobody", SNAPSHOT]
    assert residency.span["residency.reasons"] == ("model.not_listed",)
    assert residency.span["residency.violation"] is True
    assert residency.span["residency.hop.regions"] == ("eu", "eu")


# The vendor's own refusals.

WRONG_HOST = "Attempted to access resource with incorrect regional hostname. Please call <host>"


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (401, "incorrect_hostname", WRONG_HOST),
        (401, None, "This endpoint is only accessible by projects with geography restrictions enabled."),
        (401, "customer_storage_not_ready", "no"),
    ],
)
def test_refused_by_the_vendor(
    kind: Kind, residency: Recorded, internet: Internet, *, status: int, code: str | None, message: str
) -> None:
    """The vendor reports that host and project do not match: it has received the prompt."""
    internet.respond = lambda _: error(status, code, message)
    with pytest.raises(openai.AuthenticationError):
        kind.run(kind.open().chat.completions.create(**CHAT))
    assert "host.refused_by_vendor" in residency.span["residency.reasons"]
    assert residency.span["residency.verdict"] == "ineligible"
    assert residency.span["error.type"] == "401"


def test_an_ordinary_401_is_no_verdict(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """An error about a wrong key does not change the region."""
    internet.respond = lambda _: error(401, "invalid_api_key", "Incorrect API key provided.")
    with pytest.raises(openai.AuthenticationError):
        kind.run(kind.open().chat.completions.create(**CHAT))
    assert residency.span["residency.verdict"] == "eligible"
