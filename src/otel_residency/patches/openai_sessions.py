"""Sessions that the client opens over WebSockets: which client it is, for whoever judges them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from inspect import iscoroutinefunction
from types import ModuleType
from typing import Any, NamedTuple

from otel_residency.calls.context import opened_by
from otel_residency.patches.install import wrap

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
"""Where in `openai.resources` there are managers of connections, in some release."""
_MANAGER = "ConnectionManager"
_OPENING = ("__enter__", "__aenter__", "enter")


class Opener(NamedTuple):
    """Who opens a session, as a call asks for its client."""

    base_url: Any


def opener_of(client: Any) -> Opener:
    """The client, with the base URL that its sockets have."""
    own, of_sockets = client.base_url, client.websocket_base_url
    return Opener(own if of_sockets is None else type(own)(str(of_sockets)))


def patch_managers(module: ModuleType) -> None:
    """Patch what opens sessions in one of `MODULES`."""
    for name, manager in list(vars(module).items()):
        if name.endswith(_MANAGER) and manager.__module__ == module.__name__:
            # Where there is this method, it opens the first connection and all later ones.
            for method in ("_connect_ws",) if hasattr(manager, "_connect_ws") else _OPENING:
                if hasattr(manager, method):
                    wrap(module, f"{name}.{method}", _opening(f"_{name}__client", getattr(manager, method)))


def _opening(attribute: str, method: Any) -> Callable[..., Any]:
    """A wrapper of `method`, of a manager that has its client as `attribute`."""

    def opened(wrapped: Any, manager: Any, args: Any, kwargs: Any) -> Any:
        with _opened_by(manager, attribute):
            return wrapped(*args, **kwargs)

    async def opened_async(wrapped: Any, manager: Any, args: Any, kwargs: Any) -> Any:
        with _opened_by(manager, attribute):
            return await wrapped(*args, **kwargs)

    return opened_async if iscoroutinefunction(method) else opened


@contextmanager
def _opened_by(manager: Any, attribute: str) -> Iterator[None]:
    before = opened_by.get()
    opened_by.set(partial(getattr, manager, attribute))
    try:
        yield
    finally:
        opened_by.set(before)
