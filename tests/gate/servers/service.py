"""A service behind every kind of server. Each request makes two calls below a span of its own.

`ELIGIBLE` and `VIOLATING` are the addresses of vendors; requests name one of the two, and a number. In code
it runs by `service.py <threads|tasks> <requests>`.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import Any

import openai
from loopback import FAILING, MODEL
from opentelemetry import _logs, metrics, trace

MODELS = {"ELIGIBLE": (MODEL, MODEL), "VIOLATING": (MODEL, FAILING)}
"""The model for errors is not one of the vendor's, so that nowhere a call to it keeps the policy."""
TRACER = trace.get_tracer("service")


@cache
def settings(kind: str) -> dict[str, Any]:
    """Where the calls of a kind go."""
    return {"base_url": f"{os.environ[kind]}/v1", "api_key": "sk-made-up", "max_retries": 0}


@cache
def client(kind: str) -> openai.OpenAI:
    """The client of a kind, one for a process."""
    return openai.OpenAI(**settings(kind))


def question(kind: str, number: int) -> Any:
    """What is asked; each request has its own word."""
    return [{"role": "user", "content": f"My claim is {kind}{number:03}x"}]


def serve(kind: str, number: int) -> None:
    """Serve one request."""
    with suppress(openai.APIStatusError), TRACER.start_as_current_span("request"):
        for model in MODELS[kind]:
            client(kind).chat.completions.create(model=model, messages=question(kind, number))


async def serve_async(kind: str, number: int) -> None:
    """Serve one request in a coroutine."""
    async with openai.AsyncOpenAI(**settings(kind)) as async_client:
        with suppress(openai.APIStatusError), TRACER.start_as_current_span("request"):
            for model in MODELS[kind]:
                await async_client.chat.completions.create(model=model, messages=question(kind, number))


def parse_path(path: str) -> tuple[str, int]:
    """Kind and number from a path such as `/VIOLATING/7`."""
    _, kind, number = path.split("/")
    return kind, int(number)


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The service for gunicorn."""
    serve(*parse_path(environ["PATH_INFO"]))
    start_response("204 No Content", [])
    return ()


def end() -> None:
    """Send what waits, where a process ends without what Python does at its exit."""
    for provider in (trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider()):
        provider.shutdown()  # type: ignore[union-attr]


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """The service for uvicorn, whose workers end by the signal that they were sent."""
    if scope["type"] == "lifespan":
        for step in ("startup", "shutdown"):
            await receive()
            if step == "shutdown":
                end()
            await send({"type": f"lifespan.{step}.complete"})
    else:
        await serve_async(*parse_path(scope["path"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})


async def bare_asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The same without an end of its own."""
    if scope["type"] != "lifespan":
        await asgi(scope, receive, send)


def threads(requests: int) -> None:
    """Serve as many requests of each kind, in turns, by threads that serve both."""
    with ThreadPoolExecutor(4) as pool:
        for number in range(requests):
            for kind in MODELS:
                pool.submit(serve, kind, number)


def tasks(requests: int) -> None:
    """Serve them in coroutines of one thread, all at once."""

    async def serve() -> None:
        await asyncio.gather(*(serve_async(kind, number) for number in range(requests) for kind in MODELS))

    asyncio.run(serve())


if __name__ == "__main__":
    {"threads": threads, "tasks": tasks}[sys.argv[1]](int(sys.argv[2]))
