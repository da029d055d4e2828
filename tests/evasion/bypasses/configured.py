"""The client is configured for another host."""
# ruff: noqa: D103 - the table says what each one is

import copy
import os
import ssl

import httpx2
import openai

from tests.evasion.attempt import AT_US, CHAT, Attempt
from tests.internet import EU, GATEWAY, US

ELSEWHERE = f"https://{US}/v1"


def in_the_constructor(attempt: Attempt) -> None:
    attempt.chat(base_url=ELSEWHERE)


def in_the_environment(attempt: Attempt) -> None:
    attempt.patch.setenv("OPENAI_BASE_URL", ELSEWHERE)
    attempt.chat(base_url=None)


def nowhere(attempt: Attempt) -> None:
    attempt.chat(base_url=None)


def by_the_module(attempt: Attempt) -> None:
    attempt.patch.setattr(openai, "base_url", ELSEWHERE)
    attempt.patch.setattr(openai, "api_type", "openai")
    attempt.patch.setattr(openai, "http_client", None)
    openai._reset_client()
    attempt.enter(openai._load_client())
    try:
        openai.chat.completions.create(**CHAT)
    finally:
        openai._reset_client()


def by_the_setting_of_the_client(attempt: Attempt) -> None:
    attempt.chat(attempt.enter(openai.OpenAI(data_residency="us", max_retries=0)))


def by_assignment(attempt: Attempt) -> None:
    client = attempt.client()
    client.base_url = ELSEWHERE
    attempt.chat(client)


def by_private_assignment(attempt: Attempt) -> None:
    client, other = attempt.client(), attempt.client(base_url=ELSEWHERE)
    client._base_url = other._base_url
    attempt.chat(client)


def by_the_http_client_below(attempt: Attempt) -> None:
    attempt.client()._client.post(AT_US, json=CHAT)


def with_options(attempt: Attempt) -> None:
    attempt.chat(attempt.client().with_options(base_url=ELSEWHERE))


def by_copy(attempt: Attempt) -> None:
    attempt.chat(attempt.client().copy(base_url=ELSEWHERE))


def by_shallow_copy(attempt: Attempt) -> None:
    client = copy.copy(attempt.client())
    client.base_url = ELSEWHERE
    client.post("/chat/completions", body=CHAT, cast_to=object)


def by_absolute_url(attempt: Attempt) -> None:
    attempt.client().post(AT_US, body=CHAT, cast_to=object)


def by_absolute_url_of_another_case(attempt: Attempt) -> None:
    attempt.client().post(
        AT_US.replace("https", "HTTPS").replace("us.api", "US.Api"), body=CHAT, cast_to=object
    )


def by_a_path_that_seems_to_be_another(attempt: Attempt) -> None:
    path = "/v1/organization/..%2Fchat/completions"
    attempt.client().post(f"https://{US}{path}", body=CHAT, cast_to=object)


def by_a_path_with_encoded_dots(attempt: Attempt) -> None:
    path = "/v1/organization/%2e%2e/chat/completions"
    attempt.client().post(f"https://{US}{path}", body=CHAT, cast_to=object)


def by_a_path_with_empty_segments(attempt: Attempt) -> None:
    attempt.client().post(f"https://{US}//v1//chat/completions", body=CHAT, cast_to=object)


def behind_userinfo(attempt: Attempt) -> None:
    attempt.chat(base_url=f"https://{EU}@{US}/v1")


def in_upper_case(attempt: Attempt) -> None:
    attempt.chat(base_url=f"https://{US.upper()}/v1")


def with_a_port(attempt: Attempt) -> None:
    attempt.chat(base_url=f"https://{US}:443/v1")


def with_a_trailing_dot(attempt: Attempt) -> None:
    attempt.chat(base_url=f"https://{US}./v1")


def with_foreign_dots(attempt: Attempt) -> None:
    attempt.chat(base_url="https://us\u3002api\u3002openai\u3002com/v1")


def below_the_right_name(attempt: Attempt) -> None:
    attempt.chat(base_url=f"https://{EU}.evil.example/v1")


def by_address(attempt: Attempt) -> None:
    attempt.chat(base_url="https://203.0.113.7/v1")


def by_address_of_version_six(attempt: Attempt) -> None:
    attempt.chat(base_url="https://[2001:db8::7]/v1")


def without_encryption(attempt: Attempt) -> None:
    attempt.patch.setenv("HTTP_PROXY", attempt.forwarder())
    attempt.chat(base_url=f"http://{EU}/v1")


def without_a_proxy(attempt: Attempt) -> None:
    attempt.direct()
    attempt.chat(base_url=ELSEWHERE)


def with_another_variable_for_the_proxy(attempt: Attempt) -> None:
    proxy = os.environ["HTTPS_PROXY"]
    attempt.patch.delenv("HTTPS_PROXY")
    attempt.patch.setenv("ALL_PROXY", proxy)
    attempt.chat(base_url=ELSEWHERE)


def with_a_proxy_of_the_application(attempt: Attempt) -> None:
    http_client = httpx2.Client(
        proxy=os.environ["HTTPS_PROXY"], trust_env=False, verify=ssl.create_default_context()
    )
    attempt.chat(base_url=ELSEWHERE, http_client=http_client)


def with_a_mounted_proxy(attempt: Attempt) -> None:
    http_client = httpx2.Client(mounts={"https://": httpx2.HTTPTransport(proxy=os.environ["HTTPS_PROXY"])})
    attempt.chat(base_url=ELSEWHERE, http_client=http_client)


def by_a_gateway(attempt: Attempt) -> None:
    attempt.chat(base_url=f"https://{GATEWAY}/v1")
