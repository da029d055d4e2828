"""Gateways: what the request tells them and what they answer, by the headers that each really has."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from examples.demo.loopback import Asked, Reply
from otel_residency import ResidencyViolationError
from otel_residency.telemetry import names
from tests.calls.http_library import http
from tests.calls.kinds import Kind
from tests.internet import EU, GATEWAY, US, Internet
from tests.recorded import Instrument, settle
from tests.vendor import SNAPSHOT, event, ordinary

CHAT: dict[str, Any] = {
    "model": SNAPSHOT,
    "messages": [{"role": "user", "content": "my claim is number 4711"}],
}
CONFIGURED = {GATEWAY: {"region": "eu"}}
FALLBACKS, PROVIDER, UPSTREAM = (names.EVIDENCE[name] for name in ("fallbacks", "provider", "upstream"))
SECRET = "sk-not-to-be-told"
LEFT, OTHER = "gateway.left_region", "gateway.provider_mismatch"

ANSWERS: Mapping[str, tuple[Mapping[str, str], tuple[str, ...], Mapping[str, str]]] = {
    "litellm: no fallback": (
        {"x-litellm-model-api-base": f"https://{EU}/v1", "x-litellm-attempted-fallbacks": "0"},
        (),
        {UPSTREAM: EU},
    ),
    "litellm: a fallback to the US": (
        {
            "x-litellm-model-api-base": f"https://u:{SECRET}@{US}/v1?k={SECRET}",
            "x-litellm-attempted-fallbacks": "1",
        },
        (LEFT,),
        {UPSTREAM: US, FALLBACKS: "1"},
    ),
    "portkey: a config of one target": (
        {"x-portkey-last-used-option-index": "config", "x-portkey-provider": "openai"},
        (),
        {PROVIDER: "openai"},
    ),
    "portkey: the first target, after a retry": (
        {"x-portkey-last-used-option-index": "config.targets[0]", "x-portkey-retry-attempt-count": "2"},
        (),
        {},
    ),
    "portkey: the second target": (
        {"x-portkey-last-used-option-index": "config.targets[1]", "x-portkey-provider": "openai"},
        (LEFT,),
        {PROVIDER: "openai", FALLBACKS: "config.targets[1]"},
    ),
    "portkey: the second target within the first": (
        {"x-portkey-last-used-option-index": "config.targets[0].targets[1]"},
        (LEFT,),
        {FALLBACKS: "config.targets[0].targets[1]"},
    ),
    "portkey: another provider": (
        {"x-portkey-last-used-option-index": "config.targets[0]", "x-portkey-provider": "azure-openai"},
        (OTHER,),
        {PROVIDER: "azure-openai"},
    ),
    "helicone: the first of its fallbacks": (
        {"Helicone-Fallback-Index": "0", "Helicone-Status": "success"},
        (),
        {},
    ),
    "helicone: the second of its fallbacks": ({"Helicone-Fallback-Index": "1"}, (LEFT,), {FALLBACKS: "1"}),
    "helicone: another provider": (
        {"Helicone-Gateway-Mode": "PTB", "Helicone-Provider": "bedrock"},
        (OTHER,),
        {PROVIDER: "bedrock"},
    ),
}


def adding(headers: Mapping[str, str], fields: Mapping[str, str]) -> Callable[[Asked], Reply]:
    """A gateway that answers as the vendor, with these headers, and these fields in whatever it answers."""

    def respond(request: Asked) -> Reply:
        reply = ordinary(request)
        body = reply.body
        if isinstance(body, bytes):
            body = json.dumps({**json.loads(body), **fields}).encode()
        else:
            data = (part.removeprefix(b"data: ") for part in body)
            body = (event({**json.loads(part), **fields}) for part in data if part.startswith(b"{"))
        return Reply(reply.status, {**reply.headers, **headers}, body)

    return respond


def chat(kind: Kind, url: str = f"https://{GATEWAY}/v1", *, streamed: bool = False, **headers: str) -> None:
    """One chat completion by way of a gateway. Underscores in the names of `headers` are hyphens."""
    default_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    client = kind.open(base_url=url, default_headers=default_headers)
    answer = kind.run(client.chat.completions.create(**CHAT, stream=streamed))
    if streamed:
        kind.items(answer)
        settle()


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", ANSWERS)
def test_the_upstream_that_a_gateway_reports_counts(
    kind: Kind, instrument: Instrument, internet: Internet, *, name: str, streamed: bool
) -> None:
    """Headers of the answer bear out or contradict what the policy says, and are told without secrets."""
    headers, reasons, evidence = ANSWERS[name]
    internet.respond = adding(headers, {})
    recorded = instrument(hosts=CONFIGURED)
    chat(kind, streamed=streamed)
    span = recorded.span
    assert span["residency.reasons"] == reasons
    assert (span["residency.verdict"] == "eligible") is not reasons
    assert {key: span[key] for key in (FALLBACKS, PROVIDER, UPSTREAM) if key in span} == evidence
    assert SECRET not in recorded.everything


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("provider", "reasons"), [("OpenAI", ()), ("Azure", (OTHER,))])
def test_the_provider_that_a_body_names_counts(
    kind: Kind,
    instrument: Instrument,
    internet: Internet,
    *,
    provider: str,
    reasons: tuple[str, ...],
    streamed: bool,
) -> None:
    """OpenRouter, and a company's proxy before it, names the provider in the answer and in each chunk."""
    internet.respond = adding({}, {"provider": provider})
    recorded = instrument(hosts=CONFIGURED)
    chat(kind, streamed=streamed)
    assert recorded.span["residency.reasons"] == reasons
    assert recorded.span[PROVIDER] == provider


ORDERS = {
    "helicone": {"Helicone_Target_URL": f"https://{US}"},
    "helicone, in lower case": {"helicone_openai_api_base": f"https://{US}/v1"},
    "portkey": {"x_portkey_custom_host": f"https://{US}/v1"},
    "portkey, by a region": {"x_portkey_aws_region": "us-east-1"},
}


@pytest.mark.parametrize("headers", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("hosts", [{}, CONFIGURED], ids=["unknown", "configured"])
def test_a_request_that_orders_a_gateway_out_of_the_region_is_not_sent(
    kind: Kind, instrument: Instrument, internet: Internet, *, headers: dict[str, str], hosts: dict[str, Any]
) -> None:
    """In block mode nothing is connected to, whatever the policy says of the gateway."""
    recorded = instrument(on_call="block", hosts=hosts)
    with pytest.raises(ResidencyViolationError, match=r"gateway\.route"):
        chat(kind, **headers)
    assert internet.connections == []
    assert recorded.span["residency.action"] == "blocked"


def test_an_order_that_a_hook_adds_after_the_call_was_judged_counts(
    kind: Kind, instrument: Instrument, internet: Internet
) -> None:
    """What the HTTP client's own hook writes into the request is seen on the wire."""

    def add(request: Any) -> None:
        request.headers["Helicone-Target-URL"] = f"https://{US}"

    async def add_async(request: Any) -> None:
        add(request)

    maker = kind.pick(http.Client, http.AsyncClient)
    http_client = maker(event_hooks={"request": [kind.pick(add, add_async)]})
    instrument(on_call="block", hosts=CONFIGURED)
    client = kind.open(base_url=f"https://{GATEWAY}/v1", http_client=http_client)
    with pytest.raises(ResidencyViolationError, match=r"gateway\.route"):
        kind.run(client.chat.completions.create(**CHAT))
    assert internet.connections == []


def test_the_project_that_a_hook_names_after_the_call_was_judged_counts(
    kind: Kind, instrument: Instrument, internet: Internet
) -> None:
    """The rule of the project holds that goes out on the wire."""

    def add(request: Any) -> None:
        request.headers["OpenAI-Project"] = "proj_us"

    async def add_async(request: Any) -> None:
        add(request)

    maker = kind.pick(http.Client, http.AsyncClient)
    http_client = maker(event_hooks={"request": [kind.pick(add, add_async)]})
    instrument(on_call="block", rule=[{"when": {"project": "proj_us"}, "require": ["us"]}])
    client = kind.open(base_url=f"https://{EU}/v1", http_client=http_client)
    with pytest.raises(ResidencyViolationError, match=r"host\.region_mismatch"):
        kind.run(client.chat.completions.create(**CHAT))
    assert internet.connections == []


@pytest.mark.parametrize("value", ["p" * 129, "two\twords"])
def test_what_is_no_project_is_not_recorded(
    kind: Kind, instrument: Instrument, tmp_path: Path, value: str
) -> None:
    """A header that can't be the id of a project is not repeated."""
    (tmp_path / "projects.json").write_text('{"observed": "2026-11-01", "source": "here"}')
    instrument(on_call="block", strict=True, projects={"file": str(tmp_path / "projects.json")})
    with pytest.raises(ResidencyViolationError, match=r"project\.unknown: unreadable is not in") as refused:
        chat(kind, f"https://{EU}/v1", OpenAI_Project=value)
    assert value not in str(refused.value)


def test_rules_and_keys_of_a_gateway_are_not_recorded(kind: Kind, instrument: Instrument) -> None:
    """Of a header with rules its name alone is told; they may hold keys."""
    recorded = instrument(on_call="flag", strict=True, hosts=CONFIGURED)
    chat(kind, x_portkey_config=json.dumps({"api_key": SECRET}), x_portkey_virtual_key=SECRET)
    assert recorded.span["residency.reasons"] == ("gateway.route",)
    assert SECRET not in recorded.everything


SERVICES = [
    "https://api.portkey.ai/v1",
    "https://gateway.helicone.ai/v1",
    "https://ai-gateway.helicone.ai/v1",
]


@pytest.mark.parametrize("url", SERVICES)
def test_a_service_that_is_not_configured_is_refused_with_the_lines_for_the_policy(
    kind: Kind, instrument: Instrument, url: str
) -> None:
    """Where a doubt is a violation, the error says what to write."""
    host = http.URL(url).host
    recorded = instrument(on_call="block", strict=True)
    with pytest.raises(ResidencyViolationError) as refused:
        chat(kind, url)
    assert f'[hosts."{host}"] region = "…" provider = "openai"' in str(refused.value)
    assert recorded.span["residency.verdict"] == "indeterminate"


@pytest.mark.parametrize("url", SERVICES)
def test_the_policy_names_the_provider_behind_a_service(kind: Kind, instrument: Instrument, url: str) -> None:
    """With those lines filled in the vendor's tables apply behind it."""
    hosts = {http.URL(url).host: {"region": "eu", "provider": "openai"}}
    recorded = instrument(on_call="block", strict=True, hosts=hosts)
    chat(kind, url)
    assert recorded.span["residency.verdict"] == "eligible"


def test_an_order_of_another_http_client_counts(instrument: Instrument, internet: Internet) -> None:
    """A call by requests is held against its headers too."""
    recorded = instrument(hosts=CONFIGURED)
    headers = {"helicone-target-url": f"https://{US}"}
    url, trusted = f"https://{GATEWAY}/v1/chat/completions", os.environ["SSL_CERT_FILE"]
    requests: Any = pytest.importorskip("requests")
    requests.post(url, json=CHAT, headers=headers, verify=trusted, timeout=20)
    settle()
    assert recorded.span["residency.reasons"] == ("gateway.route",)
    assert internet.hosts == [GATEWAY]
