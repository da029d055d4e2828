"""The two kinds of client behind one face, so that a test is written once and runs with both."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

import openai

from tests.internet import EU, PATIENCE

Client: TypeAlias = str | Callable[..., Any]
"""The name of one of the clients in openai, without `Async`, or whatever makes a client."""


class Kind(Protocol):
    """A kind of client. Whatever a call gives is handed to `run`, which waits where there is to wait."""

    name: str

    def pick(self, synchronous: Any, asynchronous: Any) -> Any:
        """That of the two which goes with this kind."""

    def open(self, client: Client = "OpenAI", **arguments: Any) -> Any:
        """A client, closed when the test is over; its host is the EU's unless said otherwise."""

    def run(self, value: Any) -> Any:
        """The value, or what it comes to."""

    def next(self, stream: Any) -> Any:
        """The next event of a stream."""

    def items(self, stream: Any) -> list[Any]:
        """All that is left of a stream."""

    def enter(self, manager: Any) -> Any:
        """Enter a context manager."""

    def exit(self, manager: Any, error: BaseException | None = None) -> Any:
        """Leave a context manager."""

    def rest(self) -> None:
        """Let everything go on that waits for a turn."""

    def close(self) -> None:
        """Close every client."""


CHOOSE_HOST = {"base_url", "data_residency", "azure_endpoint", "provider"}


def make(client: Client, prefix: str, given: dict[str, Any]) -> Any:
    """A client of the EU host, without retries and with little patience, unless said otherwise."""
    usual: dict[str, Any] = {"max_retries": 0, "timeout": PATIENCE}
    if not CHOOSE_HOST & given.keys():
        usual["base_url"] = f"https://{EU}/v1"
    maker = getattr(openai, prefix + client) if isinstance(client, str) else client
    return maker(**{**usual, **given})


class Sync:
    """The synchronous client."""

    name = "sync"

    def __init__(self) -> None:
        self._clients: list[Any] = []

    def pick(self, synchronous: Any, asynchronous: Any) -> Any:
        """The synchronous one."""
        del asynchronous
        return synchronous

    def open(self, client: Client = "OpenAI", **arguments: Any) -> Any:
        """A client, closed when the test is over."""
        made = make(client, "", arguments)
        self._clients.append(made)
        return made

    def run(self, value: Any) -> Any:
        """The value."""
        return value

    def next(self, stream: Any) -> Any:
        """The next event of a stream."""
        return next(stream)

    def items(self, stream: Any) -> list[Any]:
        """All that is left of a stream."""
        return list(stream)

    def enter(self, manager: Any) -> Any:
        """Enter a context manager."""
        return manager.__enter__()

    def exit(self, manager: Any, error: BaseException | None = None) -> Any:
        """Leave a context manager."""
        return manager.__exit__(type(error) if error else None, error, None)

    def rest(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Close every client."""
        for client in self._clients:
            client.close()


class Async:
    """The asynchronous client, in one event loop for the whole test."""

    name = "async"

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._clients: list[Any] = []

    def pick(self, synchronous: Any, asynchronous: Any) -> Any:
        """The asynchronous one."""
        del synchronous
        return asynchronous

    def open(self, client: Client = "OpenAI", **arguments: Any) -> Any:
        """A client, closed when the test is over."""
        made = make(client, "Async", arguments)
        self._clients.append(made)
        return made

    def run(self, value: Any) -> Any:
        """What the awaitable comes to."""
        return self._runner.run(_coroutine(value)) if isinstance(value, Awaitable) else value

    def next(self, stream: Any) -> Any:
        """The next event of a stream."""
        try:
            return self.run(anext(stream))
        except StopAsyncIteration:
            raise StopIteration from None

    def items(self, stream: Any) -> list[Any]:
        """All that is left of a stream."""

        async def collect() -> list[Any]:
            return [item async for item in stream]

        return self.run(collect())  # type: ignore[no-any-return]

    def enter(self, manager: Any) -> Any:
        """Enter a context manager."""
        return self.run(manager.__aenter__())

    def exit(self, manager: Any, error: BaseException | None = None) -> Any:
        """Leave a context manager."""
        return self.run(manager.__aexit__(type(error) if error else None, error, None))

    def rest(self) -> None:
        """Give the tasks of the loop their turns, those among them that close what was dropped."""

        async def turns() -> None:
            other_tasks = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.sleep(0)
            other_tasks |= asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.gather(*other_tasks, return_exceptions=True)

        self.run(turns())

    def close(self) -> None:
        """Close every client, and the loop."""
        for client in self._clients:
            self.run(client.close())
        self._runner.close()


async def _coroutine(value: Awaitable[Any]) -> Any:
    return await value
