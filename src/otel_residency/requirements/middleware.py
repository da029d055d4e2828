"""Middleware for ASGI and WSGI: the calls of a request must stay in the regions that its customer requires.

The application gives a function that returns the regions of a request. Put the middleware inside of whatever
authenticates, so that the function knows the customer.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from collections.abc import Set as AbstractSet
from inspect import isawaitable
from logging import getLogger
from typing import Any, TypeAlias

from otel_residency.core.interruption import reraise_interruption
from otel_residency.core.regions import UNREADABLE, Group, read_group
from otel_residency.requirements.context import Requirement

_log = getLogger("otel_residency")

Regions: TypeAlias = str | list[str] | tuple[str, ...] | AbstractSet[str] | None
"""Codes of regions, or a text with codes separated by commas; `None` requires nothing."""
Scope: TypeAlias = MutableMapping[str, Any]
ASGIApp: TypeAlias = Callable[[Scope, Callable[..., Any], Callable[..., Any]], Awaitable[None]]
WSGIApp: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _Middleware:
    _logged = False

    def _requirement(self, regions: object) -> Requirement | None:
        """The requirement that `require` returned; if it can't be read, one that no region meets."""
        if regions is None:
            return None
        group = read_group(regions)
        if group == UNREADABLE:
            self._log_once(f"returned {type(regions).__name__} that names no regions")
        return Requirement(group)

    def _failed(self, error: Exception) -> Requirement:
        reraise_interruption()
        self._log_once(f"raised {type(error).__name__}")
        return Requirement(UNREADABLE)

    def _log_once(self, problem: str) -> None:
        """Log, once, that the application's function failed: no value, since that may be a customer's."""
        if self._logged:
            return
        self._logged = True
        consequence = "calls of such requests violate the policy (requirement.unknown)"
        try:
            _log.error("the function `require` of %s %s: %s", type(self).__name__, problem, consequence)
        except Exception:  # noqa: BLE001 - a handler of the application's may fail as well
            reraise_interruption()


class ResidencyASGIMiddleware(_Middleware):
    """Holds the calls of each request and WebSocket to the regions that `require` returns."""

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
        # The scope "lifespan" is no request (tests/requirements/test_middleware.py,
        # test_the_lifespan_is_left_alone).
        requirement = await self._of(scope) if scope["type"] in ("http", "websocket") else None
        if requirement is None:
            await self._app(scope, receive, send)
            return
        with requirement:
            await self._app(scope, receive, send)

    async def _of(self, scope: Scope) -> Requirement | None:
        try:
            regions = self._require(scope)
            return self._requirement(await regions if isawaitable(regions) else regions)
        except Exception as error:  # noqa: BLE001 - the application's function must not end its requests
            return self._failed(error)


class ResidencyWSGIMiddleware(_Middleware):
    """Holds the calls of each request to the regions that `require` returns."""

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
            # Within the requirement: `iter` may run code of the application.
            if self._parts is None:
                self._parts = iter(self._response)
            return next(self._parts)

    def close(self) -> None:
        # PEP 3333: a server calls `close` if there is one, and the application may make calls in it.
        close = getattr(self._response, "close", None)
        if close is not None:
            with Requirement(self._group):
                close()
