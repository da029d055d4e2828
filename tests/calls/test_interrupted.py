"""Calls that end before their time: cancelled, abandoned, forked, at the end of the interpreter.

Each is made twice, with and without us, and the application must see the same.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.calls.odd_server import DATA_READ, OddServer, odd_server
from tests.calls.test_odd_answers import ANSWER, CHAT, EVENT, body, stream
from tests.recorded import Instrument, Recorded, settle

EVENTS = 3


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OddServer]:
    """A server of one stream, which does not end before the application lets it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with odd_server() as started:
        started.script = stream(EVENT * EVENTS, DATA_READ, EVENT, b"data: [DONE]\n\n")
        yield started
        started.let_go(DATA_READ)


def switched_on(instrument: Instrument, server: OddServer) -> Recorded:
    """The package, which takes the server for one in the EU."""
    return instrument(hosts={server.place: {"region": "eu"}}, on_export="redact")


async def events(opened: Any) -> AsyncIterator[Any]:
    """The events of a stream, as an application hands them on."""
    async for event in await opened.chat.completions.create(**CHAT, stream=True):
        yield event


async def waiting(server: OddServer, values: list[Any]) -> None:
    """Wait for the fourth event, which does not come."""
    async with server.client(openai.AsyncOpenAI) as opened:
        async for event in events(opened):
            values.append(event.id)  # noqa: PERF401 - one by one, up to where it is interrupted


async def cancelled(server: OddServer, values: list[Any]) -> None:
    """A task is cancelled when it has three events."""
    task = asyncio.create_task(waiting(server, values))
    while len(values) < EVENTS:  # noqa: ASYNC110 - an event loop of its own
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    values.append(task.cancelled())


async def timed_out(server: OddServer, values: list[Any]) -> None:
    """A time limit passes."""
    try:
        await asyncio.wait_for(waiting(server, values), 0.2)
    except TimeoutError as error:
        values.append(str(error))


async def in_a_group(server: OddServer, values: list[Any]) -> None:
    """Another task of the group fails."""

    async def fail() -> None:
        while len(values) < EVENTS:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        raise ValueError

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(waiting(server, values))
            group.create_task(fail())
    except ExceptionGroup as error:
        values.append([type(each) for each in error.exceptions])


async def closed(server: OddServer, values: list[Any]) -> None:
    """The application closes its generator after the first event."""
    async with server.client(openai.AsyncOpenAI) as opened:
        generator = events(opened)
        values.append((await anext(generator)).id)
        await generator.aclose()  # type: ignore[attr-defined]


async def dropped(server: OddServer, values: list[Any]) -> None:
    """The application forgets its generator after the first event."""
    async with server.client(openai.AsyncOpenAI) as opened:
        async for event in events(opened):
            values.append(event.id)
            break


@pytest.mark.parametrize(
    "way", [cancelled, timed_out, in_a_group, closed, dropped], ids=lambda each: each.__name__
)
def test_an_interrupted_stream_ends_as_without_us(
    way: Callable[..., Any], server: OddServer, instrument: Instrument
) -> None:
    """The values and the error are the same; the call ends, and counts once."""

    def outcome() -> list[Any]:
        values: list[Any] = []
        asyncio.run(way(server, values))
        return values

    without_us = outcome()
    recorded = switched_on(instrument, server)
    assert outcome() == without_us
    settle()
    assert len(recorded.spans) == 1
    assert recorded.counted == 1


def test_a_call_that_is_cancelled_before_it_is_answered_counts(
    server: OddServer, instrument: Instrument
) -> None:
    """A task that waits for the answer is cancelled; its call ends, and the next one is as usual."""
    server.script = (b"", DATA_READ, *body(ANSWER))
    recorded = switched_on(instrument, server)

    async def run() -> None:
        async with server.client(openai.AsyncOpenAI) as opened:
            task = asyncio.create_task(opened.chat.completions.create(**CHAT))
            await asyncio.to_thread(server.asked.wait)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            assert task.cancelled()
            server.let_go(DATA_READ)
            assert (await opened.chat.completions.create(**CHAT)).id == ANSWER["id"]

    asyncio.run(run())
    settle()
    assert recorded.counted == len(recorded.spans) == len(("cancelled", "answered"))


PROGRAM = """
import os, sys
from openai import OpenAI
place, way, ours = sys.argv[1:]
if ours == "with":
    from otel_residency import ResidencyInstrumentor
    ResidencyInstrumentor().instrument(require=["eu"], ledger=os.environ["LEDGER"])
client = OpenAI(base_url=f"http://{place}/v1", api_key="k", max_retries=0)
events = client.chat.completions.create(
    model="gpt-5.2-2025-12-11", messages=[{"role": "user", "content": "claim"}], stream=True
)
print(next(iter(events)).id, flush=True)
if way == "exits":
    sys.exit(3)
if way == "fails":
    raise ValueError("of the application")
if way == "forks":
    child = os.fork()
    if child == 0:
        print("child", flush=True)
        sys.exit(4)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    events.close()
    print("parent", flush=True)
if way == "forks hard":
    child = os.fork()
    if child == 0:
        os._exit(5)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.parametrize("way", ["ends", "exits", "fails", "forks", "forks hard"])
def test_a_process_that_ends_within_a_stream_ends_as_without_us(
    way: str, server: OddServer, tmp_path: Path
) -> None:
    """What it prints and its exit code are the same, and the ledger has one record of the call."""

    def ended(ours: str) -> tuple[int, str, str]:
        command = (sys.executable, "-c", PROGRAM, server.place, way, ours)
        environment = {"NO_PROXY": "127.0.0.1", "LEDGER": str(tmp_path / "ledger.jsonl")}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        return done.returncode, done.stdout, done.stderr

    assert ended("with") == ended("without")
    lines = (tmp_path / "ledger.jsonl").read_text(encoding="utf-8").splitlines()
    assert sum('"/v1/chat/completions"' in line for line in lines) == 1
