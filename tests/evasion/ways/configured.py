"""The client is told to go elsewhere."""
# ruff: noqa: D103 - the table says what each one is

import copy
import os
import ssl

import httpx2
import openai

from tests.evasion.road import AT_US, CHAT, Road
from tests.internet import EU, GATEWAY, US

ELSEWHERE = f"https://{US}/v1"


def in_the_constructor(road: Road) -> None:
    road.chat(base_url=ELSEWHERE)


def in_the_environment(road: Road) -> None:
    road.patch.setenv("OPENAI_BASE_URL", ELSEWHERE)
    road.chat(base_url=None)


def nowhere(road: Road) -> None:
    road.chat(base_url=None)


def by_the_module(road: Road) -> None:
    road.patch.setattr(openai, "base_url", ELSEWHERE)
    road.patch.setattr(openai, "api_type", "openai")
    road.patch.setattr(openai, "http_client", None)
    openai._reset_client()
    road.enter(openai._load_client())
    try:
        openai.chat.completions.create(**CHAT)
    finally:
        openai._reset_client()


def by_the_clients_own_setting(road: Road) -> None:
    road.chat(road.enter(openai.OpenAI(data_residency="us", max_retries=0)))


def by_assignment(road: Road) -> None:
    client = road.client()
    client.base_url = ELSEWHERE
    road.chat(client)


def by_private_assignment(road: Road) -> None:
    client, other = road.client(), road.client(base_url=ELSEWHERE)
    client._base_url = other._base_url
    road.chat(client)


def by_the_http_client_below(road: Road) -> None:
    road.client()._client.post(AT_US, json=CHAT)


def with_options(road: Road) -> None:
    road.chat(road.client().with_options(base_url=ELSEWHERE))


def by_copy(road: Road) -> None:
    road.chat(road.client().copy(base_url=ELSEWHERE))


def by_shallow_copy(road: Road) -> None:
    client = copy.copy(road.client())
    client.base_url = ELSEWHERE
    client.post("/chat/completions", body=CHAT, cast_to=object)


def by_absolute_url(road: Road) -> None:
    road.client().post(AT_US, body=CHAT, cast_to=object)


def by_absolute_url_of_another_case(road: Road) -> None:
    road.client().post(AT_US.replace("https", "HTTPS").replace("us.api", "US.Api"), body=CHAT, cast_to=object)


def by_a_path_that_seems_to_be_another(road: Road) -> None:
    path = "/v1/organization/..%2Fchat/completions"
    road.client().post(f"https://{US}{path}", body=CHAT, cast_to=object)


def by_a_path_with_encoded_dots(road: Road) -> None:
    path = "/v1/organization/%2e%2e/chat/completions"
    road.client().post(f"https://{US}{path}", body=CHAT, cast_to=object)


def by_a_path_with_empty_segments(road: Road) -> None:
    road.client().post(f"https://{US}//v1//chat/completions", body=CHAT, cast_to=object)


def behind_userinfo(road: Road) -> None:
    road.chat(base_url=f"https://{EU}@{US}/v1")


def in_upper_case(road: Road) -> None:
    road.chat(base_url=f"https://{US.upper()}/v1")


def with_a_port(road: Road) -> None:
    road.chat(base_url=f"https://{US}:443/v1")


def with_a_trailing_dot(road: Road) -> None:
    road.chat(base_url=f"https://{US}./v1")


def with_foreign_dots(road: Road) -> None:
    road.chat(base_url="https://us\u3002api\u3002openai\u3002com/v1")


def below_the_right_name(road: Road) -> None:
    road.chat(base_url=f"https://{EU}.evil.example/v1")


def by_address(road: Road) -> None:
    road.chat(base_url="https://203.0.113.7/v1")


def by_address_of_version_six(road: Road) -> None:
    road.chat(base_url="https://[2001:db8::7]/v1")


def without_encryption(road: Road) -> None:
    road.patch.setenv("HTTP_PROXY", road.forwarder())
    road.chat(base_url=f"http://{EU}/v1")


def without_a_proxy(road: Road) -> None:
    road.direct()
    road.chat(base_url=ELSEWHERE)


def with_another_variable_for_the_proxy(road: Road) -> None:
    proxy = os.environ["HTTPS_PROXY"]
    road.patch.delenv("HTTPS_PROXY")
    road.patch.setenv("ALL_PROXY", proxy)
    road.chat(base_url=ELSEWHERE)


def with_a_proxy_of_ones_own(road: Road) -> None:
    own = httpx2.Client(proxy=os.environ["HTTPS_PROXY"], trust_env=False, verify=ssl.create_default_context())
    road.chat(base_url=ELSEWHERE, http_client=own)


def with_a_mounted_proxy(road: Road) -> None:
    own = httpx2.Client(mounts={"https://": httpx2.HTTPTransport(proxy=os.environ["HTTPS_PROXY"])})
    road.chat(base_url=ELSEWHERE, http_client=own)


def by_a_gateway(road: Road) -> None:
    road.chat(base_url=f"https://{GATEWAY}/v1")
