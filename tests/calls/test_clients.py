"""Every call is recorded, with each client, each way to derive one, and each host."""

import asyncio
import importlib
import importlib.util
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from inspect import signature
from typing import Any

import openai
import pytest

from examples.demo.loopback import Asked, Reply
from otel_residency import ResidencyInstrumentor
from tests.calls.http_library import MAJOR, http
from tests.calls.kinds import Kind
from tests.calls.resources import METHODS
from tests.internet import AZURE, EU, GATEWAY, GLOBAL, US, Internet
from tests.recorded import Instrument, Recorded
from tests.vendor import ALIAS, SNAPSHOT, answer, body_of

CHAT: dict[str, Any] = {"model": SNAPSHOT, "messages": [{"role": "user", "content": "Hello"}]}
BODY: dict[str, Any] = {"body": CHAT, "cast_to": object}


def chat(kind: Kind, client: Any) -> Any:
    """One chat completion."""
    return kind.run(client.chat.completions.create(**CHAT))


# Calls that are several.


def test_pagination_makes_one_span_per_page(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """Iterating over a list is one call for each page of it."""

    def pages(request: Asked) -> Reply:
        first = "after=" not in request.path
        return answer({"object": "list", "data": [{"id": "job-1"}] if first else [], "has_more": first})

    internet.respond = pages
    client = kind.open()
    listed = kind.items(client.fine_tuning.jobs.list(limit=1))
    assert [job.id for job in listed] == ["job-1"]
    assert residency.values("residency.endpoint") == ["/v1/fine_tuning/jobs"] * 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_polling_makes_one_span_per_request(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """A helper that polls makes as many calls as requests."""

    def working(request: Asked) -> Reply:
        status = "completed" if len(internet.requests) > 2 else "in_progress"
        return answer({**body_of(request.path, None), "status": status}, openai_poll_after_ms="1")

    internet.respond = working
    client = kind.open()
    run = kind.run(client.beta.threads.runs.poll("run_1", thread_id="thread_1"))
    assert run.status == "completed"
    assert residency.values("residency.endpoint") == ["/v1/threads/{thread_id}/runs/{run_id}"] * 3


@pytest.mark.skipif("uploads.upload_file_chunked" not in METHODS, reason="this client has no chunked uploads")
def test_an_upload_makes_one_span_per_part(kind: Kind, residency: Recorded) -> None:
    """An upload in three parts is five calls: it is begun, sent, and completed."""
    client = kind.open()
    kind.run(
        client.uploads.upload_file_chunked(
            file=b"abc", filename="a.txt", bytes=3, mime_type="text/plain", purpose="user_data", part_size=1
        )
    )
    assert residency.values("residency.endpoint") == [
        "/v1/uploads",
        *["/v1/uploads/{upload_id}/parts"] * 3,
        "/v1/uploads/{upload_id}/complete",
    ]


# Answers that the client does not parse.


def test_a_raw_response_reports_its_model(kind: Kind, residency: Recorded) -> None:
    """The model of an answer counts also where the application parses the answer later, or never."""
    kind.run(kind.open().chat.completions.with_raw_response.create(**{**CHAT, "model": ALIAS}))
    assert residency.span["residency.model.snapshot"] == SNAPSHOT
    assert residency.span["residency.reasons"] == ("model.alias_resolved",)


def test_an_http_response_reports_its_model(kind: Kind, residency: Recorded) -> None:
    """A call that is cast to the response of the HTTP library is judged by its body, too."""
    body = {**CHAT, "model": ALIAS}
    response = kind.run(kind.open().post("/chat/completions", body=body, cast_to=http.Response))
    assert response.json()["model"] == SNAPSHOT
    assert residency.span["residency.reasons"] == ("model.alias_resolved",)


# Calls past the resources.


@pytest.mark.parametrize("verb", ["get", "post", "patch", "put", "delete"])
def test_verbs_of_the_client(kind: Kind, residency: Recorded, verb: str) -> None:
    """A path that the client has no method for can be called by its verb, and is a call like any other."""
    client = kind.open()
    body = {} if verb == "get" else {"body": CHAT}
    kind.run(getattr(client, verb)("/chat/completions", cast_to=object, **body))
    (span,) = residency.spans
    assert span.name == f"residency {verb.upper()} /v1/chat/completions"


@pytest.fixture
def module_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The client that the module itself is, set up for the EU."""
    monkeypatch.setattr(openai, "api_key", "sk-test")
    monkeypatch.setattr(openai, "base_url", f"https://{EU}/v1/")
    monkeypatch.setattr(openai, "api_type", "openai")
    openai._reset_client()
    yield openai
    openai._load_client().close()
    openai._reset_client()


def test_the_module_as_a_client(module_client: Any, residency: Recorded) -> None:
    """`openai.chat.completions.create` is a call too."""
    module_client.chat.completions.create(**CHAT)
    assert residency.span["residency.base_url"] == f"https://{EU}/v1/"
    assert residency.span["residency.verdict"] == "eligible"


def test_the_base_url_from_the_environment(
    kind: Kind, residency: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host from a variable is judged like any other."""
    monkeypatch.setenv("OPENAI_BASE_URL", f"https://{US}/v1")
    chat(kind, kind.open(base_url=None))
    assert residency.span["residency.region"] == "us"


def test_a_client_without_any_settings_calls_the_global_host(kind: Kind, residency: Recorded) -> None:
    """Forgetting the base URL is the most common mistake of all."""
    chat(kind, kind.open(base_url=None))
    assert residency.span["residency.base_url"] == f"https://{GLOBAL}/v1/"
    assert residency.span["residency.reasons"] == ("host.global",)


@pytest.mark.parametrize("derive", ["with_options", "copy"])
def test_derived_clients(kind: Kind, residency: Recorded, derive: str) -> None:
    """A client and one that is derived from it are each judged by their base URL."""
    client = kind.open()
    derived = getattr(client, derive)(base_url=f"https://{US}/v1")
    chat(kind, derived)
    chat(kind, client)
    assert residency.values("residency.base_url") == [f"https://{US}/v1/", f"https://{EU}/v1/"]
    assert residency.values("residency.region") == ["us", "eu"]


def test_a_base_url_that_is_changed_later(kind: Kind, residency: Recorded) -> None:
    """The base URL that counts is the one at the moment of the call."""
    client = kind.open()
    chat(kind, client)
    client.base_url = f"https://{US}/v1"
    chat(kind, client)
    assert residency.values("residency.base_url") == [f"https://{EU}/v1/", f"https://{US}/v1/"]
    assert residency.values("residency.region") == ["eu", "us"]


def test_an_absolute_url_replaces_the_base_url(kind: Kind, residency: Recorded) -> None:
    """A call to a full URL goes there, and the base URL of the client does not matter."""
    client = kind.open()
    kind.run(client.post(f"https://{US}/v1/chat/completions", **BODY))
    assert residency.span["residency.base_url"] == f"https://{EU}/v1/"
    assert residency.span["residency.region"] == "us"
    assert residency.span["server.address"] == US


# Clients of other makes.


class OwnSync(openai.OpenAI):
    """A subclass that overrides the hooks without passing them on, as the SDK allows."""

    def _prepare_options(self, options: Any) -> Any:
        return options

    def _prepare_request(self, request: Any) -> None:
        request.headers["x-own"] = "1"

    def request(self, *args: Any, **kwargs: Any) -> Any:
        """Call the base class."""
        return super().request(*args, **kwargs)


class OwnAsync(openai.AsyncOpenAI):
    """The same, asynchronous."""

    async def _prepare_options(self, options: Any) -> Any:
        return options

    async def _prepare_request(self, request: Any) -> None:
        request.headers["x-own"] = "1"

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        """Call the base class."""
        return await super().request(*args, **kwargs)


def test_subclasses_of_the_client(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """A subclass with overridden hooks makes one span per call."""
    chat(kind, kind.open(kind.pick(OwnSync, OwnAsync)))
    assert residency.values("residency.verdict") == ["eligible"]
    assert internet.requests[0].headers["x-own"] == "1"


class OwnHttp(http.Client):  # type: ignore[name-defined,misc]
    """An HTTP client of one's own."""

    def send(self, request: Any, **kwargs: Any) -> Any:
        """Call the base class."""
        return super().send(request, **kwargs)


class OwnAsyncHttp(http.AsyncClient):  # type: ignore[name-defined,misc]
    """The same, asynchronous."""

    async def send(self, request: Any, **kwargs: Any) -> Any:
        """Call the base class."""
        return await super().send(request, **kwargs)


def test_subclasses_of_the_http_client(kind: Kind, residency: Recorded) -> None:
    """Calls through a subclass of the HTTP client are recorded too."""
    chat(kind, kind.open(http_client=kind.pick(OwnHttp, OwnAsyncHttp)()))
    assert residency.values("residency.hop.hosts") == [(EU,)]


@pytest.mark.skipif(MAJOR < 3, reason="before openai 3 httpx is the only HTTP library")
def test_a_legacy_http_client(kind: Kind, residency: Recorded) -> None:
    """The client of openai 3 still takes an HTTP client of httpx, and is followed into it."""
    httpx = pytest.importorskip("httpx")
    chat(kind, kind.open(http_client=kind.pick(httpx.Client, httpx.AsyncClient)()))
    assert residency.values("residency.hop.hosts") == [(EU,)]
    assert residency.values("residency.verdict") == ["eligible"]


AIOHTTP = "httpx_aiohttp" if MAJOR < 3 else "aiohttp"


@pytest.mark.skipif(
    not hasattr(openai, "DefaultAioHttpClient"), reason="this client has no aiohttp transport"
)
@pytest.mark.skipif(importlib.util.find_spec(AIOHTTP) is None, reason="aiohttp is not installed")
async def test_the_aiohttp_transport(residency: Recorded, internet: Internet) -> None:
    """A transport that shares no code with the usual one is followed too."""
    transport = openai.DefaultAioHttpClient()
    async with openai.AsyncOpenAI(base_url=f"https://{EU}/v1", http_client=transport) as client:
        await client.chat.completions.create(**CHAT)
        stream = await client.chat.completions.create(**CHAT, stream=True)
        assert len([chunk async for chunk in stream]) == 3
    assert residency.values("residency.hop.hosts") == [(EU,), (EU,)]
    assert residency.values("residency.verdict") == ["eligible", "eligible"]
    assert internet.hosts == [EU, EU]


# Other clouds.

AZURE_ARGUMENTS: dict[str, Any] = {
    "api_key": "azure-test",
    "api_version": "2025-04-01-preview",
    "azure_endpoint": f"https://{AZURE}",
}


@pytest.mark.parametrize("deployment", [{"azure_deployment": "chat"}, {}], ids=["deployment", "model"])
def test_azure(kind: Kind, residency: Recorded, internet: Internet, deployment: dict[str, str]) -> None:
    """The name of an Azure resource shows no region: without a policy no call to it is eligible."""
    client = kind.open("AzureOpenAI", **AZURE_ARGUMENTS, **deployment)
    body = {**CHAT, "model": "chat"}
    kind.run(client.chat.completions.create(**body))
    assert [request.path.partition("?")[0] for request in internet.requests] == [
        "/openai/deployments/chat/chat/completions"
    ]
    assert residency.span["residency.endpoint"] == "/v1/chat/completions"
    assert residency.span["residency.region"] == "unknown"
    assert residency.span["residency.verdict"] == "indeterminate"
    assert residency.span["residency.hop.hosts"] == (AZURE,)


@pytest.mark.parametrize(
    ("sku", "verdict"), [("DataZoneStandard", "eligible"), ("GlobalStandard", "ineligible")]
)
def test_azure_as_the_policy_describes_it(kind: Kind, instrument: Instrument, sku: str, verdict: str) -> None:
    """When the policy names region and deployments of a resource, the type of the deployment decides."""
    host = {"region": "eu", "provider": "azure", "deployments": {"chat": sku}}
    residency = instrument(hosts={AZURE: host})
    client = kind.open("AzureOpenAI", **AZURE_ARGUMENTS)
    kind.run(client.chat.completions.create(**{**CHAT, "model": "chat"}))
    assert residency.span["residency.verdict"] == verdict
    assert residency.span["residency.region"] == "eu"


def test_a_gateway_as_the_policy_describes_it(kind: Kind, instrument: Instrument) -> None:
    """A gateway whose region the policy names is judged like a host of the vendor."""
    residency = instrument(hosts={GATEWAY: {"region": "eu"}})
    chat(kind, kind.open(base_url=f"https://{GATEWAY}/openai/eu/v1"))
    assert residency.span["residency.verdict"] == "eligible"
    assert residency.span["residency.endpoint"] == "/v1/chat/completions"


PROVIDERS: dict[str, tuple[dict[str, Any], str]] = {
    "bedrock": ({"region": "eu-central-1", "api_key": "aws-test"}, "bedrock-mantle.eu-central-1.api.aws"),
    "vertex": (
        {"project": "test", "location": "europe-west4", "token_provider": lambda: "token"},
        "europe-west4-aiplatform.googleapis.com",
    ),
}


@pytest.mark.parametrize("name", PROVIDERS)
def test_providers(kind: Kind, residency: Recorded, internet: Internet, name: str) -> None:
    """The other clouds of the client have separate terms, so that no call there is eligible."""
    if importlib.util.find_spec("openai.providers") is None:
        pytest.skip("this client has no providers")
    provider = getattr(importlib.import_module("openai.providers"), name, None)
    if provider is None:
        pytest.skip(f"this client has no provider {name}")
    arguments, host = PROVIDERS[name]
    client = kind.open(provider=provider(**arguments))
    kind.run(client.responses.create(model="gpt-oss", input="Hello"))
    assert internet.hosts == [host]
    assert residency.values("residency.hop.hosts") == [(host,)]
    assert residency.span["residency.verdict"] in ("indeterminate", "ineligible")


@pytest.mark.skipif(
    "data_residency" not in signature(openai.OpenAI).parameters, reason="this client has no data_residency="
)
@pytest.mark.parametrize(
    ("region", "found"), [("eu", "eu"), ("us", "us"), ("global", "global"), ("ae", "ae")]
)
def test_the_setting_of_the_client(kind: Kind, instrument: Instrument, region: str, found: str) -> None:
    """`data_residency=` of the client chooses a host, and it is the host that is judged."""
    residency = instrument(catalogue="newest")
    chat(kind, kind.open(data_residency=region))
    assert residency.span["residency.region"] == found


# Many at once, and one inside of another.


def test_calls_from_many_threads_do_not_mix(residency: Recorded, sync: Kind) -> None:
    """Each of many concurrent calls is judged by its requests."""
    hosts = [EU, US, GLOBAL, AZURE] * 8
    clients = {host: sync.open(base_url=f"https://{host}/v1") for host in hosts}
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda host: chat(sync, clients[host]), hosts))
    found = list(zip(residency.values("residency.base_url"), residency.values("server.address"), strict=True))
    assert sorted(found) == sorted((f"https://{host}/v1/", host) for host in hosts)
    assert [span.parent for span in residency.spans] == [None] * len(hosts)


async def test_calls_of_many_tasks_do_not_mix(residency: Recorded) -> None:
    """The same in one event loop."""
    hosts = [EU, US, GLOBAL, AZURE] * 8
    async with openai.AsyncOpenAI() as client:
        derived = [client.with_options(base_url=f"https://{host}/v1") for host in hosts]
        await asyncio.gather(*(each.chat.completions.create(**CHAT) for each in derived))
    found = list(zip(residency.values("residency.base_url"), residency.values("server.address"), strict=True))
    assert sorted(found) == sorted((f"https://{host}/v1/", host) for host in hosts)
    assert [span.parent for span in residency.spans] == [None] * len(hosts)


def test_a_call_inside_of_a_call(kind: Kind, residency: Recorded) -> None:
    """A call that a hook makes during another call has a separate span, below that of the other."""
    inside = kind.open()

    def hook(_: Any) -> None:
        chat(kind, inside)

    async def hook_async(_: Any) -> None:
        await inside.chat.completions.create(**CHAT)

    hooks = {"request": [kind.pick(hook, hook_async)]}
    http_client = kind.pick(http.Client, http.AsyncClient)(event_hooks=hooks)
    chat(kind, kind.open(http_client=http_client, base_url=f"https://{US}/v1"))
    inner, outer = residency.spans
    assert residency.values("residency.hop.hosts") == [(EU,), (US,)]
    assert (inner.parent, outer.parent) == (outer.context, None)


# Switching on and off around clients that exist.


def test_clients_that_exist_already(kind: Kind, instrument: Instrument) -> None:
    """A client and its resources, made and used before the package was switched on, are covered."""
    client = kind.open()
    completions, raw = client.chat.completions, client.chat.completions.with_raw_response
    kind.run(raw.create(**CHAT))
    residency = instrument()
    kind.run(completions.create(**CHAT))
    kind.run(raw.create(**CHAT))
    assert residency.values("residency.verdict") == ["eligible", "eligible"]


def test_resources_that_outlive_the_package(kind: Kind, residency: Recorded, internet: Internet) -> None:
    """What the client cached while the package was on works on without it when it is off."""
    client = kind.open()
    completions, raw = client.chat.completions, client.chat.completions.with_raw_response
    kind.run(raw.create(**CHAT))
    ResidencyInstrumentor().uninstrument()
    kind.run(completions.create(**CHAT))
    assert kind.run(raw.create(**CHAT)).parse().model == SNAPSHOT
    assert len(residency.spans) == 1
    assert len(internet.requests) == 3


def test_switching_on_again(kind: Kind, residency: Recorded, instrument: Instrument) -> None:
    """The settings that count are those of the last time."""
    client = kind.open()
    ResidencyInstrumentor().uninstrument()
    again = instrument(require=["us"])
    chat(kind, client)
    assert residency.spans == []
    assert again.span["residency.required"] == ("us",)


def test_ordinary_answers_are_the_clients(kind: Kind, residency: Recorded) -> None:
    """The application gets the client's types, not types of this package."""
    client = kind.open()
    assert type(chat(kind, client)) is importlib.import_module("openai.types.chat").ChatCompletion
    assert residency.counted == 1
