"""The one method of httpx and httpx2 that runs for every request on the wire, whoever makes it.

What a request needs that is no call to a vendor is here, and is little; the rest is imported for the first
one that may be.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from otel_residency.calls.context import EXTENSION, current_call
from otel_residency.patches.install import switch


def hop_wrappers(library: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Wrappers for `_send_single_request` of the two clients of `library`."""

    @cache
    def judging() -> tuple[Callable[..., Any], Callable[..., Any]]:
        from otel_residency.patches.http import judging_wrappers

        return judging_wrappers(library)

    def send(wrapped: Any, client: Any, args: Any, kwargs: Any) -> Any:
        if is_other(args, kwargs):
            return wrapped(*args, **kwargs)
        return judging()[0](wrapped, client, args, kwargs)

    async def send_async(wrapped: Any, client: Any, args: Any, kwargs: Any) -> Any:
        if is_other(args, kwargs):
            return await wrapped(*args, **kwargs)
        return await judging()[1](wrapped, client, args, kwargs)

    return send, send_async


def is_other(args: Any, kwargs: Any) -> bool:
    """Whether a request is known to be no call to a vendor."""
    state, request = switch.state, args[0] if args else kwargs.get("request")
    try:
        return (
            state is not None
            and request.url.raw_host in state.others
            and EXTENSION not in request.extensions
            and current_call.get() is None
        )
    except AttributeError:  # no request of the library's
        return False
