"""The client is a subclass, or another client of the same package."""
# ruff: noqa: D103 - the table says what each one is

from typing import Any

import httpx2
import openai

from tests.evasion.attempt import AT_US, Attempt
from tests.evasion.bypasses.rewritten import astray
from tests.internet import AZURE, US


def build_request(attempt: Attempt) -> None:
    class Subclass(openai.OpenAI):
        def _build_request(self, *args: Any, **kwargs: Any) -> httpx2.Request:
            request = super()._build_request(*args, **kwargs)
            astray(request)
            return request

    attempt.chat(kind=Subclass)


def build_request_by_itself(attempt: Attempt) -> None:
    class Subclass(openai.OpenAI):
        def _build_request(self, options: Any, **_: Any) -> httpx2.Request:
            return self._client.build_request("POST", AT_US, json=options.json_data)

    attempt.chat(kind=Subclass)


def request(attempt: Attempt) -> None:
    class Subclass(openai.OpenAI):
        def request(self, _: Any, options: Any, **__: Any) -> Any:  # type: ignore[override]
            return self._client.send(self._client.build_request("POST", AT_US, json=options.json_data))

    attempt.chat(kind=Subclass)


def prepare_options(attempt: Attempt) -> None:
    class Subclass(openai.OpenAI):
        def _prepare_options(self, options: Any) -> Any:
            options.url = AT_US
            return options

    attempt.chat(kind=Subclass)


def prepare_request(attempt: Attempt) -> None:
    class Subclass(openai.OpenAI):
        def _prepare_request(self, request: httpx2.Request) -> None:
            astray(request)

    attempt.chat(kind=Subclass)


def prepare_url(attempt: Attempt) -> None:
    class Subclass(openai.OpenAI):
        def _prepare_url(self, _: str) -> httpx2.URL:
            return httpx2.URL(AT_US)

    attempt.chat(kind=Subclass)


def send_request(attempt: Attempt) -> None:
    class Subclass(openai.OpenAI):
        def _send_request(self, request: httpx2.Request, *, stream: bool, **_: Any) -> httpx2.Response:
            astray(request)
            http_client: httpx2.Client = attempt.enter(httpx2.Client())
            return http_client.send(request, stream=stream)

    attempt.chat(kind=Subclass)


def azure(attempt: Attempt) -> None:
    arguments = {
        "api_key": "k",
        "azure_endpoint": f"https://{US}",
        "api_version": "2025-04-01-preview",
        "base_url": None,
    }
    attempt.chat(kind=openai.AzureOpenAI, **arguments)


def azure_by_base_url(attempt: Attempt) -> None:
    arguments = {
        "api_key": "k",
        "api_version": "v1",
        "base_url": f"https://{US}/v1",
        "default_query": {"region": "eu"},
    }
    attempt.chat(kind=openai.AzureOpenAI, **arguments)


def azure_resource_elsewhere(attempt: Attempt) -> None:
    arguments = {
        "api_key": "k",
        "azure_endpoint": f"https://{AZURE}",
        "api_version": "2025-04-01-preview",
        "base_url": None,
    }
    attempt.chat(kind=openai.AzureOpenAI, **arguments)
