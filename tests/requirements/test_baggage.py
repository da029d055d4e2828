"""Requirements in baggage: sent along, trusted by key alone, and harmless whatever somebody puts there."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

import openai
import pytest
from opentelemetry import context
from opentelemetry.baggage import get_all, set_baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.trace import use_span

from otel_residency import ResidencyInstrumentor, ResidencyViolationError, require
from otel_residency.core.regions import UNREADABLE
from otel_residency.requirements.context import required
from tests.internet import EU, US, Internet
from tests.recorded import Instrument

KEY = "acme.residency"
BOTH = {"read": [KEY], "write": KEY}
EU_ONLY = (("eu",),)
PROPAGATOR = W3CBaggagePropagator()


@contextmanager
def arrived(header: str) -> Iterator[None]:
    """Serve a request that came with this baggage header."""
    token = context.attach(PROPAGATOR.extract({"baggage": header}, context.Context()))
    try:
        yield
    finally:
        context.detach(token)


@contextmanager
def there(**entries: object) -> Iterator[None]:
    """Have entries in the baggage, by `KEY` for `key`."""
    inner = context.get_current()
    for name, value in entries.items():
        inner = set_baggage(KEY if name == "key" else name, value, inner)
    token = context.attach(inner)
    try:
        yield
    finally:
        context.detach(token)


def sent() -> str:
    """The header that a request to another service would carry."""
    carrier: dict[str, str] = {}
    PROPAGATOR.inject(carrier)
    return carrier.get("baggage", "")


def call(host: str) -> None:
    """One call of the real client."""
    with openai.OpenAI(base_url=f"https://{host}/v1", max_retries=0) as client:
        client.embeddings.create(model="text-embedding-3-small", input="Hello")


def test_no_key_is_trusted_that_the_policy_does_not_name(instrument: Instrument) -> None:
    """Without the table `[baggage]` nothing is read and nothing is written."""
    instrument()
    with arrived(f"{KEY}=us"), require("eu"):
        assert (required(), sent()) == (EU_ONLY, f"{KEY}=us")


def test_what_is_only_read_is_not_written(instrument: Instrument) -> None:
    """A key to read is none to write."""
    instrument(baggage={"read": [KEY]})
    with arrived(f"{KEY}=us"), require("eu"):
        assert (required(), sent()) == ((("eu",), ("us",)), f"{KEY}=us")


def test_another_key_is_not_read(instrument: Instrument) -> None:
    """Keys are compared whole and as they are written."""
    instrument(baggage={"read": [KEY]})
    with arrived(f"{KEY}.x=us,{KEY.upper()}=us,x{KEY}=us"):
        assert required() == ()


@pytest.mark.parametrize(
    ("header", "groups"),
    [
        (f"{KEY}=eu", EU_ONLY),
        (f"{KEY}=eu%2Cgb", (("eu", "gb"),)),
        (f"{KEY}=GB%2C%20EU;meta=1", (UNREADABLE,)),
        (f"{KEY}=us,{KEY}=eu", EU_ONLY),
        (f"{KEY}=eu,other=us", (("eu",), ("us",))),
        (f"{KEY}=none", ((),)),
        (f"{KEY}=", (UNREADABLE,)),
        (f"{KEY}=%20", (UNREADABLE,)),
        (f"{KEY}=e%2575", (UNREADABLE,)),
        (f"{KEY}=eu%00", (UNREADABLE,)),
        (f"{KEY}=eu%0Aus", (UNREADABLE,)),
        (f"{KEY}=%1b%5b2J", (UNREADABLE,)),
        (f"{KEY}=%EF%BD%85u", (UNREADABLE,)),
        (f"{KEY}=%ff%fe", (UNREADABLE,)),
        (f"{KEY}=" + "eu%2C" * 600, (UNREADABLE,)),
        (f"{KEY}=" + "e" * 4000, (UNREADABLE,)),
        (f"{KEY}=" + "e" * 100_000, ()),
        (",".join(f"k{number}=us" for number in range(100)) + f",{KEY}=eu", EU_ONLY),
        (",".join(f"k{number}=us" for number in range(5000)), ()),
        ("=;,;,=%", ()),
    ],
    ids=range(20),
)
def test_what_arrives_is_read_or_stands_for_what_nothing_meets(
    instrument: Instrument, header: str, groups: tuple[Any, ...]
) -> None:
    """Each trusted key that arrives adds a group, one that nothing meets where it can't be read."""
    instrument(baggage={"read": [KEY, "other"]})
    with arrived(header):
        assert required() == groups


@pytest.mark.parametrize("value", [1, b"eu", ["eu", 1], object(), {}, "x" * 10**7], ids=range(6))
def test_values_that_were_never_text_are_read_without_failing(instrument: Instrument, value: object) -> None:
    """Within a process anything can stand in the baggage."""
    instrument(baggage={"read": [KEY]})
    with there(key=value):
        assert required() == (UNREADABLE,)


def test_a_baggage_that_fails_is_one_that_nothing_meets(
    instrument: Instrument, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where it can't be looked at, nothing is raised, and calls violate the policy."""

    def fail(*_: Any) -> None:
        raise ValueError("s3cret")

    instrument(baggage=BOTH)
    monkeypatch.setattr("otel_residency.requirements.baggage.get_baggage", fail)
    with require("eu"):
        assert required() == (("eu",), UNREADABLE)
    assert "failed in reading baggage: ValueError" in caplog.text
    assert "failed in writing baggage: ValueError" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("mode", ["flag", "block"])
@pytest.mark.parametrize("value", ["us", "us%2Cs3cret", "s3cret", "", "%1b%5bs3cret", "eu%3Bs3cret"])
def test_hostile_baggage_can_only_tighten(
    internet: Internet,
    instrument: Instrument,
    caplog: pytest.LogCaptureFixture,
    mode: str,
    value: str,
) -> None:
    """No value loosens an EU policy, nothing is raised but a refusal, and the value is told nowhere."""
    residency = instrument(baggage=BOTH, on_call=mode)
    with caplog.at_level(logging.DEBUG, "otel_residency"), arrived(f"{KEY}={value}"):
        for host in (EU, US):
            try:
                call(host)
            except ResidencyViolationError as refused:
                assert "s3cret" not in str(refused) + repr(refused.decision)  # noqa: PT017
    assert len(internet.hosts) == (0 if mode == "block" else 2)
    assert residency.values("residency.violation") == [True, True]
    reason = "requirement.conflict" if value == "us" else "requirement.unknown"
    assert all(reason in reasons for reasons in residency.values("residency.reasons"))
    assert "s3cret" not in residency.everything + caplog.text


def test_a_customer_s_region_crosses_services(internet: Internet, instrument: Instrument) -> None:
    """What one service requires, the next one holds its own calls to, under a policy that allows both."""
    residency = instrument(baggage=BOTH, require=["eu", "us"], on_call="block")
    with require("eu"):
        header = sent()
    with arrived(header):
        call(EU)
        with pytest.raises(ResidencyViolationError):
            call(US)
    assert (header, internet.hosts) == (f"{KEY}=eu", [EU])
    assert residency.values("residency.required") == [("eu",), ("eu",)]


def test_the_intersection_of_all_requirements_is_written(instrument: Instrument) -> None:
    """Nested blocks narrow the entry, a contradiction is written as such, and each way out puts back."""
    instrument(baggage={"write": KEY})
    with there(other="kept"):
        with require("eu", "gb", "us"):
            with require("us", "eu"):
                assert sent() == f"other=kept,{KEY}=eu%2Cus"
                with require("gb"):
                    assert sent() == f"other=kept,{KEY}=none"
            assert sent() == f"other=kept,{KEY}=eu%2Cgb%2Cus"
        assert sent() == "other=kept"


@pytest.mark.parametrize(
    ("found", "written"), [("eu,jp", "eu"), ("us", "none"), ("s3cret", "none"), (7, "none"), ("none", "none")]
)
def test_what_is_there_already_is_narrowed(instrument: Instrument, found: object, written: str) -> None:
    """An entry from further up is never widened, and one that can't be read allows nothing further down."""
    instrument(baggage={"write": KEY})
    with there(key=found):
        with require("eu", "gb"):
            assert get_all() == {KEY: written}
        assert get_all() == {KEY: found}


def test_what_is_written_outlasts_a_fresh_context(instrument: Instrument) -> None:
    """Requirements are known apart from the baggage, so an empty context does not lose them."""
    instrument(baggage=BOTH)
    with require("eu"):
        token = context.attach(context.Context())
        assert (sent(), required()) == ("", EU_ONLY)
        with require("eu", "gb"):
            assert sent() == f"{KEY}=eu"
        context.detach(token)
        assert sent() == f"{KEY}=eu"


async def test_leaving_elsewhere_is_silent(instrument: Instrument, caplog: pytest.LogCaptureFixture) -> None:
    """A block that is left in another context changes nothing there; that, and a wrong order, is no error."""
    instrument(baggage=BOTH)
    requirement = require("eu")
    copy_context().run(requirement.__enter__)
    requirement.__exit__()
    assert (sent(), required()) == ("", ())

    def out_of_turn() -> None:
        outer, inner = require("eu", "us"), require("us")
        outer.__enter__()
        inner.__enter__()
        outer.__exit__()
        assert sent() == f"{KEY}=us"
        inner.__exit__()

    copy_context().run(out_of_turn)

    @require("gb")
    async def steps() -> Any:
        yield sent()
        yield sent()

    left = steps()
    assert await asyncio.create_task(anext(left)) == f"{KEY}=gb"
    await asyncio.create_task(left.aclose())
    assert caplog.text == ""


def test_spans_within_a_block_keep_it(instrument: Instrument) -> None:
    """A span that begins and ends within puts back the context with the entry."""
    residency = instrument(baggage=BOTH)
    tracer = residency.tracer_provider.get_tracer("test")
    with require("eu"):
        with use_span(tracer.start_span("inner"), end_on_exit=True):
            assert sent() == f"{KEY}=eu"
        assert sent() == f"{KEY}=eu"
    assert sent() == ""


def test_switched_off_nothing_is_read_or_written(instrument: Instrument) -> None:
    """After `uninstrument()` the baggage is left alone."""
    instrument(baggage=BOTH)
    ResidencyInstrumentor().uninstrument()
    with arrived(f"{KEY}=us"), require("eu"):
        assert (required(), sent()) == (EU_ONLY, f"{KEY}=us")


@pytest.mark.parametrize(
    "table", [{"read": ["a b"]}, {"write": "a,b"}, {"read": [""]}, {"read": "x"}, {"rad": []}], ids=repr
)
def test_a_wrong_table_is_reported(table: Mapping[str, Any], instrument: Instrument) -> None:
    """A key that no propagator passes on, or a wrong type, is an error and makes the policy unreadable."""
    with pytest.raises(Exception, match="baggage") if table in ({"read": "x"}, {"rad": []}) else there():
        residency = instrument(baggage=table, on_call="block")
        with pytest.raises(ResidencyViolationError, match="baggage"):
            call(EU)
        assert "policy.unreadable" in residency.span["residency.reasons"]
