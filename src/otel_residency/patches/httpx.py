"""The patch of httpx and httpx2: the one method that runs for every request on the wire, whoever makes it.

Both libraries have the same shape, so everything here takes the library as an argument. Of a request that is
no call to a vendor, as little as possible is looked at, and calls are imported for the first request that may
be one: many processes use httpx and never call a vendor.
"""

from collections.abc import AsyncIterator, Iterator
from functools import cache, wraps
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from otel_residency.calls.context import current_call
from otel_residency.calls.request import EXTENSION
from otel_residency.calls.state import runtime
from otel_residency.core.interruption import reraise_interruption
from otel_residency.errors import RefusalError, Refused
from otel_residency.patches.guarded import refusal_like
from otel_residency.patches.patching import replace

if TYPE_CHECKING:
    from otel_residency.calls.call import Call

LIBRARIES = ("httpx", "httpx2")


def patch(library: ModuleType) -> None:
    """Patch `library`, which has just been imported."""
    patched = runtime.patched
    # By library: httpx and httpx2 have classes of their own, and `body_of` compares the exact class.
    patched.byte_streams.add(library.ByteStream)
    for client in (library.Client, library.AsyncClient):
        build = client.build_request
        # Another's wrapper that was there first is not httpx's own: it may change the body, so it is no proof
        # of anything.
        if type(build) is FunctionType and build.__globals__["__name__"].startswith(library.__name__):
            patched.builders[id(build)] = build
    # Private, and the last step of httpx 0.28.1 that all requests pass: hooks, auth flows and redirects have
    # done what they do to a request, and whatever transport comes next has not.
    replace(library, "Client._send_single_request", lambda wrapped: _send(library, wrapped), patched.miss)
    replace(
        library,
        "AsyncClient._send_single_request",
        lambda wrapped: _send_async(library, wrapped),
        patched.miss,
    )


def _send(library: Any, wrapped: Any) -> Any:
    @wraps(wrapped)
    def send(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = wrapped.__get__(self, type(self))
        request = args[0] if args else kwargs.get("request")
        call = None if is_unrelated(request) else _call_of(request, self, library.RequestError)
        if call is None:
            return bound(*args, **kwargs)
        sending, response = call.sending(), None
        try:
            with sending:
                response = bound(*args, **kwargs)
            call.on_response(response, _watched_streams(library)[0])
        except BaseException as error:
            sending.restore()
            _fail_standalone(call, error)
            if response is not None:  # a signal handler raised
                response.close()
            raise
        return response

    return send


def _send_async(library: Any, wrapped: Any) -> Any:
    @wraps(wrapped)
    async def send(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = wrapped.__get__(self, type(self))
        request = args[0] if args else kwargs.get("request")
        call = None if is_unrelated(request) else _call_of(request, self, library.RequestError)
        if call is None:
            return await bound(*args, **kwargs)
        sending, response = call.sending(), None
        try:
            with sending:
                response = await bound(*args, **kwargs)
            call.on_response(response, _watched_streams(library)[1])
        except BaseException as error:
            sending.restore()
            _fail_standalone(call, error)
            if response is not None:  # a signal handler raised
                await response.aclose()
            raise
        return response

    return send


def is_unrelated(request: Any) -> bool:
    """Whether a request is known to be no call to a vendor, or nothing is active."""
    state = runtime.state
    if state is None:
        return True
    try:
        return (
            request.url.raw_host in state.non_vendor_hosts
            and EXTENSION not in request.extensions
            and current_call.get() is None
        )
    except AttributeError:  # an object of another library, which this one will refuse itself
        reraise_interruption()
        return False


def _call_of(request: Any, client: Any, kind: type[Exception]) -> "Call | None":
    """The call that a request belongs to, judged at this hop; a refusal ends the hop before it begins."""
    from otel_residency.calls.call import Call

    call: Call | None = getattr(request, "extensions", {}).get(EXTENSION)
    try:
        if not isinstance(call, Call):
            call = _unmarked(request, client)
            if call is None:
                return None
            if call.assessment.snapshot is None:
                call.on_attempt(request, None)
        elif call.standalone and not call.assessment.hops and not call.without_client:
            call.state.warn_of_bypass()
            if call.assessment.facts is None:
                call.on_attempt(request, call.options)
        call.on_hop(request)
    except RefusalError as error:
        # Within the client's `request`, which may retry an `Exception`; see `Refused`. Anywhere else the
        # refusal itself is raised.
        if call is not None and current_call.get() is call:
            raise Refused(error) from None
        if call is not None:
            _fail_standalone(call, error)
            if call.without_client:
                raise refusal_like(error, kind) from None
        raise
    return call


def _unmarked(request: Any, client: Any) -> "Call | None":
    """The call of a request without our extension: the current one, or a new one."""
    call: Call | None = current_call.get()
    if call is not None and _sends(call, request, client):
        return call
    from otel_residency.patches.plain_calls import begin_without_client

    return begin_without_client(request)


def _sends(call: "Call", request: Any, http_client: Any) -> bool:
    """Whether `call` sends `request`, which does not have its extension.

    A subclass of the client may build its requests itself, a hook may drop the extension, and an auth
    flow may send the body in a request of its own. A token that is fetched in between is no part of the
    call.
    """
    try:
        if call.assessment.snapshot is not None:
            if http_client is not call.client._client:
                return False
            if call.assessment.sends(request):
                return True
        path = getattr(call.options, "url", None)
        sent: bytes = request.url.raw_path.partition(b"?")[0]
        return isinstance(path, str) and sent.endswith(path.partition("?")[0].encode())
    except Exception as error:
        call.state.log_failure("reading a request", error)
        return False


def _fail_standalone(call: "Call", error: BaseException) -> None:
    """End a call that came past the patch of `request`, which ends all others."""
    if call.standalone:
        call.fail(error)


@cache
def _watched_streams(library: Any) -> tuple[Any, Any]:
    """Two stream classes of `library`, sync and async, that notify a call when they are closed."""

    # httpx 0.28.1 checks the class of a stream before it reads it (`iter_raw`), so each library needs a
    # subclass of its own.
    class WatchedStream(library.SyncByteStream):  # type: ignore[misc]
        def __init__(self, inner: Any, call: "Call") -> None:
            self._inner = inner
            self._call = call

        def __iter__(self) -> Iterator[bytes]:
            return iter(self._inner)

        # httpx calls `close` for every response that was read or left, also where the application never reads
        # it.
        def close(self) -> None:
            try:
                self._inner.close()
            finally:
                self._call.on_close()

    class WatchedAsyncStream(library.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, inner: Any, call: "Call") -> None:
            self._inner = inner
            self._call = call

        def __aiter__(self) -> AsyncIterator[bytes]:
            return aiter(self._inner)

        async def aclose(self) -> None:
            try:
                await self._inner.aclose()
            finally:
                self._call.on_close()

    return WatchedStream, WatchedAsyncStream
