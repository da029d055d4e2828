"""Python itself is used against the guard: contexts, threads, modules, attributes."""
# ruff: noqa: D103 - the table says what each one is

import asyncio
import importlib
import importlib.util
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from functools import partial
from inspect import unwrap
from types import ModuleType
from typing import Any

import httpx2
from openai import _base_client
from opentelemetry.instrumentation.utils import suppress_http_instrumentation, suppress_instrumentation

from otel_residency import ResidencyInstrumentor
from tests.evasion.attempt import AT_US, CHAT, Attempt, asynchronously
from tests.internet import US

ELSEWHERE: dict[str, Any] = {"base_url": f"https://{US}/v1"}


def in_a_thread(attempt: Attempt) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(attempt.chat, **ELSEWHERE).result()


def in_a_task(_: Attempt) -> None:
    async def call(client: Any) -> None:
        await asyncio.create_task(client.chat.completions.create(**CHAT), context=Context())

    asyncio.run(asynchronously(call, **ELSEWHERE))


def in_a_thread_of_a_task(attempt: Attempt) -> None:
    asyncio.run(asyncio.to_thread(attempt.chat, **ELSEWHERE))


def in_an_empty_context(attempt: Attempt) -> None:
    Context().run(attempt.chat, **ELSEWHERE)


def with_instrumentation_suppressed(attempt: Attempt) -> None:
    with suppress_instrumentation(), suppress_http_instrumentation():
        attempt.chat(**ELSEWHERE)


def with_settings_changed_late(attempt: Attempt) -> None:
    attempt.patch.setenv("OTEL_RESIDENCY_ENABLED", "false")
    attempt.patch.setenv("OTEL_RESIDENCY_ON_CALL", "flag")
    attempt.patch.setenv("OTEL_RESIDENCY_REQUIRE", "us")
    attempt.patch.setenv("OTEL_SDK_DISABLED", "true")
    attempt.chat(**ELSEWHERE)


def instrumented_again(attempt: Attempt) -> None:
    ours = ResidencyInstrumentor()
    if ours.is_instrumented_by_opentelemetry:
        ours.instrument(require="us", on_call="flag")
    attempt.chat(**ELSEWHERE)


def by_the_request_below_ours(attempt: Attempt) -> None:
    client = attempt.client(**ELSEWHERE)
    attempt.patch.setattr(client, "request", partial(unwrap(type(client).request), client))
    client.post("/chat/completions", body=CHAT, cast_to=object)


def put_back(attempt: Attempt, owner: Any, name: str) -> None:
    """Put what was there before us back in its place, and chat."""
    attempt.patch.setattr(owner, name, unwrap(getattr(owner, name)))
    attempt.chat(**ELSEWHERE)


def with_request_put_back(attempt: Attempt) -> None:
    put_back(attempt, _base_client.SyncAPIClient, "request")


def with_build_request_put_back(attempt: Attempt) -> None:
    put_back(attempt, _base_client.BaseClient, "_build_request")


def with_both_put_back(attempt: Attempt) -> None:
    attempt.patch.setattr(_base_client.SyncAPIClient, "request", unwrap(_base_client.SyncAPIClient.request))
    put_back(attempt, _base_client.BaseClient, "_build_request")


def with_the_hop_put_back(attempt: Attempt) -> None:
    put_back(attempt, httpx2.Client, "_send_single_request")


def with_ours_deleted(attempt: Attempt) -> None:
    attempt.patch.delattr(_base_client.SyncAPIClient, "request")
    attempt.client(**ELSEWHERE)._client.post(AT_US, json=CHAT)


def by_a_method_kept_from_before(attempt: Attempt) -> None:
    client = attempt.client(**ELSEWHERE)
    send = partial(unwrap(httpx2.Client.send), client._client)
    send(client._client.build_request("POST", AT_US, json=CHAT))


def forget(*packages: str) -> None:
    """Have packages imported anew by whoever imports them next."""
    for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
        del sys.modules[name]


def anew(attempt: Attempt, *packages: str) -> None:
    """Import packages a second time, as if they had never been, and chat with what comes of it."""
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in packages}
    forget(*packages)
    try:
        fresh = importlib.import_module("openai")
        attempt.chat(kind=fresh.OpenAI, **ELSEWHERE)
    finally:
        forget(*packages)
        sys.modules.update(kept)


def with_openai_imported_anew(attempt: Attempt) -> None:
    anew(attempt, "openai")


def with_everything_imported_anew(attempt: Attempt) -> None:
    anew(attempt, "openai", "httpx2")


def copied(package: ModuleType, name: str) -> ModuleType:
    """The package, imported under another name."""
    spec = importlib.util.spec_from_file_location(
        name, package.__file__, submodule_search_locations=list(package.__path__)
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def under_another_name(_: Attempt) -> None:
    try:
        with copied(httpx2, "httpx_of_ones_own").Client() as client:
            client.post(AT_US, json=CHAT)
    finally:
        forget("httpx_of_ones_own")


def reloaded(*modules: str) -> Callable[[Attempt], None]:
    """A way that begins with modules being loaded again in their place."""

    def bypass(attempt: Attempt) -> None:
        kept = {name: dict(vars(sys.modules[name])) for name in modules}
        try:
            for name in modules:
                importlib.reload(sys.modules[name])
            attempt.chat(kind=sys.modules["openai._client"].OpenAI, **ELSEWHERE)
        finally:
            for name, members in kept.items():
                vars(sys.modules[name]).update(members)

    return bypass


openai_reloaded = reloaded("openai._base_client", "openai._client")
both_reloaded = reloaded("httpx2._client", "httpx2", "openai._base_client", "openai._client")
