"""The HTTP libraries that the client may use: each request on the wire, and the end of each body.

httpx and httpx2 have the same shape; everything here takes the library as an argument and asks nothing of
it that is not public, but for the one method that runs for every hop.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from otel_residency.calls.body import RequestFacts
from otel_residency.calls.call import Call, Refused
from otel_residency.calls.context import EXTENSION, SendingHop, current_call
from otel_residency.calls.request import RoutingHeaders, read_hop, read_hosts
from otel_residency.errors import RefusalError
from otel_residency.patches.install import switch


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


def judging_wrappers(library: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Wrappers for `_send_single_request` of the two clients of `library`."""
    watched, watched_async = watchers(library)

    def send(wrapped: Any, client: Any, args: Any, kwargs: Any) -> Any:
        call = _call_of(client, args, kwargs, library.RequestError)
        if call is None:
            return wrapped(*args, **kwargs)
        try:
            with SendingHop(call):
                response = wrapped(*args, **kwargs)
        except BaseException as error:
            _broke_off(call, error)
            raise
        call.answered(response, watched)
        return response

    async def send_async(wrapped: Any, client: Any, args: Any, kwargs: Any) -> Any:
        call = _call_of(client, args, kwargs, library.RequestError)
        if call is None:
            return await wrapped(*args, **kwargs)
        try:
            with SendingHop(call):
                response = await wrapped(*args, **kwargs)
        except BaseException as error:
            _broke_off(call, error)
            raise
        call.answered(response, watched_async)
        return response

    return send, send_async


def _call_of(client: Any, args: Any, kwargs: Any, kind: type[Exception]) -> Call | None:
    """The call that a request belongs to, judged at this hop; a refusal ends the hop before it begins."""
    request = args[0] if args else kwargs.get("request")
    call = getattr(request, "extensions", {}).get(EXTENSION)
    try:
        if not isinstance(call, Call):
            call = _unmarked(request, client)
            if call is None:
                return None
            if call.judging.sending is None:
                call.attempt(request, None)
        elif call.alone and not call.judging.hops and not call.raw:
            call.state.passed_by()
            if call.judging.facts is None:
                call.attempt(request, call.options)
        call.hop(request)
    except RefusalError as error:
        if call is not None and current_call.get() is call:
            raise Refused(error) from None
        if call is not None:
            _broke_off(call, error)
            if call.raw:
                raise refusal_of(error, kind) from None
        raise
    return call


def _unmarked(request: Any, client: Any) -> Call | None:
    """The call that a request without our mark belongs to, or that it is of its own."""
    call = current_call.get()
    return call if call is not None and call.owns(request, client) else begin_raw(request)


def begin_raw(request: Any, name: Any = None) -> Call | None:
    """A call that an HTTP client makes of its own, if `request` goes to a vendor.

    One to no vendor is remembered by `name`, as the client's patch looks for it.
    """
    state = switch.state
    if state is None:
        return None
    try:
        hosts = read_hosts(request)
        if not state.concerns(hosts, request.url.raw_host if name is None else name):
            return None
        hop = read_hop(request, RoutingHeaders())
        if not any(state.guard.concerns(request.method, hop._replace(host=host)) for host in hosts):
            return None
    except Exception as error:
        state.failed("reading a request", error)
        if not state.blocks:
            return None
    call = Call(state, None, None)
    call.alone = call.raw = True
    return call


def open_raw(request: Any, name: Any, body: RequestFacts | None = None) -> Call | None:
    """The same, judged, for a client whose requests only have the shape of httpx's.

    Raises:
        RefusalError: in block mode.
    """
    call = begin_raw(request, name)
    if call is None:
        return None
    try:
        call.attempt(request, None, body)
        call.hop(request)
    except RefusalError as error:
        call.raised(error)
        raise
    return call


def refusal_of(error: RefusalError, kind: type[Exception]) -> Exception:
    """The refusal as an error of the HTTP library too, which its users are prepared for."""
    from otel_residency.calls.violation import violation_like

    like = violation_like(kind)  # type: ignore[arg-type]  # a class is hashable
    return like(str(error), getattr(error, "decision", None))


def _broke_off(call: Call, error: BaseException) -> None:
    """Nobody else tells a call that came past the patch of `request` how it failed."""
    if call.alone:
        call.raised(error)
