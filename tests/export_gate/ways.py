"""The ways in which an application makes a call and gets its result back, with threads, tasks and links."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Thread
from typing import Any, TypeAlias

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link

Work: TypeAlias = Callable[[], None]
Coroutines: TypeAlias = Callable[[], Coroutine[Any, Any, None]]

_worker = TracerProvider().get_tracer("worker")


def _in_thread(work: Work) -> None:
    thread = Thread(target=work)
    thread.start()
    thread.join()


def _in_executor(work: Work) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


def _executor_with_context(work: Work) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(copy_context().run, work).result()


def _handed_a_context(work: Work) -> None:
    """A worker gets the OpenTelemetry context alone, as propagators write it into a message."""
    handed = trace.set_span_in_context(
        trace.NonRecordingSpan(trace.get_current_span().get_span_context()), Context()
    )

    def attached() -> None:
        context.attach(handed)
        work()

    _in_thread(attached)


def _linked(work: Work) -> None:
    """A worker with a trace of its own, whose first span is linked with the one that asked for the work."""
    link = Link(trace.get_current_span().get_span_context())

    def consume() -> None:
        with _worker.start_as_current_span("consume", links=[link]), _worker.start_as_current_span("work"):
            work()

    _in_thread(consume)


SYNC: Mapping[str, Callable[[Work], None]] = {
    "directly": lambda work: work(),
    "copy_context": lambda work: copy_context().run(work),
    "thread": _in_thread,
    "executor": _in_executor,
    "executor with the context": _executor_with_context,
    "worker that was handed a context": _handed_a_context,
    "worker in a linked trace": _linked,
}


async def _gather(work: Coroutines) -> None:
    await asyncio.gather(work(), asyncio.sleep(0))


async def _task_group(work: Coroutines) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(work())


async def _wait(work: Coroutines) -> None:
    await asyncio.wait([asyncio.ensure_future(work())])


async def _as_completed(work: Coroutines) -> None:
    for each in asyncio.as_completed([work()]):
        await each


async def _timeout(work: Coroutines) -> None:
    async with asyncio.timeout(60):
        await work()


async def _copied(work: Coroutines) -> None:
    await asyncio.create_task(work(), context=copy_context())


async def _from_callback(work: Coroutines, soon: str) -> None:
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    async def finish() -> None:
        await work()
        done.set()

    tasks: list[Awaitable[None]] = []
    getattr(loop, soon)(lambda: tasks.append(loop.create_task(finish())))
    await done.wait()
    await tasks[0]


async def _nested(work: Coroutines) -> None:
    async def inner() -> None:
        await asyncio.gather(asyncio.create_task(work()))

    await asyncio.wait_for(asyncio.shield(inner()), 60)


ASYNC: Mapping[str, Callable[[Coroutines], Awaitable[None]]] = {
    "await": lambda work: work(),
    "wait_for": lambda work: asyncio.wait_for(work(), 60),
    "gather": _gather,
    "TaskGroup": _task_group,
    "shield": lambda work: asyncio.shield(work()),
    "create_task": lambda work: asyncio.create_task(work()),
    "wait": _wait,
    "as_completed": _as_completed,
    "timeout": _timeout,
    "create_task in a copied context": _copied,
    "call_soon": lambda work: _from_callback(work, "call_soon"),
    "call_soon_threadsafe": lambda work: _from_callback(work, "call_soon_threadsafe"),
    "task in a task": _nested,
    "to_thread": lambda work: asyncio.to_thread(lambda: asyncio.run(work())),
    "run_in_executor": lambda work: asyncio.get_running_loop().run_in_executor(
        None, lambda: asyncio.run(work())
    ),
}
