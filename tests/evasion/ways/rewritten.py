"""The request is made another on its way, after the client has built it."""
# ruff: noqa: D103 - the table says what each one is

from collections.abc import Generator
from typing import Any, TypeAlias

import httpx2
import wrapt

from examples.demo.loopback import Asked, Reply
from tests.evasion.road import AT_US, CHAT, PATH, STRANGE, Road
from tests.internet import EU, GATEWAY, US
from tests.vendor import error

Flow: TypeAlias = Generator[httpx2.Request, httpx2.Response, None]
ADMIN = "/v1/organization/projects"


def astray(request: Any) -> None:
    """Lead a request to the US."""
    request.url = request.url.copy_with(host=US)
    request.headers["host"] = US


def through(road: Road, http_client: httpx2.Client, **arguments: Any) -> None:
    """Chat through an HTTP client of one's own."""
    road.chat(http_client=http_client, **arguments)


def hooked(road: Road, hook: Any) -> None:
    """Chat through an HTTP client that shows each request to `hook`."""
    through(road, httpx2.Client(event_hooks={"request": [hook]}))


def by_a_hook(road: Road) -> None:
    hooked(road, astray)


def by_a_hook_that_leaves_the_host_header(road: Road) -> None:
    def move(request: Any) -> None:
        request.url = request.url.copy_with(host=US)

    hooked(road, move)


def by_a_hook_inside_the_url(road: Road) -> None:
    def move(request: Any) -> None:
        request.url._uri_reference = httpx2.URL(AT_US)._uri_reference
        request.headers["host"] = US

    hooked(road, move)


def by_a_hook_that_throws_our_mark_away(road: Road) -> None:
    def move(request: Any) -> None:
        astray(request)
        request.extensions.clear()

    hooked(road, move)


def by_a_hook_to_a_gateway(road: Road) -> None:
    def move(request: Any) -> None:
        request.url = request.url.copy_with(host=GATEWAY)
        request.headers["host"] = GATEWAY
        request.extensions.clear()

    hooked(road, move)


def by_authentication_at_a_gateway(road: Road) -> None:
    class Astray(httpx2.Auth):
        def auth_flow(self, request: httpx2.Request) -> Flow:
            request.read()
            yield httpx2.Request("POST", f"https://{GATEWAY}{PATH}", headers=JSON, content=request.content)

    through(road, httpx2.Client(auth=Astray()))


def by_a_hook_between_two_attempts(road: Road) -> None:
    waiting = [error(500)]
    road.answering(lambda _: waiting.pop() if waiting else None)

    def move(response: Any) -> None:
        if response.status_code == 500:
            client.base_url = f"https://{US}/v1"

    client = road.client(max_retries=2, http_client=httpx2.Client(event_hooks={"response": [move]}))
    client._calculate_retry_timeout = lambda *_, **__: 0
    road.chat(client)


def by_another_target(road: Road) -> None:
    def pretend(request: Any) -> None:
        astray(request)
        request.url = request.url.copy_with(path=ADMIN)
        request.extensions["target"] = PATH.encode()

    hooked(road, pretend)


def by_another_target_alone(road: Road) -> None:
    def pretend(request: Any) -> None:
        request.extensions["target"] = PATH.encode()

    http_client = httpx2.Client(event_hooks={"request": [pretend]})
    road.client(base_url=f"https://{US}/v1", http_client=http_client).models.list()


def by_authentication(road: Road) -> None:
    class Astray(httpx2.Auth):
        def auth_flow(self, request: httpx2.Request) -> Flow:
            astray(request)
            yield request

    through(road, httpx2.Client(auth=Astray()))


def by_authentication_with_a_request_of_its_own(road: Road) -> None:
    class Astray(httpx2.Auth):
        def auth_flow(self, request: httpx2.Request) -> Flow:
            request.read()
            yield httpx2.Request("POST", AT_US, headers=JSON, content=request.content)

    through(road, httpx2.Client(auth=Astray()))


def by_authentication_the_second_time(road: Road) -> None:
    class Astray(httpx2.Auth):
        def auth_flow(self, request: httpx2.Request) -> Flow:
            yield request
            astray(request)
            yield request

    through(road, httpx2.Client(auth=Astray()))


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


def by_a_transport(road: Road) -> None:
    road.direct()
    through(road, httpx2.Client(transport=Elsewhere()))


def by_a_transport_that_renames(road: Road) -> None:
    class Astray(httpx2.HTTPTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            request.headers["host"] = US
            return super().handle_request(request)

    road.direct()
    through(road, httpx2.Client(transport=Astray()))


def by_a_mounted_transport(road: Road) -> None:
    road.direct()
    through(road, httpx2.Client(mounts={f"https://{EU}": Elsewhere()}))


def swap(request: Any) -> None:
    """Put another body into a request."""
    other = httpx2.Request("POST", request.url, json={**CHAT, "model": STRANGE})
    request.stream = other.stream
    request.headers["content-length"] = other.headers["content-length"]


def by_a_hook_with_another_body(road: Road) -> None:
    hooked(road, swap)


def by_a_hook_that_changes_the_body_inside(road: Road) -> None:
    def change(request: Any) -> None:
        other = httpx2.Request("POST", request.url, json={**CHAT, "model": STRANGE})
        request.stream._stream = other.content
        request.headers["content-length"] = other.headers["content-length"]

    hooked(road, change)


def by_authentication_with_another_body(road: Road) -> None:
    class Other(httpx2.Auth):
        def auth_flow(self, request: httpx2.Request) -> Flow:
            yield request
            swap(request)
            yield request

    through(road, httpx2.Client(auth=Other()))


def by_send_with_another_body(road: Road) -> None:
    class Own(httpx2.Client):
        def send(self, request: httpx2.Request, **kwargs: Any) -> httpx2.Response:
            swap(request)
            return super().send(request, **kwargs)

    through(road, Own())


def other_body(build: Any) -> Any:
    """A function in the place of `build`, that builds requests with another body."""

    def build_request(*args: Any, **kwargs: Any) -> httpx2.Request:
        body = {"json": {**CHAT, "model": STRANGE}, "content": None}
        request: httpx2.Request = build(*args, **{**kwargs, **body})
        return request

    return build_request


def by_build_request_with_another_body(road: Road) -> None:
    class Own(httpx2.Client):
        build_request = other_body(httpx2.Client.build_request)

    through(road, Own())


def by_build_request_of_one_client(road: Road) -> None:
    client = httpx2.Client()
    vars(client)["build_request"] = other_body(client.build_request)
    through(road, client)


def by_build_request_of_every_client(road: Road) -> None:
    def wrapper(wrapped: Any, _client: Any, args: Any, kwargs: Any) -> Any:
        return other_body(wrapped)(*args, **kwargs)

    wrapped = wrapt.FunctionWrapper(httpx2.Client.build_request, wrapper)
    road.patch.setattr(httpx2.Client, "build_request", wrapped)
    road.chat()


def by_build_request(road: Road) -> None:
    class Own(httpx2.Client):
        def build_request(self, *args: Any, **kwargs: Any) -> httpx2.Request:
            request = super().build_request(*args, **kwargs)
            astray(request)
            return request

    through(road, Own())


def by_send(road: Road) -> None:
    class Own(httpx2.Client):
        def send(self, request: httpx2.Request, **kwargs: Any) -> httpx2.Response:
            astray(request)
            return super().send(request, **kwargs)

    through(road, Own())


def by_send_with_another_library(road: Road) -> None:
    import urllib.request

    class Own(httpx2.Client):
        def send(self, request: httpx2.Request, **_: Any) -> httpx2.Response:
            own = urllib.request.Request(AT_US, request.read(), JSON)  # noqa: S310
            with urllib.request.urlopen(own) as answer:  # noqa: S310
                return httpx2.Response(200, content=answer.read(), request=request)

    through(road, Own())


def by_send_past_the_client(road: Road) -> None:
    class Own(httpx2.Client):
        def send(self, request: httpx2.Request, **_: Any) -> httpx2.Response:
            astray(request)
            return self._transport_for_url(request.url).handle_request(request)

    through(road, Own())


def by_the_private_send_of_a_subclass(road: Road) -> None:
    class Own(httpx2.Client):
        def _send_single_request(self, request: httpx2.Request) -> httpx2.Response:
            astray(request)
            response = self._transport_for_url(request.url).handle_request(request)
            response.request = request
            return response

    through(road, Own())


def by_a_default_host_header(road: Road) -> None:
    road.chat(default_headers={"Host": US})


def by_a_host_header_of_one_call(road: Road) -> None:
    road.client().chat.completions.create(**CHAT, extra_headers={"host": US})


def by_a_redirect(status: int) -> Any:
    def way(road: Road) -> None:
        road.redirecting(EU, US, status=status)
        road.chat()

    return way


def by_a_chain_of_redirects(road: Road) -> None:
    road.redirecting(EU, "mtls-eu.api.openai.com", US)
    road.chat()


def by_a_loop_that_ends_elsewhere(road: Road) -> None:
    turns = iter(range(5))

    def loop(asked: Asked) -> Reply | None:
        if asked.host != EU:
            return None
        left = next(turns) == 4
        return Reply(307, {"location": AT_US if left else f"https://{EU}{PATH}"})

    road.answering(loop)
    road.chat()


def by_a_redirect_to_nobody(road: Road) -> None:
    road.redirecting(EU, "evil.example")
    road.chat()


def by_a_redirect_without_a_scheme(road: Road) -> None:
    road.redirecting(location=f"//{US}{PATH}")
    road.chat()


def by_a_redirect_behind_userinfo(road: Road) -> None:
    road.redirecting(location=f"https://{EU}@{US}{PATH}")
    road.chat()


def by_a_redirect_of_a_second_attempt(road: Road) -> None:
    replies = [Reply(307, {"location": AT_US}), error(500)]
    road.answering(lambda asked: replies.pop() if replies and asked.host == EU else None)
    client = road.client(max_retries=2)
    client._calculate_retry_timeout = lambda *_, **__: 0
    road.chat(client)


def by_a_redirect_of_a_stream(road: Road) -> None:
    road.redirecting(EU, US)
    list(road.client().chat.completions.create(**CHAT, stream=True))
