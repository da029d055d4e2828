"""Middleware for ASGI and WSGI: the calls of a request are held to what its customer was promised.

Which customer a request is from is for the application to say, by a function that looks at the request after
it was authenticated. So put the middleware inside of whatever authenticates.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from inspect import isawaitable
from logging import getLogger
from typing import Any, TypeAlias

from otel_residency.core.regions import UNREADABLE, Group, read_group
from otel_residency.requirements.context import Requirement

_log = getLogger("otel_residency")

Regions: TypeAlias = str | list[str] | tuple[str, ...] | AbstractSet[str] | None
"""Codes of regions, or a text with codes separated by commas; `None` requires nothing."""
Scope: TypeAlias = MutableMapping[str, Any]
ASGIApp: TypeAlias = Callable[[Scope, Callable[..., Any], Callable[..., Any]], Awaitable[None]]
WSGIApp: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _Middleware:
    _told = False

    def _requirement(self, said: object) -> Requirement | None:
        """What `require` answered, as a requirement; where it can't be read, one that no region meets."""
        if said is None:
            return None
        group = read_group(said)
        if group == UNREADABLE:
            self._tell(f"gave {type(said).__name__} that names no regions")
        return Requirement(group)

    def _failed(self, error: Exception) -> Requirement:
        self._tell(f"raised {type(error).__name__}")
        return Requirement(UNREADABLE)

    def _tell(self, what: str) -> None:
        """Log, once, that the application's function failed: no value, since that may be a customer's."""
        if self._told:
            return
        self._told = True
        consequence = "calls of such requests violate the policy (requirement.unknown)"
        with suppress(Exception):  # a handler of the application's may fail as well
            _log.error("the function `require` of %s %s: %s", type(self).__name__, what, consequence)


class ResidencyASGIMiddleware(_Middleware):
    """Requires of every call, made while a request or a WebSocket is served, what `require` says of it."""

    def __init__(self, app: ASGIApp, require: Callable[[Scope], Regions | Awaitable[Regions]]) -> None:
        """Serve `app`.

        Args:
            app: the application, which may stream, run endpoints in threads and have background tasks.
            require: from the scope of a request to the regions that it requires, `None` for no requirement;
                may be asynchronous. If it raises, the calls of the request violate the policy.
        """
        self._app = app
        self._require = require

    async def __call__(self, scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        """Serve one request. Raises only what `app` raises."""
        requirement = await self._of(scope) if scope["type"] in ("http", "websocket") else None
        if requirement is None:
            await self._app(scope, receive, send)
            return
        with requirement:
            await self._app(scope, receive, send)

    async def _of(self, scope: Scope) -> Requirement | None:
        try:
            said = self._require(scope)
            return self._requirement(await said if isawaitable(said) else said)
        except Exception as error:  # noqa: BLE001 - the application's function must not end its requests
            return self._failed(error)


class ResidencyWSGIMiddleware(_Middleware):
    """Requires of every call, made while a request is served, what `require` says of it."""

    def __init__(self, app: WSGIApp, require: Callable[[dict[str, Any]], Regions]) -> None:
        """Serve `app`.

        Args:
            app: the application; its response is iterated and closed under the requirement too.
            require: from the environ of a request to the regions that it requires, `None` for no
                requirement. If it raises, the calls of the request violate the policy.
        """
        self._app = app
        self._require = require

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request. Raises only what `app` raises."""
        requirement = self._of(environ)
        if requirement is None:
            return self._app(environ, start_response)
        with requirement:
            response = self._app(environ, start_response)
        # A list runs nothing of the application's, and servers ask for its length.
        return response if isinstance(response, list | tuple) else _Response(response, requirement.group)

    def _of(self, environ: dict[str, Any]) -> Requirement | None:
        try:
            return self._requirement(self._require(environ))
        except Exception as error:  # noqa: BLE001 - as above
            return self._failed(error)


class _Response:
    """A response that is iterated and closed under a requirement."""

    def __init__(self, response: Iterable[bytes], group: Group) -> None:
        self._response = response
        self._group = group
        self._parts: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with Requirement(self._group):
            if self._parts is None:
                self._parts = iter(self._response)
            return next(self._parts)

    def close(self) -> None:
        close = getattr(self._response, "close", None)
        if close is not None:
            with Requirement(self._group):
                close()
