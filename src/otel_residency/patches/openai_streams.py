"""The client's streams: read the first and last event on their way through, end the call with the stream.

The stream stays the client's own object; only the iterator inside it is followed by one of ours.
"""

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any
from weakref import finalize, ref

from otel_residency.calls.call import Call
from otel_residency.calls.context import EXTENSION


def follow(items: Any, call: Call) -> Generator[Any, None, None]:
    """Yield what `items` yields. Between the first event and the last there is nothing to do but keep it."""
    last = None
    try:
        for last in items:
            call.saw(last)
            yield last
            break
        for last in items:
            call.latest = last
            yield last
    except GeneratorExit:
        _close(items)
        call.abandon()
        raise
    except BaseException as error:
        call.raised(error)
        raise
    call.saw(last)
    call.finish()


async def follow_async(items: Any, call: Call) -> AsyncGenerator[Any, None]:
    """The same for an asynchronous stream."""
    last = None
    try:
        async for last in items:
            call.saw(last)
            yield last
            break
        async for last in items:
            call.latest = last
            yield last
    except GeneratorExit:
        if hasattr(items, "aclose"):
            await items.aclose()
        call.abandon()
        raise
    except BaseException as error:
        call.raised(error)
        raise
    call.saw(last)
    call.finish()


def _close(items: Any) -> None:
    if hasattr(items, "close"):
        items.close()


def attach(stream: Any, follower: Callable[[Any, Call], Any]) -> None:
    """Follow the events of a stream that the client has just made of a watched response."""
    try:
        request = stream.response.request
    except RuntimeError:  # a response made by hand belongs to no request
        return
    call = request.extensions.get(EXTENSION)
    if isinstance(call, Call):
        iterator = follower(stream._iterator, call)
        stream._iterator = iterator
        call.iterator = ref(iterator)
        finalize(iterator, call.closed)
