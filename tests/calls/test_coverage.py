"""No call goes unseen: every method of every resource of the client, found by walking them."""

from collections.abc import Iterator
from contextlib import suppress
from inspect import signature
from typing import Any, NamedTuple

import openai
import pytest

from examples.demo.loopback import Asked
from tests.calls.http_library import canned, http
from tests.calls.kinds import Async, Kind, Sync
from tests.calls.resources import METHODS, dummy_arguments, method, methods_with_http
from tests.recorded import Recorded, settle, switching

VARIANTS = (None, "with_raw_response", "with_streaming_response")


class Walk(NamedTuple):
    """One client for all calls, since there are many."""

    kind: Kind
    client: Any
    received: list[Asked]
    recorded: Recorded


@pytest.fixture(scope="module", params=[Sync, Async], ids=lambda kind: kind.name)
def walk(request: pytest.FixtureRequest) -> Iterator[Walk]:
    """A client whose transport answers everything, and the package switched on."""
    kind: Kind = request.param()
    received: list[Asked] = []
    http_client = kind.pick(http.Client, http.AsyncClient)(transport=canned(received))
    admin = {"admin_api_key": "sk-admin"} if "admin_api_key" in signature(openai.OpenAI).parameters else {}
    client = kind.open(http_client=http_client, api_key="sk-test", **admin)
    with switching() as instrument:
        yield Walk(kind, client, received, instrument())
    kind.close()


def make_call(kind: Kind, client: Any, path: str, variant: str | None) -> None:
    """Call a method, and read what it gives to the end."""
    plain, called = method(client, path), method(client, path, variant)
    assert plain is not None
    assert called is not None
    result = called(**dummy_arguments(path, plain))
    if variant == "with_streaming_response":
        response = kind.enter(result)
        kind.run(response.read())
        kind.exit(result)
        return
    result = kind.run(result)
    if hasattr(result, "__enter__") or hasattr(result, "__aenter__"):
        kind.items(kind.enter(result))
        kind.exit(result)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("path", METHODS)
def test_every_method_makes_one_span_per_request(walk: Walk, path: str) -> None:
    """Each variant of each method sends something, and each request that it sends is one span."""
    kind, client, received, recorded = walk
    requests, spans = {}, {}
    for variant in VARIANTS:
        if method(client, path, variant) is None:
            continue
        # What a helper of the client thinks of a made-up answer is its own affair.
        with suppress(ValueError):
            make_call(kind, client, path, variant)
        if len(recorded.spans) < len(received):
            settle()
        requests[variant], spans[variant] = len(received), len(recorded.spans)
        received.clear()
        recorded.clear()
    assert 0 not in requests.values()
    assert requests == spans


def test_both_kinds_have_the_same_methods() -> None:
    """The methods that were found on the synchronous client are all there are."""
    assert sorted(METHODS) == sorted(methods_with_http(openai.AsyncOpenAI))
