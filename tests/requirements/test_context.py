"""What holds where: blocks, decorated functions, tasks and threads, and real calls within."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from threading import Thread
from typing import Any

import openai
import pytest

from otel_residency import ResidencyViolationError, require
from otel_residency.core.regions import UNREADABLE
from otel_residency.requirements.context import required
from tests.internet import EU, US, Internet
from tests.recorded import Instrument
from tests.vendor import SNAPSHOT

EU_ONLY = (("eu",),)


def chat(host: str) -> Any:
    """One call of the real client."""
    with openai.OpenAI(base_url=f"https://{host}/v1", max_retries=0) as client:
        return client.embeddings.create(model="text-embedding-3-small", input="Hello")


async def chat_async(host: str) -> Any:
    """The same, asynchronously."""
    async with openai.AsyncOpenAI(base_url=f"https://{host}/v1", max_retries=0) as client:
        return await client.embeddings.create(model="text-embedding-3-small", input="Hello")


# Blocks.


def test_a_block_requires_until_it_is_left() -> None:
    """Groups add up on the way in, each once, and are gone on the way out, also by an exception."""
    with require("gb", "eu"):
        assert required() == (("eu", "gb"),)
        with pytest.raises(KeyError), require("eu"), require("eu"):
            raise KeyError(required())
        assert required() == (("eu", "gb"),)
        with require("eu"), require("eu"):
            assert required() == (("eu", "gb"), ("eu",))
    assert required() == ()


async def test_an_asynchronous_block_is_the_same() -> None:
    """`async with` needs nothing but the task that it stands in."""
    async with require("eu"):
        await asyncio.sleep(0)
        assert required() == EU_ONLY
    assert required() == ()


@pytest.mark.parametrize(
    "regions", [(), ("",), ("eu ro",), (None,), (1,), (["eu"],), ("x" * 10_000,)], ids=repr
)
def test_what_can_not_be_read_raises_nothing_and_is_met_by_nothing(regions: Any) -> None:
    """A mistake in the regions of a customer is no error of the application's; no region meets it."""
    with require(*regions):
        assert required() == (UNREADABLE,)


def test_blocks_left_out_of_turn_take_nothing_of_another_with_them() -> None:
    """Whatever is left first, what is still entered holds."""
    first, second = require("eu"), require("gb")
    first.__enter__()
    second.__enter__()
    first.__exit__()
    assert required() == (("gb",),)
    second.__exit__()
    second.__exit__()
    assert required() == ()


def test_one_object_may_be_entered_again() -> None:
    """Entries count: it holds until it was left as often as it was entered."""
    again = require("eu")
    with again:
        with again:
            pass
        assert required() == EU_ONLY
    assert required() == ()


def test_a_block_that_is_left_in_another_context_changes_nothing_there() -> None:
    """The garbage collector may leave a block where nobody entered it: what holds there goes on holding."""
    requirement = require("eu")
    copy_context().run(requirement.__enter__)
    with require("eu"):
        requirement.__exit__()
        assert required() == EU_ONLY


# Decorated functions.


@require("eu")
def plain() -> tuple[Any, ...]:
    """Ask what is required."""
    return required()


@require("eu")
async def coroutine() -> tuple[Any, ...]:
    """The same, after a pause."""
    await asyncio.sleep(0)
    return required()


@require("eu")
def generator() -> Iterator[Any]:
    """The same at each step: gives back what it is sent, and ends with what is required at its end."""
    sent = None
    try:
        while sent != "stop":
            try:
                sent = yield (required(), sent)
            except ValueError as error:
                sent = str(error)
    finally:
        REQUIRED_AT_END.append(required())
    return "returned"


@require("eu")
async def async_generator() -> AsyncIterator[Any]:
    """The same, asynchronously."""
    sent = None
    try:
        while sent != "stop":
            try:
                sent = yield (required(), sent)
            except ValueError as error:
                sent = str(error)
            await asyncio.sleep(0)
    finally:
        REQUIRED_AT_END.append(required())


REQUIRED_AT_END: list[Any] = []


@pytest.fixture(autouse=True)
def _clear_required_at_end() -> None:
    REQUIRED_AT_END.clear()


def test_decorated_functions_stay_what_they_are() -> None:
    """Frameworks tell by the kind of a function how to call it."""
    assert not iscoroutinefunction(plain)
    assert iscoroutinefunction(coroutine)
    assert isgeneratorfunction(generator)
    assert isasyncgenfunction(async_generator)
    assert (plain.__name__, generator.__doc__) == ("plain", generator.__wrapped__.__doc__)  # type: ignore[attr-defined]


async def test_functions_and_coroutines_run_under_their_requirement() -> None:
    """It holds while they run, and not before or after."""
    waiting = coroutine()
    assert required() == ()
    assert (plain(), await waiting, required()) == (EU_ONLY, EU_ONLY, ())


def test_a_generator_runs_under_its_requirement_and_waits_without() -> None:
    """Each step holds it, what is sent and thrown arrives, and its value is returned."""
    steps = generator()
    assert (next(steps), required()) == ((EU_ONLY, None), ())
    assert (steps.send("a"), required()) == ((EU_ONLY, "a"), ())  # type: ignore[attr-defined]
    assert (steps.throw(ValueError("b")), required()) == ((EU_ONLY, "b"), ())  # type: ignore[attr-defined]
    with pytest.raises(StopIteration) as stopped:
        steps.send("stop")  # type: ignore[attr-defined]
    assert (stopped.value.value, REQUIRED_AT_END, required()) == ("returned", [EU_ONLY], ())


def test_what_a_generator_raises_arrives() -> None:
    """An error that it does not catch ends it."""
    steps = generator()
    next(steps)
    with pytest.raises(KeyError):
        steps.throw(KeyError("c"))  # type: ignore[attr-defined]
    assert (REQUIRED_AT_END, list(steps)) == ([EU_ONLY], [])


@pytest.mark.parametrize("how", ["close", "drop"])
def test_a_generator_is_closed_under_its_requirement(how: str) -> None:
    """What it does at its end, it does under its requirement, though that is the collector's doing."""
    steps = generator()
    next(steps)
    if how == "close":
        steps.close()  # type: ignore[attr-defined]
    del steps
    gc.collect()
    assert (REQUIRED_AT_END, required()) == ([EU_ONLY], ())


async def test_an_async_generator_runs_under_its_requirement_and_waits_without() -> None:
    """The same holds for asynchronous ones."""
    steps: Any = async_generator()
    assert (await anext(steps), required()) == ((EU_ONLY, None), ())
    assert (await steps.asend("a"), required()) == ((EU_ONLY, "a"), ())
    assert (await steps.athrow(ValueError("b")), required()) == ((EU_ONLY, "b"), ())
    with pytest.raises(StopAsyncIteration):
        await steps.asend("stop")
    assert REQUIRED_AT_END == [EU_ONLY]
    steps = async_generator()
    await anext(steps)
    await steps.aclose()
    steps = async_generator()
    await anext(steps)
    with pytest.raises(KeyError):
        await steps.athrow(KeyError("c"))
    assert (REQUIRED_AT_END, required()) == ([EU_ONLY] * 3, ())


async def test_what_a_plain_function_makes_runs_under_its_requirement() -> None:
    """A wrapper that is no coroutine function, around one, hides when it runs: it is held all the same."""
    decorate = require("eu")
    assert await decorate(partial(coroutine.__wrapped__))() == EU_ONLY  # type: ignore[attr-defined]
    assert await decorate(lambda: coroutine.__wrapped__())() == EU_ONLY  # type: ignore[attr-defined] # noqa: PLW0108
    for step in decorate(lambda: generator.__wrapped__())():  # type: ignore[attr-defined] # noqa: PLW0108
        assert step == (EU_ONLY, None)
        break
    async for step in decorate(lambda: async_generator.__wrapped__())():  # type: ignore[attr-defined] # noqa: PLW0108
        assert step == (EU_ONLY, None)
        break
    assert required() == ()


class Desk:
    """Methods."""

    @require("eu")
    def method(self, one: int, *, two: int) -> tuple[Any, ...]:
        """Take arguments."""
        return self, one, two, required()

    @classmethod
    @require("eu")
    async def class_method(cls) -> tuple[Any, ...]:
        """Be one of the class."""
        return cls, required()


async def test_methods_get_their_arguments() -> None:
    """A decorated method is one."""
    desk = Desk()
    assert desk.method(1, two=2) == (desk, 1, 2, EU_ONLY)
    assert await Desk.class_method() == (Desk, EU_ONLY)


# Tasks and threads.


async def test_tasks_are_apart_and_inherit() -> None:
    """Two customers served at once do not mix; a task that is made within a block keeps what held there."""
    entered = asyncio.Event()

    async def serve(region: str) -> Any:
        with require(region):
            entered.set()
            await asyncio.sleep(0)
            return required()

    async def later() -> Any:
        await entered.wait()
        return required()

    with require("jp"):
        inherited = asyncio.create_task(later())
    assert await asyncio.gather(serve("eu"), serve("us")) == [EU_ONLY, (("us",),)]
    assert await inherited == (("jp",),)
    assert required() == ()


async def test_to_thread_inherits() -> None:
    """The library copies the context into the threads that it starts."""
    with require("eu"):
        assert await asyncio.to_thread(required) == EU_ONLY


def test_threads_inherit_where_they_are_run_in_a_copy_of_the_context() -> None:
    """A thread of an application begins with nothing, and so does a pool's."""
    found: list[Any] = []
    with ThreadPoolExecutor(1) as pool, require("eu"):
        assert pool.submit(required).result() == ()
        assert pool.submit(copy_context().run, required).result() == EU_ONLY
        for target in (required, partial(copy_context().run, required)):
            thread = Thread(target=lambda target=target: found.append(target()))  # type: ignore[misc]
            thread.start()
            thread.join()
    assert found == [(), EU_ONLY]


# Real calls.


def test_the_call_of_a_customer_must_go_to_his_region(internet: Internet, instrument: Instrument) -> None:
    """Under a policy that allows both, the call to the US is stopped for the EU customer alone."""
    residency = instrument(require=["eu", "us"], on_call="block")
    with require("eu"):
        chat(EU)
        with pytest.raises(ResidencyViolationError, match="eu is required") as refused:
            chat(US)
    with require("us"):
        chat(US)
    chat(US)
    assert internet.hosts == [EU, US, US]
    assert refused.value.decision is not None
    assert refused.value.decision.reasons == ("host.region_mismatch",)
    assert residency.values("residency.required") == [("eu",), ("eu",), ("us",), ("eu", "us")]
    assert residency.values("residency.action") == [None, "blocked", None, None]


@pytest.mark.parametrize("mode", ["flag", "block"])
def test_the_mode_of_the_policy_applies(internet: Internet, instrument: Instrument, mode: str) -> None:
    """A requirement that can't be met is flagged or refused as any violation, and says why."""
    residency = instrument(on_call=mode)
    for customer, reason in (("us", "requirement.conflict"), ("s3cret", "requirement.unknown")):
        with require(customer):
            if mode == "flag":
                chat(EU)
            else:
                with pytest.raises(ResidencyViolationError, match=reason):
                    chat(EU)
    assert len(internet.hosts) == (2 if mode == "flag" else 0)
    assert residency.values("residency.violation") == [True, True]
    assert len(residency.violations) == 2
    assert "s3cret" not in residency.everything


def test_nothing_but_a_requirement_makes_violations_possible(
    internet: Internet, instrument: Instrument
) -> None:
    """With no region in the policy, who asks for one gets it."""
    residency = instrument(require=[], on_call="block")
    chat(US)
    with require("eu"), pytest.raises(ResidencyViolationError):
        chat(US)
    assert (internet.hosts, residency.values("residency.violation")) == ([US], [False, True])


async def test_customers_that_are_served_at_once(internet: Internet, instrument: Instrument) -> None:
    """Each task's calls are held to its own requirement."""
    instrument(require=["eu", "us"], on_call="block")

    async def serve(region: str) -> list[str]:
        made = []
        async with require(region):
            for host in (EU, US):
                try:
                    await chat_async(host)
                    made.append(host)
                except ResidencyViolationError:
                    pass
        return made

    served = await asyncio.gather(*map(serve, ["eu", "us", "eu", "us"]))
    assert served == [[EU], [US], [EU], [US]]
    assert sorted(internet.hosts) == [EU, EU, US, US]


def test_a_stream_is_judged_by_the_requirement_of_its_request(
    internet: Internet, instrument: Instrument
) -> None:
    """It may be read after the block."""
    residency = instrument(require=["eu", "us"])
    messages: Any = [{"role": "user", "content": "Hello"}]
    with openai.OpenAI(base_url=f"https://{US}/v1") as client:
        with require("eu"):
            stream = client.chat.completions.create(model=SNAPSHOT, messages=messages, stream=True)
        assert list(stream)
    assert internet.hosts == [US]
    assert (residency.span["residency.required"], residency.span["residency.violation"]) == (("eu",), True)


def test_the_project_that_the_client_names_chooses_the_rule(
    internet: Internet, instrument: Instrument
) -> None:
    """`project=` of the client is a header, by which the policy tells a team of the US from the rest."""
    rule = {"when": {"project": "proj_test"}, "require": ["us"]}
    residency = instrument(rule=[rule], on_call="block")
    base = f"https://{US}/v1"
    with openai.OpenAI(base_url=base, project="proj_test") as client:
        client.embeddings.create(model="text-embedding-3-small", input="Hello")
    with openai.OpenAI(base_url=base, project="proj_else") as client, pytest.raises(ResidencyViolationError):
        client.embeddings.create(model="text-embedding-3-small", input="Hello")
    assert internet.hosts == [US]
    assert residency.values("residency.required") == [("us",), ("eu",)]
