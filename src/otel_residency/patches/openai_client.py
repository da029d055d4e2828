"""The patch of the openai client: its one door, `request`, the requests that it builds, and its streams."""

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from otel_residency.calls.call import Call, active_call
from otel_residency.calls.request import EXTENSION, client_base_url
from otel_residency.calls.state import State, runtime
from otel_residency.errors import RefusalError, Refused
from otel_residency.patches.openai_streams import follow, follow_async, follow_stream
from otel_residency.patches.patching import replace


def patch(module: ModuleType) -> None:
    """Patch `openai._base_client`, which has just been imported."""
    missing = runtime.patched.miss
    # Private, and the only method that has the request before it is sent: `build_request` of httpx does not
    # know the options. It is called before the `try` that retries (openai 3.57.0), so a refusal leaves at
    # once.
    replace(module, "BaseClient._build_request", _build_request, missing)
    replace(module, "SyncAPIClient.request", _request, missing)
    replace(module, "AsyncAPIClient.request", _request_async, missing)


def patch_streams(module: ModuleType) -> None:
    """Patch `openai._streaming`."""
    replace(module, "Stream.__init__", _stream_init(follow), runtime.patched.miss)
    replace(module, "AsyncStream.__init__", _stream_init(follow_async), runtime.patched.miss)


def warm(_module: ModuleType) -> None:
    """Read catalogue and policy while openai is imported, so that the first call need not."""
    state = runtime.state
    if state is None:
        return
    try:
        # `batches` needs guard, catalogue and body reader, so all three are built.
        _ = state.batches
    except Exception as error:
        state.log_failure("reading the catalogue", error)


# In these functions `bound` is made as Python makes a bound method: `wrapped` may be another's wrapper, which
# takes its object from the binding.


def _request(wrapped: Any) -> Any:
    """In place of `SyncAPIClient.request`, which every call of the synchronous clients passes."""

    @wraps(wrapped)
    def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        state, bound = runtime.state, wrapped.__get__(self, type(self))
        if state is None:
            return bound(*args, **kwargs)
        call = _begin(state, self, args, kwargs)
        try:
            call.make_current()
            result = bound(*args, **kwargs)
            call.restore_context()
            # After the context is restored: no span of ours is current where the application reads a stream
            # (tests/calls/test_streams.py, test_no_span_of_ours_is_current_in_the_consumer).
            call.on_return(result)
        except Refused as refused:
            _fail(call, refused.error)
            # A refusal has no cause: the carrier is of no interest to whoever reads the traceback
            # (tests/calls/test_unchanged.py, test_a_refusal_in_the_middle_of_a_call).
            raise refused.error from None
        # Also `KeyboardInterrupt`, `CancelledError` and `GeneratorExit`: each ends the call
        # (tests/calls/test_symptoms.py, test_what_is_no_exception_does_not_slip_past).
        except BaseException as error:
            _fail(call, error)
            raise
        return result

    return request


def _request_async(wrapped: Any) -> Any:
    """In place of `AsyncAPIClient.request`, which every call of the asynchronous clients passes."""

    @wraps(wrapped)
    async def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        state, bound = runtime.state, wrapped.__get__(self, type(self))
        if state is None:
            return await bound(*args, **kwargs)
        call = _begin(state, self, args, kwargs)
        if getattr(call.options, "files", None):
            await _read_upload(call)
        try:
            call.make_current()
            result = await bound(*args, **kwargs)
            call.restore_context()
            call.on_return(result)
        except Refused as refused:
            _fail(call, refused.error)
            raise refused.error from None
        except BaseException as error:
            _fail(call, error)
            raise
        return result

    return request


def _fail(call: Call, error: BaseException) -> None:
    # A signal handler may raise anywhere, in `restore_context` too: here it is called again.
    try:
        call.fail(error)
    finally:
        call.restore_context()


async def _read_upload(call: Call) -> None:
    """Read a batch file in a thread, so that a long one does not hold up the event loop."""
    state = call.state
    try:
        upload = state.batches.upload(client_base_url(call.client).parts.host, call.options.url, call.options)
        if upload is not None:
            from anyio import to_thread  # the client needs it too

            call.assessment.batch = await to_thread.run_sync(state.batches.read, upload)
    except Exception as error:  # then it is read where the call is judged
        state.log_failure("reading a batch file", error)


def _begin(state: State, client: Any, args: Any, kwargs: Any) -> Call:
    """Begin a call; where a patch is missing in this release of the client, block mode refuses it."""
    if runtime.patched.missing and state.blocks:
        # Not sooner: it imports openai, and this may run while openai is being imported.
        from otel_residency.calls.violation import guard_failure

        raise guard_failure()
    # `options` is the second argument of `request(cast_to, options, …)`, in all releases since 1.40.
    return Call(state, client, args[1] if len(args) > 1 else kwargs.get("options"))


def _build_request(wrapped: Any) -> Any:
    """In place of `BaseClient._build_request`, which runs once an attempt, outside of retries."""

    @wraps(wrapped)
    def build_request(self: Any, *args: Any, **kwargs: Any) -> Any:
        request = wrapped.__get__(self, type(self))(*args, **kwargs)
        if runtime.state is not None:
            options = args[0] if args else kwargs.get("options")
            call = active_call.get()
            if call is not None:
                call.on_attempt(request, options)
            else:
                _begin_standalone(runtime.state, request, self, options)
        return request

    return build_request


def _begin_standalone(state: State, request: Any, client: Any, options: Any) -> None:
    """Make a call of a request that came past the patch of `request`; it begins when it is sent.

    Whoever wrapped `request` before us, or restores what was there before us, calls the original. A refusal
    comes at once, since the client would retry what is refused while it is sent.
    """
    call = Call(state, client, options)
    # It begins when it is sent: a program may build a request only to look at it
    # (tests/calls/test_instrumentor.py, test_requests_that_are_built_and_never_sent_are_no_calls).
    call.standalone = True
    request.extensions[EXTENSION] = call
    if state.blocks:
        try:
            call.on_attempt(request, options)
        except RefusalError as error:
            call.fail(error)
            raise


def _stream_init(follower: Callable[[Any, Call], Any]) -> Callable[[Any], Any]:
    """What takes the place of a stream's `__init__`, so that `follower` follows its events."""

    def make(wrapped: Any) -> Any:
        @wraps(wrapped)
        def init(self: Any, *args: Any, **kwargs: Any) -> None:
            wrapped.__get__(self, type(self))(*args, **kwargs)
            state = runtime.state
            if state is not None:
                try:
                    follow_stream(self, follower)
                except Exception as error:
                    state.log_failure("following a stream", error)

        return init

    return make
