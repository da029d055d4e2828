"""The request is changed after the client has built it."""
# ruff: noqa: D103 - the table says what each one is

from collections.abc import Generator
from typing import Any, TypeAlias

import httpx2
import wrapt

from examples.demo.loopback import Asked, Reply
from tests.evasion.attempt import AT_US, CHAT, PATH, STRANGE, Attempt
from tests.internet import EU, GATEWAY, US
from tests.vendor import error

Flow: TypeAlias = Generator[httpx2.Request, httpx2.Response, None]
ADMIN = "/v1/organization/projects"


def astray(request: Any) -> None:
    """Lead a request to the US."""
    request.url = request.url.copy_with(host=US)
    request.headers["host"] = US


def through(attempt: Attempt, http_client: httpx2.Client, **arguments: Any) -> None:
    """Chat through an HTTP client of one's own."""
    attempt.chat(http_client=http_client, **arguments)


def hooked(attempt: Attempt, hook: Any) -> None:
    """Chat through an HTTP client that shows each request to `hook`."""
    through(attempt, httpx2.Client(event_hooks={"request": [hook]}))


def by_a_hook(attempt: Attempt) -> None:
    hooked(attempt, astray)


def by_a_hook_that_keeps_the_host_header(attempt: Attempt) -> None:
    def move(request: Any) -> None:
        request.url = request.url.copy_with(host=US)

    hooked(attempt, move)


def by_a_hook_inside_the_url(attempt: Attempt) -> None:
    def move(request: Any) -> None:
        request.url._uri_reference = httpx2.URL(AT_US)._uri_reference
        request.headers["host"] = US

    hooked(attempt, move)


def by_a_hook_that_throws_our_mark_away(attempt: Attempt) -> None:
    def move(request: Any) -> None:
        astray(request)
        request.extensions.clear()

    hooked(attempt, move)


def by_a_hook_to_a_gateway(attempt: Attempt) -> None:
    def move(request: Any) -> None:
        request.url = request.url.copy_with(host=GATEWAY)
        request.headers["host"] = GATEWAY
        request.extensions.clear()

    hooked(attempt, move)


def by_authentication_at_a_gateway(attempt: Attempt) -> None:
    class Astray(httpx2.Auth):
        def auth_flow(self, request: httpx2.Request) -> Flow:
            request.read()
            yield httpx2.Request("POST", f"https://{GATEWAY}{PATH}", headers=JSON, content=request.content)

    through(attempt, httpx2.Client(auth=Astray()))


def by_a_hook_between_two_attempts(attempt: Attempt) -> None:
    waiting = [error(500)]
    attempt.answering(lambda _: waiting.pop() if waiting else None)

    def move(response: Any) -> None:
        if response.status_code == 500:
            client.base_url = f"https://{US}/v1"

    client = attempt.client(max_retries=2, http_client=httpx2.Client(event_hooks={"response": [move]}))
    client._calculate_retry_timeout = lambda *_, **__: 0
    attempt.chat(client)


def by_another_target(attempt: Attempt) -> None:
    def pretend(request: Any) -> None:
        astray(request)
        request.url = request.url.copy_with(path=ADMIN)
        request.extensions["target"] = PATH.encode()

    hooked(attempt, pretend)


def by_another_target_alone(attempt: Attempt) -> None:
    def pretend(request: Any) -> None:
        request.extensions["target"] = PATH.encode()

    http_client = httpx2.Client(event_hooks={"request": [pretend]})
    attempt.client(base_url=f"https://{US}/v1", http_client=http_client).models.list()


def by_authentication(attempt: Attempt) -> None:
    class Astray(httpx2.Auth):
        def auth_flow(self, request: httpx2.Request) -> Flow:
            astray(request)
            yield request

    through(attempt, httpx2.Client(auth=Astray()))


def by_authentication_with_another_request(attempt: Attempt) -> None:
    class Astray(httpx2.Auth):
        def auth_flow(self, request: httpx2.Request) -> Flow:
            request.read()
            yield httpx2.Request("POST", AT_US, headers=JSON, content=request.content)

    through(attempt, httpx2.Client(auth=Astray()))


def by_authentication_the_second_time(attempt: Attempt) -> None:
    class Astray(httpx2.Auth):
        def auth_flow(self, request: httpx2.Request) -> Flow:
            yield request
            astray(request)
            yield request

    through(attempt, httpx2.Client(auth=Astray()))


JSON = {"content-type": "application/json"}


class Elsewhere(httpx2.BaseTransport):
    """A transport that sends every request to the US."""

    def __init__(self) -> None:
        self._inner = httpx2.HTTPTransport(proxy=None)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request there."""
        astray(request)
        return self._inner.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def by_a_transport(attempt: Attempt) -> None:
    attempt.direct()
    through(attempt, httpx2.Client(transport=Elsewhere()))


def by_a_transport_that_renames(attempt: Attempt) -> None:
    class Astray(httpx2.HTTPTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            request.headers["host"] = US
            return super().handle_request(request)

    attempt.direct()
    through(attempt, httpx2.Client(transport=Astray()))


def by_a_mounted_transport(attempt: Attempt) -> None:
    attempt.direct()
    through(attempt, httpx2.Client(mounts={f"https://{EU}": Elsewhere()}))


def swap(request: Any) -> None:
    """Put another body into a request."""
    other = httpx2.Request("POST", request.url, json={**CHAT, "model": STRANGE})
    request.stream = other.stream
    request.headers["content-length"] = other.headers["content-length"]


def by_a_hook_with_another_body(attempt: Attempt) -> None:
    hooked(attempt, swap)


def by_a_hook_that_changes_the_body_inside(attempt: Attempt) -> None:
    def change(request: Any) -> None:
        other = httpx2.Request("POST", request.url, json={**CHAT, "model": STRANGE})
        request.stream._stream = other.content
        request.headers["content-length"] = other.headers["content-length"]

    hooked(attempt, change)


def by_authentication_with_another_body(attempt: Attempt) -> None:
    class Other(httpx2.Auth):
        def auth_flow(self, request: httpx2.Request) -> Flow:
            yield request
            swap(request)
            yield request

    through(attempt, httpx2.Client(auth=Other()))


def by_send_with_another_body(attempt: Attempt) -> None:
    class HttpClient(httpx2.Client):
        def send(self, request: httpx2.Request, **kwargs: Any) -> httpx2.Response:
            swap(request)
            return super().send(request, **kwargs)

    through(attempt, HttpClient())


def other_body(build: Any) -> Any:
    """A function in the place of `build`, that builds requests with another body."""

    def build_request(*args: Any, **kwargs: Any) -> httpx2.Request:
        body = {"json": {**CHAT, "model": STRANGE}, "content": None}
        request: httpx2.Request = build(*args, **{**kwargs, **body})
        return request

    return build_request


def by_build_request_with_another_body(attempt: Attempt) -> None:
    class HttpClient(httpx2.Client):
        build_request = other_body(httpx2.Client.build_request)

    through(attempt, HttpClient())


def by_build_request_of_one_client(attempt: Attempt) -> None:
    client = httpx2.Client()
    vars(client)["build_request"] = other_body(client.build_request)
    through(attempt, client)


def by_build_request_of_every_client(attempt: Attempt) -> None:
    def wrapper(wrapped: Any, _client: Any, args: Any, kwargs: Any) -> Any:
        return other_body(wrapped)(*args, **kwargs)

    wrapped = wrapt.FunctionWrapper(httpx2.Client.build_request, wrapper)
    attempt.patch.setattr(httpx2.Client, "build_request", wrapped)
    attempt.chat()


def by_build_request(attempt: Attempt) -> None:
    class HttpClient(httpx2.Client):
        def build_request(self, *args: Any, **kwargs: Any) -> httpx2.Request:
            request = super().build_request(*args, **kwargs)
            astray(request)
            return request

    through(attempt, HttpClient())


def by_send(attempt: Attempt) -> None:
    class HttpClient(httpx2.Client):
        def send(self, request: httpx2.Request, **kwargs: Any) -> httpx2.Response:
            astray(request)
            return super().send(request, **kwargs)

    through(attempt, HttpClient())


def by_send_with_another_library(attempt: Attempt) -> None:
    import urllib.request

    class HttpClient(httpx2.Client):
        def send(self, request: httpx2.Request, **_: Any) -> httpx2.Response:
            second_request = urllib.request.Request(AT_US, request.read(), JSON)  # noqa: S310
            with urllib.request.urlopen(second_request) as answer:  # noqa: S310
                return httpx2.Response(200, content=answer.read(), request=request)

    through(attempt, HttpClient())


def by_send_past_the_client(attempt: Attempt) -> None:
    class HttpClient(httpx2.Client):
        def send(self, request: httpx2.Request, **_: Any) -> httpx2.Response:
            astray(request)
            return self._transport_for_url(request.url).handle_request(request)

    through(attempt, HttpClient())


def by_the_private_send_of_a_subclass(attempt: Attempt) -> None:
    class HttpClient(httpx2.Client):
        def _send_single_request(self, request: httpx2.Request) -> httpx2.Response:
            astray(request)
            response = self._transport_for_url(request.url).handle_request(request)
            response.request = request
            return response

    through(attempt, HttpClient())


def by_a_default_host_header(attempt: Attempt) -> None:
    attempt.chat(default_headers={"Host": US})


def by_a_host_header_of_one_call(attempt: Attempt) -> None:
    attempt.client().chat.completions.create(**CHAT, extra_headers={"host": US})


def by_a_redirect(status: int) -> Any:
    def bypass(attempt: Attempt) -> None:
        attempt.redirecting(EU, US, status=status)
        attempt.chat()

    return bypass


def by_a_chain_of_redirects(attempt: Attempt) -> None:
    attempt.redirecting(EU, "mtls-eu.api.openai.com", US)
    attempt.chat()


def by_a_loop_that_ends_elsewhere(attempt: Attempt) -> None:
    turns = iter(range(5))

    def loop(request: Asked) -> Reply | None:
        if request.host != EU:
            return None
        left = next(turns) == 4
        return Reply(307, {"location": AT_US if left else f"https://{EU}{PATH}"})

    attempt.answering(loop)
    attempt.chat()


def by_a_redirect_to_nobody(attempt: Attempt) -> None:
    attempt.redirecting(EU, "evil.example")
    attempt.chat()


def by_a_redirect_without_a_scheme(attempt: Attempt) -> None:
    attempt.redirecting(location=f"//{US}{PATH}")
    attempt.chat()


def by_a_redirect_behind_userinfo(attempt: Attempt) -> None:
    attempt.redirecting(location=f"https://{EU}@{US}{PATH}")
    attempt.chat()


def by_a_redirect_of_a_second_attempt(attempt: Attempt) -> None:
    replies = [Reply(307, {"location": AT_US}), error(500)]
    attempt.answering(lambda request: replies.pop() if replies and request.host == EU else None)
    client = attempt.client(max_retries=2)
    client._calculate_retry_timeout = lambda *_, **__: 0
    attempt.chat(client)


def by_a_redirect_of_a_stream(attempt: Attempt) -> None:
    attempt.redirecting(EU, US)
    list(attempt.client().chat.completions.create(**CHAT, stream=True))
