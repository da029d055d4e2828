"""The HTTP libraries that the client may use: each request on the wire, and the end of each body.

httpx and httpx2 have the same shape; everything here takes the library as an argument and asks nothing of
it that is not public, but for the one method that runs for every hop.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from otel_residency.openai_client.call import EXTENSION, Call, Refused, current_call
from otel_residency.openai_client.violation import ResidencyViolationError


def watchers(library: Any) -> tuple[Callable[[Any, Call], Any], Callable[[Any, Call], Any]]:
    """Two stream classes of `library`, synchronous and not, that tell a call when they are closed."""

    class WatchedStream(library.SyncByteStream):  # type: ignore[misc]
        def __init__(self, inner: Any, call: Call) -> None:
            self._inner = inner
            self._call = call

        def __iter__(self) -> Iterator[bytes]:
            return iter(self._inner)

        def close(self) -> None:
            try:
                self._inner.close()
            finally:
                self._call.closed()

    class WatchedAsyncStream(library.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, inner: Any, call: Call) -> None:
            self._inner = inner
            self._call = call

        def __aiter__(self) -> AsyncIterator[bytes]:
            return aiter(self._inner)

        async def aclose(self) -> None:
            try:
                await self._inner.aclose()
            finally:
                self._call.closed()

    return WatchedStream, WatchedAsyncStream


def hop_wrappers(library: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Wrappers for `_send_single_request` of the two clients of `library`."""
    watched, watched_async = watchers(library)

    def send(wrapped: Any, _client: Any, args: Any, kwargs: Any) -> Any:
        call = _call_of(args, kwargs)
        if call is None:
            return wrapped(*args, **kwargs)
        try:
            response = wrapped(*args, **kwargs)
        except BaseException as error:
            _broke_off(call, error)
            raise
        call.answered(response, watched)
        return response

    async def send_async(wrapped: Any, _client: Any, args: Any, kwargs: Any) -> Any:
        call = _call_of(args, kwargs)
        if call is None:
            return await wrapped(*args, **kwargs)
        try:
            response = await wrapped(*args, **kwargs)
        except BaseException as error:
            _broke_off(call, error)
            raise
        call.answered(response, watched_async)
        return response

    return send, send_async


def _call_of(args: Any, kwargs: Any) -> Call | None:
    """The call that a request belongs to, judged at this hop; a refusal ends the hop before it begins."""
    request = args[0] if args else kwargs.get("request")
    call = getattr(request, "extensions", {}).get(EXTENSION)
    try:
        if not isinstance(call, Call):
            call = current_call.get()
            if call is None or not call.is_attempt(request):
                return None
            call.attempt(request, call.options)
        elif call.alone and not call.hops:
            call.state.passed_by()
            if call.facts is None:
                call.attempt(request, call.options)
        call.hop(request)
    except ResidencyViolationError as error:
        if current_call.get() is call:
            raise Refused(error) from None
        if call is not None:
            _broke_off(call, error)
        raise
    return call


def _broke_off(call: Call, error: BaseException) -> None:
    """Nobody else tells a call that came past the patch of `request` how it failed."""
    if call.alone:
        call.raised(error)
