"""Regions that the calls of a block or function must stay in; they can only tighten the policy.

They are kept in a context variable: asyncio tasks and `to_thread` inherit it; threads that an application
starts do not, unless it runs them in `contextvars.copy_context()`.
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
from otel_residency.runtime.runtime import runtime

P = ParamSpec("P")
T = TypeVar("T")


class Carrier(Protocol):
    """Carries requirements from service to service."""

    def read(self) -> tuple[Group, ...]:
        """The groups of regions that came with the request that is being served."""

    def write(self, groups: tuple[Group, ...]) -> Callable[[], None] | None:
        """Send `groups` along from now on; returns what ends it, if there is something to end."""


class Entry(NamedTuple):
    """One block that was entered.

    Attributes:
        requirement: the requirement of the block.
        stop: ends what was sent along to other services.
    """

    requirement: "Requirement"
    stop: Callable[[], None] | None


entered: ContextVar[tuple[Entry, ...]] = ContextVar("otel_residency.required", default=())
"""The blocks that were entered in this context, the outer one first."""


def required() -> tuple[Group, ...]:
    """The groups of regions that are required in this context, each once. Raises nothing."""
    entries, carrier = entered.get(), carrier_of_requirements()
    if not entries and carrier is None:
        return ()
    groups = dict.fromkeys(entry.requirement.group for entry in entries)
    if carrier is not None:
        groups.update(dict.fromkeys(carrier.read()))
    return tuple(groups)


def carrier_of_requirements() -> Carrier | None:
    """What carries requirements between services, if the policy names entries of the baggage."""
    carrier: Carrier | None = runtime.carrier
    return carrier


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
        before, stop = entered.get(), None
        try:
            carrier = carrier_of_requirements()
            stop = None if carrier is None else carrier.write((*required(), self.group))
            entered.set((*before, Entry(self, stop)))
            return self  # noqa: TRY300 - in an `else` a signal handler could raise before it
        except BaseException:  # of a signal handler: nobody leaves a block that was not entered
            if stop is not None:
                stop()
            entered.set(before)
            raise

    def __exit__(self, *_: object) -> None:
        try:
            self._leave()
        except BaseException:  # as above: the block is left all the same
            self._leave()
            raise

    def _leave(self) -> None:
        # Not by a token: a block that is left out of turn, or by the garbage collector in a context that
        # never entered it, must neither fail nor take another block's requirement away.
        entries = entered.get()
        # The last of them: one object may be entered more than once (tests/requirements/test_context.py,
        # test_one_object_may_be_entered_again).
        entry = next((each for each in reversed(entries) if each.requirement is self), None)
        if entry is not None:
            if entry.stop is not None:
                entry.stop()
            entered.set(tuple(each for each in entries if each is not entry))

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
            # A new one for each call: this object is shared by all calls of the function, in any thread.
            with Requirement(self.group):
                result = function(*args, **kwargs)
            # A plain function may return a coroutine or generator that another wrapper hides: it runs later,
            # so it gets the requirement too.
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
        # By hand, and not `yield from`: that would hold the requirement while the generator waits for its
        # consumer (tests/requirements/test_context.py,
        # test_a_generator_runs_under_its_requirement_and_waits_without).
        step, value = generator.send, None
        while True:
            try:
                with Requirement(group):
                    produced = step(value)
            except StopIteration as stop:
                # `StopIteration` raised inside of a generator would become a `RuntimeError` (PEP 479).
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
        # As above; `yield from` does not exist in asynchronous generators.
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
"""Kinds of functions whose body runs later: test for the function, test for its result, wrapper."""
