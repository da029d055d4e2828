"""What is required of the calls that are made right now, besides the policy: it can only tighten it.

Kept in a context variable: asyncio's tasks and `to_thread` inherit it, threads that an application starts
do not, unless it runs them in `contextvars.copy_context()`.
"""

from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import ContextVar
from functools import wraps
from inspect import (
    isasyncgen,
    isasyncgenfunction,
    iscoroutine,
    iscoroutinefunction,
    isgenerator,
    isgeneratorfunction,
)
from typing import Any, NamedTuple, ParamSpec, Protocol, Self, TypeVar, cast

from otel_residency.core.regions import Group, read_group

P = ParamSpec("P")
T = TypeVar("T")


class Crossing(Protocol):
    """How requirements go from service to service."""

    def read(self) -> tuple[Group, ...]:
        """The groups that came with what is being served."""

    def write(self, groups: tuple[Group, ...]) -> Callable[[], None] | None:
        """Send `groups` along from now on; gives what ends it, where there is something to end."""


class _Switch:
    crossing: Crossing | None = None
    """Set while the policy names entries of the baggage."""


class _Held(NamedTuple):
    """One entry into a requirement."""

    by: "Requirement"
    stop: Callable[[], None] | None


switch = _Switch()
_held: ContextVar[tuple[_Held, ...]] = ContextVar("otel_residency.required", default=())


def required() -> tuple[Group, ...]:
    """The groups of regions that are required here and now, each once. Raises nothing."""
    held, crossing = _held.get(), switch.crossing
    if not held and crossing is None:
        return ()
    groups = dict.fromkeys(each.by.group for each in held)
    if crossing is not None:
        groups.update(dict.fromkeys(crossing.read()))
    return tuple(groups)


def require(*regions: str) -> "Requirement":
    """Require that every call made within stays in one of `regions`, whatever else the policy allows.

    ```python
    with require("eu"):  # or: async with
        client.responses.create(...)


    @require("eu", "gb")  # functions, coroutines, generators and async generators
    async def summarise(claim): ...
    ```

    Requirements within one another must all hold. A generator's holds while it runs, not while it waits to
    be asked for more; so inside of a generator decorate it rather than to `yield` within `with`. Make a new
    one for each `with`.

    Args:
        regions: codes of the catalogue, such as `eu`, of which one is enough. What can't be read or is not
            known is not an error here: no region meets it, and calls violate the policy by the finding
            `requirement.unknown`.
    """
    return Requirement(read_group(regions))


class Requirement:
    """A context manager and decorator, made by `require`. Entering, leaving and calling raise nothing."""

    __slots__ = ("group",)

    def __init__(self, group: Group) -> None:
        """Require one of `group`."""
        self.group = group

    def __enter__(self) -> Self:
        held, crossing = _held.get(), switch.crossing
        stop = None if crossing is None else crossing.write((*required(), self.group))
        _held.set((*held, _Held(self, stop)))
        return self

    def __exit__(self, *_: object) -> None:
        # Not by a token: what is left out of turn, or by the garbage collector in a context that never
        # entered, must neither fail nor take another's requirement away.
        held = _held.get()
        mine = next((each for each in reversed(held) if each.by is self), None)
        if mine is not None:
            _held.set(tuple(each for each in held if each is not mine))
            if mine.stop is not None:
                mine.stop()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """`function`, and whatever it makes that runs later, under this requirement."""
        for of_function, _, kind in _KINDS:
            if of_function(function):
                return wraps(function)(kind(self.group, function))

        @wraps(function)
        def around(*args: P.args, **kwargs: P.kwargs) -> T:
            with Requirement(self.group):
                result = function(*args, **kwargs)
            for _, of_object, kind in _KINDS:
                if of_object(result):
                    return cast("T", kind(self.group, lambda: result)())
            return result

        return around


def _coroutine(group: Group, make: Callable[..., Any]) -> Callable[..., Any]:
    async def around(*args: Any, **kwargs: Any) -> Any:
        with Requirement(group):
            return await make(*args, **kwargs)

    return around


def _generator(group: Group, make: Callable[..., Any]) -> Callable[..., Any]:
    def around(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator = make(*args, **kwargs)
        step, value = generator.send, None
        while True:
            try:
                with Requirement(group):
                    produced = step(value)
            except StopIteration as stop:
                return stop.value
            try:
                value, step = (yield produced), generator.send
            except GeneratorExit:
                with Requirement(group):
                    generator.close()
                raise
            except BaseException as error:  # noqa: BLE001 - it is the generator's
                value, step = error, generator.throw

    return around


def _async_generator(group: Group, make: Callable[..., Any]) -> Callable[..., Any]:
    async def around(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        generator = make(*args, **kwargs)
        step, value = generator.asend, None
        while True:
            try:
                with Requirement(group):
                    produced = await step(value)
            except StopAsyncIteration:
                return
            try:
                value, step = (yield produced), generator.asend
            except GeneratorExit:
                with Requirement(group):
                    await generator.aclose()
                raise
            except BaseException as error:  # noqa: BLE001 - it is the generator's
                value, step = error, generator.athrow

    return around


_KINDS = (
    (iscoroutinefunction, iscoroutine, _coroutine),
    (isasyncgenfunction, isasyncgen, _async_generator),
    (isgeneratorfunction, isgenerator, _generator),
)
"""What runs after it was called: how its function is told, how it is told itself, and what goes around it."""
