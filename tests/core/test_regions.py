"""Groups of regions: what is read as one, and what is not."""

import pytest

from otel_residency.core.regions import UNREADABLE, common, read_group


@pytest.mark.parametrize(
    ("value", "group"),
    [
        ("eu", ("eu",)),
        (" EU ,\tgb,", ("eu", "gb")),
        (("gb", "eu", "eu"), ("eu", "gb")),
        (["eu,gb"], ("eu", "gb")),
        ({"eu"}, ("eu",)),
        (frozenset({"eu"}), ("eu",)),
        ("us-gov", ("us-gov",)),
        ("none", ()),
        ("none,eu", ("eu", "none")),
    ],
)
def test_a_requirement_is_read(value: object, group: tuple[str, ...]) -> None:
    """Texts and lists of texts name codes, in any case and order, each once."""
    assert read_group(value) == group


@pytest.mark.parametrize(
    "value",
    [
        *("", ",", " ", "eu;gb", "eu gb", "eu\ngb", "eu\x00", "e%75", "%65%75"),
        *("\N{FULLWIDTH LATIN SMALL LETTER E}u", "\N{KELVIN SIGN}r", "eu" * 200, "eu," * 90, ".", "-eu", "*"),
        *((), [], [1], ["eu", None], ["eu"] * 300, None, 1, b"eu", True, {"eu": 1}, object()),
        iter(["eu"]),
    ],
    ids=lambda value: repr(value).partition(" at 0x")[0],  # pytest-xdist wants the same in each process
)  # fmt: skip
def test_what_is_no_requirement_is_unreadable(value: object) -> None:
    """Whatever else it is, it stands for a requirement that nothing meets, and its text is gone."""
    assert read_group(value) == UNREADABLE


def test_what_groups_have_in_common() -> None:
    """Every group must hold; the order is that of the first."""
    assert common([("gb", "eu", "us")]) == ("gb", "eu", "us")
    assert common([("gb", "eu", "us"), ("us", "gb")]) == ("gb", "us")
    assert common([("eu",), ("us",)]) == ()
