"""The wrappers of the client's functions, in the shape that wrapt calls them."""

from collections.abc import Callable
from typing import Any

from otel_residency.calls.call import Call, Refused
from otel_residency.calls.context import EXTENSION, current_call
from otel_residency.calls.state import State
from otel_residency.errors import RefusalError
from otel_residency.patches.install import switch
from otel_residency.patches.openai_streams import attach, follow, follow_async


def warm(state: State) -> None:
    """Read catalogue and policy while openai is imported, so that the first call need not."""
    try:
        _ = state.batches
    except Exception as error:
        state.failed("reading the catalogue", error)


def request(wrapped: Any, client: Any, args: Any, kwargs: Any) -> Any:
    """Around `SyncAPIClient.request`: every call of the synchronous clients."""
    state = switch.state
    if state is None:
        return wrapped(*args, **kwargs)
    call = _begin(state, client, args, kwargs)
    call.enter()
    try:
        result = wrapped(*args, **kwargs)
    except Refused as refused:
        call.raised(refused.error)
        raise refused.error from None
    except BaseException as error:
        call.raised(error)
        raise
    finally:
        call.leave()
    call.returned(result)
    return result


async def request_async(wrapped: Any, client: Any, args: Any, kwargs: Any) -> Any:
    """Around `AsyncAPIClient.request`: every call of the asynchronous clients."""
    state = switch.state
    if state is None:
        return await wrapped(*args, **kwargs)
    call = _begin(state, client, args, kwargs)
    if getattr(call.options, "files", None):
        await call.read_ahead()
    call.enter()
    try:
        result = await wrapped(*args, **kwargs)
    except Refused as refused:
        call.raised(refused.error)
        raise refused.error from None
    except BaseException as error:
        call.raised(error)
        raise
    finally:
        call.leave()
    call.returned(result)
    return result


def _begin(state: State, client: Any, args: Any, kwargs: Any) -> Call:
    """Begin a call; where a patch is missing in this release of the client, block mode refuses it."""
    if switch.missing and state.blocks:
        # Not sooner: it imports openai, and this may be the import of openai, asked for by that module.
        from otel_residency.calls.violation import guard_failure

        raise guard_failure()
    return Call(state, client, args[1] if len(args) > 1 else kwargs.get("options"))


def build_request(wrapped: Any, client: Any, args: Any, kwargs: Any) -> Any:
    """Around `BaseClient._build_request`: each attempt, outside of what the client catches and retries."""
    built = wrapped(*args, **kwargs)
    options = args[0] if args else kwargs.get("options")
    call = current_call.get()
    if call is not None:
        call.attempt(built, options)
    else:
        _let_go_alone(built, client, options)
    return built


def _let_go_alone(request: Any, client: Any, options: Any) -> None:
    """Make a call of a request that nobody announced: it begins when it is sent, if it ever is.

    Whoever wrapped `request` before us, or puts back what was there before us, calls the original. A refusal
    comes at once, since the client would try again what is refused on the way.
    """
    state = switch.state
    if state is None:
        return
    call = Call(state, client, options)
    call.alone = True
    request.extensions[EXTENSION] = call
    if state.blocks:
        try:
            call.attempt(request, options)
        except RefusalError as error:
            call.raised(error)
            raise


def _following(follower: Callable[[Any, Call], Any]) -> Callable[..., None]:
    """A wrapper for the `__init__` of a stream, whose events `follower` follows."""

    def after(wrapped: Any, stream: Any, args: Any, kwargs: Any) -> None:
        wrapped(*args, **kwargs)
        try:
            attach(stream, follower)
        except Exception as error:
            state = switch.state
            if state is not None:
                state.failed("following a stream", error)

    return after


stream_init, async_stream_init = _following(follow), _following(follow_async)
