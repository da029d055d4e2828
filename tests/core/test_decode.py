"""Plain data to named tuples: every mistake is told with its place, its value and what is allowed."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, NamedTuple

import pytest

from otel_residency.core.decode import DecodeError, decode, decode_value, field_types, to_plain
from otel_residency.core.policy import Policy


class Inner(NamedTuple):
    """A table within a table."""

    name: str
    size: int = 1


class Outer(NamedTuple):
    """One key of each kind."""

    word: str
    number: int = 0
    truth: bool = False
    day: date | None = None
    choice: Literal["red", "green"] = "red"
    words: tuple[str, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    named: Mapping[str, Inner] = {}


WHOLE = {
    "$schema": "ignored",
    "word": "w",
    "number": 7,
    "truth": True,
    "day": "2026-11-20",
    "choice": "green",
    "words": ["a", "b"],
    "groups": [["a"], ["b", "c"]],
    "inner": {"name": "i"},
    "inners": [{"name": "i", "size": 2}],
    "named": {"x.y": {"name": "n"}},
}


def test_data_that_fits_becomes_what_describes_it() -> None:
    """Lists become tuples, tables become named tuples, texts become dates; nothing else changes."""
    assert decode(Outer, WHOLE) == Outer(
        "w",
        7,
        True,  # noqa: FBT003
        date(2026, 11, 20),
        "green",
        ("a", "b"),
        (("a",), ("b", "c")),
        Inner("i"),
        (Inner("i", 2),),
        {"x.y": Inner("n")},
    )


def test_what_is_left_out_has_its_default() -> None:
    """Only field_types without a default are required."""
    assert Outer("w") == decode(Outer, {"word": "w"})


def test_dates_of_toml_are_dates() -> None:
    """A date that the parser already made is taken as it is."""
    assert date(2026, 11, 20) == decode(Outer, {"word": "w", "day": date(2026, 11, 20)}).day


@pytest.mark.parametrize(
    ("change", "place", "problem"),
    [
        ({"wrod": "w"}, "wrod", "unknown key; known are: choice, day, groups, inner, inners, named, "),
        ({"a.b": 1}, '"a.b"', "unknown key"),
        ({"word": 7}, "word", "7 is not a string"),
        ({"word": None}, "word", "null is not a string"),
        ({"number": "7"}, "number", "'7' is not a whole number"),
        ({"number": True}, "number", "true is not a whole number"),
        ({"number": 7.0}, "number", "7.0 is not a whole number"),
        ({"truth": 1}, "truth", "1 is not true or false"),
        ({"truth": "true"}, "truth", "'true' is not true or false"),
        ({"day": "20.11.2026"}, "day", "'20.11.2026' is not a date like 2026-11-20"),
        ({"day": 20261120}, "day", "20261120 is not a date"),
        ({"choice": "blue"}, "choice", "'blue' is not one of: red, green"),
        ({"choice": []}, "choice", "a list is not one of: red, green"),
        ({"words": "a"}, "words", "'a' is not a list"),
        ({"words": ["a", 1]}, "words[1]", "1 is not a string"),
        ({"groups": [["a"], "b"]}, "groups[1]", "'b' is not a list"),
        ({"inner": "i"}, "inner", "'i' is not a table"),
        ({"inner": {}}, "inner.name", "this key is missing"),
        (
            {"inners": [{"name": "i"}, {"name": "j", "size": "k"}]},
            "inners[1].size",
            "'k' is not a whole number",
        ),
        ({"named": []}, "named", "a list is not a table"),
        ({"named": {"x.y": {"name": 1}}}, 'named."x.y".name', "1 is not a string"),
    ],
)
def test_a_mistake_is_reported_with_its_place(change: dict[str, Any], place: str, problem: str) -> None:
    """The message begins with the path of the key, and says what stands there and what may."""
    with pytest.raises(DecodeError) as caught:
        decode(Outer, {**WHOLE, **change})
    assert place == caught.value.place
    assert caught.value.problem.startswith(problem)
    assert str(caught.value) == f"{place}: {caught.value.problem}"


@pytest.mark.parametrize(
    ("change", "value", "fix"),
    [
        ({"wrod": "w"}, "wrod", "Write word."),
        ({"colour": "w"}, "colour", "Remove it, or write a known one."),
        ({"number": "7"}, "7", "Write a whole number."),
        ({"truth": 1}, "1", "Write true or false."),
        ({"choice": "blue"}, "blue", "Write one of: red, green."),
        ({"day": "x"}, "x", "Write a date like 2026-11-20."),
        ({"words": "a"}, "a", 'Write ["a"].'),
        ({"inners": {"name": "i"}}, "a table", "Write [[inners]]."),
        ({"inner": True}, "true", 'Write a table: inner = { name = "…", size = 1 }.'),
        ({"inners": [1]}, "1", 'Write a table: { name = "…", size = 1 }.'),
        ({"named": {"x.y": 1}}, "1", 'Write a table: { name = "…", size = 1 }.'),
        ({"named": 1}, "1", "Write a table: named = { … }."),
        ({"inner": {}}, "", 'Add name = "…".'),
    ],
)
def test_a_mistake_comes_with_its_value_and_a_fix(change: dict[str, Any], value: str, fix: str) -> None:
    """The fix names the nearest key, what is allowed, or an example of the table."""
    with pytest.raises(DecodeError) as caught:
        decode(Outer, {**WHOLE, **change})
    assert (caught.value.value, caught.value.fix) == (value, fix)


class Needed(NamedTuple):
    """One required key of each kind that an example has to show."""

    choice: Literal["red", "green"]
    words: tuple[str, ...]
    day: date | None
    named: Mapping[str, int]


def test_an_example_shows_every_required_key() -> None:
    """Each as TOML writes a value of its kind."""
    with pytest.raises(DecodeError) as caught:
        decode(Needed, 1)
    example = '{ choice = "red", words = ["…"], day = 2026-11-20, named = { … } }'
    assert caught.value.fix == f"Write a table: {example}."


def test_plain_data_is_what_is_built_from_again() -> None:
    """Fields with their default are left out, unless they are asked for."""
    value = decode(Outer, WHOLE)
    assert decode(Outer, to_plain(value)) == decode(Outer, to_plain(value, defaults=True)) == value
    assert to_plain(Inner("i")) == {"name": "i"}
    assert to_plain(Inner("i"), defaults=True) == {"name": "i", "size": 1}


@pytest.mark.parametrize("value", [None, 7, "w", [], [WHOLE]])
def test_what_is_no_table_is_reported_without_a_place(value: object) -> None:
    """The whole document is wrong, and has no key."""
    with pytest.raises(DecodeError) as caught:
        decode(Outer, value)
    assert caught.value.place == ""
    assert str(caught.value).endswith(" is not a table")


def test_a_place_can_be_given() -> None:
    """Who reads a part of a file says which."""
    with pytest.raises(DecodeError, match=r"^SCOPE: 'x' is not one of: red, green$"):
        decode_value(Literal["red", "green"], "x", "SCOPE")


def test_some_fields_are_no_keys() -> None:
    """What a class says is no key can't be written in a file."""
    assert set(Policy._fields) - {"seen_projects", "unreadable", "noted", "stated"} == set(
        field_types(Policy)
    )
    for name in ("unreadable", "stated"):
        with pytest.raises(DecodeError, match=rf"^{name}: unknown key"):
            decode(Policy, {name: "x"})
