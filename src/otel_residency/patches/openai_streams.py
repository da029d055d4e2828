"""The openai client's streams: events that may change the facts are read, and the call ends with the stream.

The stream stays the client's own object; only the iterator inside it is replaced.
"""

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any
from weakref import finalize, ref

from otel_residency.calls.call import Call
from otel_residency.calls.request import EXTENSION
from otel_residency.core.interruption import reraise_interruption


def follow(items: Any, call: Call) -> Generator[Any, None, None]:
    """Yield what `items` yields; the first and the last event are read, and what shows something else."""
    last = None
    try:
        # The first event is read at once, since it has the id of a response that other calls may name. Of the
        # others those that name another model, say, so that a chunk adds less than half a microsecond.
        for last in items:
            call.on_stream_event(last)
            yield last
            break
        for last in items:
            call.latest_event = last
            if call.response_state.shows_more(last):
                call.on_stream_event(last)
            yield last
    # The generator was closed or dropped, perhaps by the garbage collector: nothing may wait for a lock here.
    except GeneratorExit:
        # The client's own generator closes the response in its `finally` (openai 3.57.0, `__stream__`).
        if hasattr(items, "close"):
            items.close()
        call.abandon()
        raise
    except BaseException as error:
        call.fail(error)
        raise
    call.on_stream_event(last)
    call.finish()


async def follow_async(items: Any, call: Call) -> AsyncGenerator[Any, None]:
    """The same for an asynchronous stream."""
    last = None
    try:
        async for last in items:
            call.on_stream_event(last)
            yield last
            break
        async for last in items:
            call.latest_event = last
            if call.response_state.shows_more(last):
                call.on_stream_event(last)
            yield last
    # `items` is not closed here: it is dropped with this generator, and the loop closes it then. Where the
    # collector finds both at once, or the loop ends, it closes each by itself, and a second `aclose` raises
    # (tests/calls/test_bad_luck.py, test_streams_that_the_collector_finds_are_closed_quietly).
    except GeneratorExit:
        call.abandon()
        raise
    except BaseException as error:
        call.fail(error)
        raise
    call.on_stream_event(last)
    call.finish()


def follow_stream(stream: Any, follower: Callable[[Any, Call], Any]) -> None:
    """Have `follower` follow the events of a stream that the client has just made of a response."""
    try:
        request = stream.response.request
    except RuntimeError:  # a response that was made by hand belongs to no request
        reraise_interruption()
        return
    call = request.extensions.get(EXTENSION)
    if isinstance(call, Call):
        iterator = follower(stream._iterator, call)
        stream._iterator = iterator
        # Weak: the generator holds the call. With a cycle a dropped stream would end only at the next run of
        # the cyclic collector (tests/calls/test_streams.py, test_a_stream_that_nobody_reads_ends_its_span).
        call.iterator = ref(iterator)
        # A generator that was never started raises no `GeneratorExit` when it is dropped, so `follow` does
        # not see it.
        finalize(iterator, call.on_close)
