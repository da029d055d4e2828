"""The patch of the openai client's WebSocket sessions: it notes which client opens one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from inspect import iscoroutinefunction
from types import ModuleType
from typing import Any, NamedTuple

from otel_residency.calls.context import opening_client
from otel_residency.patches.patching import replace, wrapped_by
from otel_residency.runtime.runtime import runtime

MODULES = (
    "beta.realtime.realtime",
    "beta.responses.responses",
    "live.forks",
    "live.live",
    "live.sideband",
    "realtime.realtime",
    "realtime.translations.translations",
    "responses.responses",
)
"""Modules of `openai.resources` that have managers of connections, in some release."""
_MANAGER = "ConnectionManager"
_OPENING = ("__enter__", "__aenter__", "enter")


class SessionClient(NamedTuple):
    """The client of a session, as far as a call needs it.

    Attributes:
        base_url: the base URL of its WebSockets.
    """

    base_url: Any


def session_client(client: Any) -> SessionClient:
    """`client` with the base URL that its WebSockets have."""
    base_url, of_sockets = client.base_url, client.websocket_base_url
    # The class of the client's own URL: httpx2 in openai 3, httpx before.
    return SessionClient(base_url if of_sockets is None else type(base_url)(str(of_sockets)))


def patch(module: ModuleType) -> None:
    """Patch what opens sessions in one of `MODULES`."""
    for name, manager in list(vars(module).items()):
        # A manager that a module only imports is patched where it is defined.
        if name.endswith(_MANAGER) and manager.__module__ == module.__name__:
            # Where there is this method, it opens the first connection and all later ones.
            for method in ("_connect_ws",) if hasattr(manager, "_connect_ws") else _OPENING:
                if hasattr(manager, method):
                    # The attribute is written `self.__client`, and Python puts the class name before it.
                    wrapper = _opening(f"_{name}__client", getattr(manager, method))
                    replace(module, f"{name}.{method}", partial(wrapped_by, wrapper), runtime.patched.miss)


def _opening(attribute: str, method: Any) -> Callable[..., Any]:
    """A wrapper of `method`, of a manager that has its client as `attribute`."""

    def opened(wrapped: Any, manager: Any, args: Any, kwargs: Any) -> Any:
        with _opening_by(manager, attribute):
            return wrapped(*args, **kwargs)

    async def opened_async(wrapped: Any, manager: Any, args: Any, kwargs: Any) -> Any:
        with _opening_by(manager, attribute):
            return await wrapped(*args, **kwargs)

    return opened_async if iscoroutinefunction(method) else opened


@contextmanager
def _opening_by(manager: Any, attribute: str) -> Iterator[None]:
    before = opening_client.get()
    # No `finally`: a signal handler may raise in it, and once more is then enough.
    try:
        # Not the client yet: the attribute is read when a session is judged, and a failure there counts as
        # one of ours.
        opening_client.set(partial(getattr, manager, attribute))
        yield
        opening_client.set(before)
    except BaseException:
        opening_client.set(before)
        raise
